"""Heatmaps: landmarks are encoded as unit-mass Gaussians and decoded to sub-pixel coordinates.

Coordinates are (x, y) in px of the heatmap; a pixel's centre has whole coordinates, so a map of
width w covers [-0.5, w - 0.5].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType

import torch
from torch import Tensor

from benchmark.contours import largest_region, released_contour
from benchmark.errors import UsageError

Size = tuple[int, int]
Decoder = Callable[[Tensor, float], Tensor]

SIGMA = 1.5
"""Default standard deviation of a target in px of the heatmap."""

REACH = 3
"""Sigmas from its peak within which a map is read."""

_NEWTON_STEPS = 10


def gaussian_axes(points: Tensor, size: Size, sigma: float = SIGMA) -> tuple[Tensor, Tensor]:
    """The two factors of :func:`gaussian_target`: its profile along x and along y.

    Args:
        points: (B, L, 2) x and y in px; NaN where a landmark is missing.
        size: (height, width) of the heatmap.
        sigma: Standard deviation in px.

    Returns:
        (B, L, width) and (B, L, height), each summing to one, or to zero for a missing landmark.
    """
    known = torch.isfinite(points).all(-1, keepdim=True)
    centre = torch.where(known, points, torch.zeros_like(points))
    if not centre.is_floating_point():
        centre = centre.float()
    profiles = []
    for axis, length in ((0, size[1]), (1, size[0])):
        grid = torch.arange(length, device=points.device, dtype=centre.dtype)
        distance = (grid - centre[..., axis : axis + 1]) / sigma
        # A softmax normalises without underflow, even for a centre far outside the grid.
        profiles.append((-0.5 * distance.square()).softmax(-1) * known)
    return profiles[0], profiles[1]


def gaussian_target(points: Tensor, size: Size, sigma: float = SIGMA) -> Tensor:
    """Encode landmarks as Gaussians of unit mass around their unrounded positions.

    The mass is normalised over the grid, so a Gaussian that the border cuts off has mass one too.

    Args:
        points: (B, L, 2) x and y in px; NaN where a landmark is missing.
        size: (height, width) of the heatmap.
        sigma: Standard deviation in px.

    Returns:
        (B, L, height, width) on the device of ``points``; zero for a missing landmark.
    """
    along_x, along_y = gaussian_axes(points, size, sigma)
    return along_y[..., :, None] * along_x[..., None, :]


def valid_landmarks(points: Tensor, size: Size) -> Tensor:
    """Which landmarks can be trained on: finite and inside the image.

    Args:
        points: (B, L, 2) x and y in px.
        size: (height, width) of the image.

    Returns:
        (B, L) bool.
    """
    # One number at a time: a tensor of both would be copied to the device, and waited for.
    x, y = points.unbind(-1)
    return (x >= -0.5) & (x <= size[1] - 0.5) & (y >= -0.5) & (y <= size[0] - 0.5)


def positive_weight(size: Size, sigma: float = SIGMA) -> float:
    """Weight of the foreground in binary cross-entropy: the root of the ratio of the two masses.

    A Gaussian of unit height covers 2 pi sigma^2 of the height x width pixels. With weight one
    the empty map is a good answer and training stays there; with the full ratio (1,160 at 128 px
    and sigma 1.5) the foreground swells. The geometric mean of the two is between.
    """
    foreground = 2 * math.pi * sigma**2
    return math.sqrt(max(size[0] * size[1] - foreground, foreground) / foreground)


def decode(logits: Tensor, decoder: str = "local", sigma: float = SIGMA) -> Tensor:
    """Turn a detector's output into coordinates.

    Args:
        logits: (B, L, height, width) raw outputs, of any floating type.
        decoder: A name in :data:`DECODERS`.
        sigma: Standard deviation in px of the targets that the detector was trained on.

    Returns:
        (B, L, 2) x and y in px, float32, within [-0.5, width - 0.5] and [-0.5, height - 0.5];
        NaN where a map has no finite value.

    Raises:
        UsageError: The decoder is unknown.
    """
    if decoder not in DECODERS:
        names = ", ".join(DECODERS)
        raise UsageError(f"There is no decoder '{decoder}'; choose one of {names}.")
    with torch.no_grad():
        return DECODERS[decoder](logits.detach().float(), sigma)


def _peak(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Column and row of the highest pixel of each map, (B, L) whole numbers."""
    # The row first: on a CPU torch finds a maximum five times as fast as its place.
    row = maps.amax(-1).argmax(-1)
    line = maps.gather(-2, row[..., None, None].expand(-1, -1, 1, maps.shape[-1]))
    return line[..., 0, :].argmax(-1), row


def _argmax(logits: Tensor, sigma: float) -> Tensor:
    """The highest pixel: off by 0.383 px on average, whatever the loss."""
    return torch.stack(_peak(logits), -1).float()


def _soft(logits: Tensor, sigma: float) -> Tensor:
    """Expectation over the whole map's softmax; only for ``softmax`` losses, biased at borders."""
    height, width = logits.shape[-2:]
    mass = logits.flatten(2).softmax(-1).view_as(logits)
    columns = torch.arange(width, device=logits.device, dtype=mass.dtype)
    rows = torch.arange(height, device=logits.device, dtype=mass.dtype)
    return torch.stack([mass.sum(-2) @ columns, mass.sum(-1) @ rows], -1)


def _parabola(logits: Tensor, sigma: float) -> Tensor:
    """Vertex of the parabola through three log-densities around the peak, an axis at a time.

    Exact for a Gaussian of any width, at borders too (the three pixels move inwards), but three
    pixels of a noisy map determine it badly: see :func:`_centre_from_mean`.
    """
    column, row = _peak(logits)
    height, width = logits.shape[-2:]
    lines = (
        logits.gather(2, row[..., None, None].expand(-1, -1, 1, width))[:, :, 0],
        logits.gather(3, column[..., None, None].expand(-1, -1, height, 1))[..., 0],
    )
    centres = []
    for line, peak in zip(lines, (column, row), strict=True):
        length = line.shape[-1]
        if length < 3:
            centres.append(peak.to(line.dtype))
            continue
        middle = peak.clamp(1, length - 2)
        three = middle[..., None] + torch.arange(-1, 2, device=line.device)
        before, at, after = line.gather(-1, three).unbind(-1)
        curvature = (before - 2 * at + after).clamp_max(-1e-6)
        offset = 0.5 * (before - after) / curvature
        centre = middle + torch.nan_to_num(offset).clamp(-1.5, 1.5)
        centres.append(centre.clamp(-0.5, length - 0.5))
    return torch.stack(centres, -1)


def _window(maps: Tensor, radius: int) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Cut a square around each peak.

    Returns:
        The values (B, L, 2 radius + 1, 2 radius + 1), and the coordinates (B, L, 2 radius + 1) of
        the columns and rows. They may lie outside the map, where the values repeat the border
        and have to be masked.
    """
    height, width = maps.shape[-2:]
    offsets = torch.arange(-radius, radius + 1, device=maps.device)
    column, row = _peak(maps)
    columns, rows = column[..., None] + offsets, row[..., None] + offsets
    index = (
        rows.clamp(0, height - 1)[..., :, None] * width + columns.clamp(0, width - 1)[..., None, :]
    )
    values = maps.flatten(2).gather(-1, index.flatten(2)).view(index.shape)
    return values, (columns, rows)


def _centre_from_mean(mean: Tensor, grid: Tensor, inside: Tensor, sigma: float) -> Tensor:
    """The centre of the Gaussian whose mean over the window is the one that was measured.

    Over a window, and over what the image's border leaves of it, a Gaussian's mean is not its
    centre: at the border it is 1.5 px off. Discretised Gaussians of known sigma on a fixed window
    are an exponential family in their centre, so matching the mean is maximum likelihood, the
    mean grows with the centre, d mean / d centre = variance / sigma^2, and Newton converges.

    Chosen by simulation (300 maps, targets of sigma 1.5, smooth noise on the log-density with
    standard deviation 0.5; mean error in px inside / within 3 px of a border): this 0.33 / 0.43,
    the plain windowed mean 0.33 / 0.67, the log-parabola 0.60 / 0.58, argmax 0.73 / 0.72; with
    noise 1.0: 0.67 / 0.77, 0.68 / 0.86, 1.14 / 1.07, 1.20 / 1.16. Without noise it is exact.

    Args:
        mean: (B, L) measured mean in px.
        grid: (B, L, n) coordinates of the window's pixels along the axis.
        inside: (B, L, n) which of them lie in the image.
        sigma: Standard deviation of the target in px.

    Returns:
        (B, L) centres, at most half a pixel outside the window.
    """
    lowest = grid.masked_fill(~inside, torch.inf).amin(-1) - 0.5
    highest = grid.masked_fill(~inside, -torch.inf).amax(-1) + 0.5
    centre = mean.clone()
    for _ in range(_NEWTON_STEPS):
        energy = -0.5 * ((grid - centre[..., None]) / sigma).square()
        mass = energy.masked_fill(~inside, -torch.inf).softmax(-1)
        expected = (mass * grid).sum(-1)
        variance = (mass * (grid - expected[..., None]).square()).sum(-1)
        step = (mean - expected) * sigma**2 / variance.clamp_min(1e-3 * sigma**2)
        centre = (centre + step.clamp(-sigma, sigma)).clamp(lowest, highest)
    return centre


def _local(maps: Tensor, sigma: float, mass_of: Callable[[Tensor], Tensor]) -> Tensor:
    """Sub-pixel centre from the mass within three sigma of the highest pixel."""
    values, grids = _window(maps, max(1, math.ceil(REACH * sigma)))
    sizes = (maps.shape[-1], maps.shape[-2])
    inside = [(grid >= 0) & (grid < size) for grid, size in zip(grids, sizes, strict=True)]
    mass = mass_of(values) * (inside[1][..., :, None] & inside[0][..., None, :])
    mass = mass / mass.sum((-1, -2), keepdim=True)
    centres = []
    for axis, marginal in enumerate((mass.sum(-2), mass.sum(-1))):
        grid = grids[axis].to(mass.dtype)
        mean = (marginal * grid).sum(-1)
        centres.append(_centre_from_mean(mean, grid, inside[axis], sigma))
    return torch.stack(centres, -1)


def _local_softmax(logits: Tensor, sigma: float) -> Tensor:
    """Local estimate on the spatial softmax; for the loss ``softmax``."""
    # The softmax's denominator cancels within the window.
    return _local(logits, sigma, lambda window: (window - window.amax((-1, -2), True)).exp())


def _local_sigmoid(logits: Tensor, sigma: float) -> Tensor:
    """Local estimate on the sigmoid, freed of the positive weight; for the loss ``bce``."""
    height, width = logits.shape[-2:]
    shift = math.log(positive_weight((height, width), sigma))
    return _local(logits, sigma, lambda window: (window - shift).sigmoid())


def _local_linear(logits: Tensor, sigma: float) -> Tensor:
    """Local estimate on the raw map, negative values cut; for the losses ``mse`` and ``awing``."""
    # A map that is nowhere positive keeps its highest pixel.
    return _local(
        logits,
        sigma,
        lambda window: window.clamp_min(0) + 1e-9 * (window == window.amax((-1, -2), True)),
    )


DECODERS: MappingProxyType[str, Decoder] = MappingProxyType(
    {
        "local": _local_softmax,
        "local-sigmoid": _local_sigmoid,
        "local-linear": _local_linear,
        "argmax": _argmax,
        "parabola": _parabola,
        "soft": _soft,
        "contour": largest_region,
        "released-contour": released_contour,
    }
)
"""Decoders by name; each maps (B, L, height, width) logits and sigma to (B, L, 2) px."""
