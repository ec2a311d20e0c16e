"""The three damages of Models Genesis, for whole batches on their device.

Zhou, Sodha, Pang, Gotway and Liang: Models Genesis, Medical Image Analysis 2021, section 3. All
images are (batch, 1, height, width) in [0, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor

CURVE_POINTS = 256
BOXES = 5
ANOTHER_BOX = 0.95
BOX_SIDE = (1 / 6, 1 / 3)
KEPT_SIDE = (3 / 7, 4 / 7)


def change_grey(images: Tensor, inverted: Tensor, generator: torch.Generator) -> Tensor:
    """Map grey values by a random monotone curve, each image by its own.

    A cubic Bezier curve from (0, 0) to (1, 1) whose two inner control points lie in the unit
    square: it never falls, and stays in the square.

    Args:
        images: In [0, 1].
        inverted: (batch,) bool, where the curve falls from (0, 1) to (1, 0) instead.
        generator: The random stream.
    """
    inner = torch.rand(len(images), 2, 2, generator=generator, device=images.device)
    s = torch.linspace(0, 1, CURVE_POINTS, device=images.device)
    weights = torch.stack([3 * s * (1 - s) ** 2, 3 * s**2 * (1 - s)])
    x, y = (inner @ weights + s**3).unbind(dim=1)
    y = torch.where(inverted[:, None], 1 - y, y)
    grey = images.flatten(1)
    after = torch.searchsorted(x.contiguous(), grey).clamp(1, CURVE_POINTS - 1)
    x0, x1 = x.gather(1, after - 1), x.gather(1, after)
    y0, y1 = y.gather(1, after - 1), y.gather(1, after)
    share = ((grey - x0) / (x1 - x0).clamp_min(1e-9)).clamp(0, 1)
    return (y0 + share * (y1 - y0)).view_as(images)


def windows(images: Tensor, generator: torch.Generator) -> Tensor:
    """(batch, height * width): the number of each pixel's window, in a grid over the image.

    Sides are drawn an image, from 2 px to a tenth of the image's own; so is where the grid
    begins. The paper's windows overlap; here each pixel is moved once.
    """
    batch, _, height, width = images.shape

    def numbers(side: int) -> Tensor:
        draw = torch.rand(2, batch, 1, generator=generator, device=images.device)
        length = 2 + (draw[0] * max(1, side // 10 - 1)).long()
        begin = (draw[1] * length).long()
        return (torch.arange(side, device=images.device) + begin) // length

    rows, columns = numbers(height), numbers(width)
    return (rows[:, :, None] * width + columns[:, None, :]).flatten(1)


def shuffle_locally(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shuffle the pixels of each window among themselves: texture goes, the coarse image stays."""
    number = windows(images, generator).double()
    key = torch.rand(number.shape, generator=generator, device=images.device)
    # Both orders list window after window; the second in random order within each.
    places = number.argsort(dim=1, stable=True)
    drawn = (number + key).argsort(dim=1)
    grey = images.flatten(1)
    return torch.empty_like(grey).scatter_(1, places, grey.gather(1, drawn)).view_as(images)


def painted(images: Tensor, outside: Tensor, generator: torch.Generator) -> Tensor:
    """(batch, 1, height, width) bool: where the image is painted over.

    In-painting hides up to five boxes; out-painting hides all but up to five larger ones.

    Args:
        images: Only their shape matters.
        outside: (batch,) bool, where it is out-painting.
        generator: The random stream.
    """
    batch, _, height, width = images.shape
    draw = torch.rand(5, batch, BOXES, generator=generator, device=images.device)
    least, most = (
        torch.where(outside, *ends)[:, None] for ends in zip(KEPT_SIDE, BOX_SIDE, strict=True)
    )

    def inside(side: int, size: Tensor, place: Tensor) -> Tensor:
        length = (least + size * (most - least)) * side
        begin = (place * (side - length))[..., None]
        at = torch.arange(side, device=images.device)
        return (at >= begin) & (at < begin + length[..., None])

    # The first box is always there; each further one follows the one before by chance.
    more = draw[4] < ANOTHER_BOX
    more[:, 0] = True
    there = more.cumprod(dim=1).bool()[..., None, None]
    rows, columns = inside(height, draw[0], draw[1]), inside(width, draw[2], draw[3])
    boxes = (rows[..., :, None] & columns[..., None, :] & there).any(dim=1, keepdim=True)
    return boxes ^ outside[:, None, None, None]
