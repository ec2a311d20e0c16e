"""Where features lie in the image: what methods that compare places of two views share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.augment import View
    from benchmark.backbones.base import Backbone
    from benchmark.unlabelled import UnlabelledImages


@dataclass(frozen=True)
class Level:
    """A feature of the encoder.

    Attributes:
        index: Its place in the list that ``backbone.encode`` gives.
        channels: Its channels.
        size: (height, width) in cells.
    """

    index: int
    channels: int
    size: tuple[int, int]


def coarsest_level(
    backbone: Backbone, images: UnlabelledImages, view_size: float, cells: int
) -> Level:
    """The coarsest feature of a view that has a number of cells, or else the finest one.

    Args:
        backbone: The network.
        images: The pool, whose size the views' size follows.
        view_size: Side of a view, as a share of the image's.
        cells: Cells that the feature has at least.
    """
    import torch

    view = one_view(images, view_size)
    training = backbone.training
    with torch.no_grad():
        # In training mode batch normalisation would take this one view into its averages.
        features = backbone.eval().encode(view.images)
    backbone.train(training)
    # The first is the image itself in some backbones.
    levels = [
        Level(index, feature.shape[1], (feature.shape[2], feature.shape[3]))
        for index, feature in enumerate(features)
        if index > 0
    ]
    enough = [level for level in levels if level.size[0] * level.size[1] >= cells]
    return enough[-1] if enough else levels[0]


def one_view(images: UnlabelledImages, view_size: float) -> View:
    """A view of the pool's first image, for sizes; it takes no random number from the run."""
    import torch

    from benchmark.augment import pretraining_views

    image = images.take(1)
    return pretraining_views(image, torch.Generator(image.device), size=view_size)[0]


def whole_and_cells(backbone: Backbone, images: Tensor, level: Level) -> tuple[Tensor, Tensor]:
    """What the encoder knows of the images and of their cells, in one pass.

    Returns:
        ``backbone.embed``'s (batch, encoder_channels), and (batch, cells, channels) of the level,
        row by row.
    """
    features = backbone.encode(images)
    cells = features[level.index].flatten(2).transpose(1, 2)
    return features[-1].mean(dim=(-2, -1)), cells


def cell_centres(cells: tuple[int, int], size: tuple[int, int], like: Tensor) -> Tensor:
    """(height * width, 2): centres x and y in px of the cells that share an image, row by row.

    Args:
        cells: (height, width) of the feature.
        size: (height, width) of the image in px.
        like: Gives device and type.
    """
    import torch

    rows = (torch.arange(cells[0]).to(like) + 0.5) * (size[0] / cells[0]) - 0.5
    columns = (torch.arange(cells[1]).to(like) + 0.5) * (size[1] / cells[1]) - 0.5
    across, down = torch.meshgrid(columns, rows, indexing="xy")
    return torch.stack([across.flatten(), down.flatten()], -1)


def counterparts(first: View, second: View, places: Tensor) -> Tensor:
    """Where what lies at places (batch, n, 2) of the first view lies in the second, in px."""
    return second.warp.points(first.warp.sources(places))


def sampled(features: Tensor, places: Tensor, size: tuple[int, int]) -> Tensor:
    """Features between cells, bilinearly.

    Args:
        features: (batch, channels, h, w), which cover the image evenly.
        places: (batch, n, 2) x and y in px of the image.
        size: (height, width) of the image in px.

    Returns:
        (batch, n, channels).
    """
    from torch.nn.functional import grid_sample

    from benchmark.warp import constant

    sides = constant(places, size[1], size[0])
    grid = ((places + 0.5) * (2 / sides) - 1)[:, :, None]
    found = grid_sample(features, grid, padding_mode="border", align_corners=False)
    return found[..., 0].transpose(1, 2)
