"""Masked image modelling: the network fills in cells of the image that it is not shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.methods._restoration import (
    Damaged,
    Restoration,
    RestorationMethod,
    RestorationOptions,
    coarsest_size,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class MaskedOptions(RestorationOptions):
    """How much is hidden, and what is predicted."""

    share: float = Field(0.6, gt=0, lt=1, description="Of the cells that are hidden; as in SparK.")
    normalised: bool = Field(
        default=False,
        description="Predict each cell less its mean and over its standard deviation, as MAE and "
        "SparK do for photographs; in radiographs many cells are empty, and all noise then.",
    )


class Masked(RestorationMethod):
    """Masked image modelling for convolutional networks: encoder and decoder.

    Cells of the size of the encoder's coarsest position are hidden, in the image and again after
    each stage of the encoder, because convolutions would carry its surroundings into them. Tian
    et al.: Designing BERT for convolutional networks: sparse and hierarchical masked modeling,
    ICLR 2023. Their sparse batch normalisation is not there: statistics of a batch count the
    hidden places as well, which makes what is seen appear more spread than it is; so they are
    measured anew on whole images afterwards. Group normalisation counts them too, but keeps no
    statistics.
    """

    name = "masked"
    title = "Masked image modelling"
    citation = "Tian et al.: Designing BERT for convolutional networks (SparK), ICLR 2023"
    Options = MaskedOptions
    options: MaskedOptions

    def restoration(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Restoration:
        """Hidden cells are mid-grey in the image, zero in the features, and alone are counted."""
        import torch

        cells = coarsest_size(backbone, images)
        height, width = images.size
        cell = (height // cells[0], width // cells[1])

        def damage(clean: Tensor) -> Damaged:
            grid = hidden_cells(len(clean), cells, self.options.share, trainer.generator)
            hidden = grid.repeat_interleave(cell[0], -2).repeat_interleave(cell[1], -1)
            mean, deviation = self._scale(clean, cell)
            return Damaged(clean * (1 - hidden), (clean - mean) / deviation, counted=hidden)

        def features(damaged: Damaged) -> Tensor:
            assert damaged.counted is not None
            with backbone.masking(1 - damaged.counted):
                seen = backbone.encode(damaged.images)
            return backbone.decode(seen)

        def restored(damaged: Damaged, predicted: Tensor, true: Tensor) -> Tensor:
            # Each cell's own mean and contrast come from the truth, as in the figures of MAE.
            mean, deviation = self._scale(true, cell)
            assert damaged.counted is not None
            hidden = damaged.counted == 1
            return torch.where(hidden, predicted * deviation + mean, damaged.images)

        return Restoration(damage, features, restored)

    def _scale(self, images: Tensor, cell: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each pixel's cell; 0 and 1 where not normalised."""
        import torch
        import torch.nn.functional as F

        if not self.options.normalised:
            return torch.zeros_like(images), torch.ones_like(images)
        mean = F.avg_pool2d(images, cell)
        variance = F.avg_pool2d(images.square(), cell) - mean.square()
        deviation = variance.clamp_min(1e-4).sqrt()
        size = images.shape[-2:]
        return F.interpolate(mean, size), F.interpolate(deviation, size)


def hidden_cells(
    batch: int, cells: tuple[int, int], share: float, generator: torch.Generator
) -> Tensor:
    """(batch, 1, *cells): ones at the share of the cells that is hidden, the same in each image.

    At least one cell is hidden, and at least one is seen.
    """
    import torch

    total = cells[0] * cells[1]
    count = min(max(round(share * total), 1), total - 1)
    order = torch.rand(batch, total, generator=generator, device=generator.device).argsort(dim=1)
    hidden = torch.zeros(batch, total, device=generator.device)
    hidden.scatter_(1, order[:, :count], 1.0)
    return hidden.view(batch, 1, *cells)
