"""VICRegL: VICReg of whole images and of cells, matched by where they lie and by what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.methods._dense import Level, cell_centres, coarsest_level, whole_and_cells
from benchmark.methods._joint import (
    JointEmbeddingMethod,
    JointOptions,
    Objective,
    in_full_precision,
)

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.augment import View
    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class VICRegLOptions(JointOptions):
    """Sizes for pools of a few hundred radiographs."""

    whole: float = Field(
        0.75, ge=0, le=1, description="Weight of whole images, alpha; 0.75 in the paper."
    )
    invariance: float = Field(25.0, gt=0, description="Weight of the distance, as published.")
    variance: float = Field(25.0, gt=0, description="Weight of the spread, as published.")
    covariance: float = Field(
        1.0, ge=0, description="Weight of what two dimensions share, as published."
    )
    matches: int = Field(20, ge=1, description="Cells of the first view, as published.")
    matches_back: int = Field(4, ge=1, description="Cells of the second view, as released.")
    cells: int = Field(
        49,
        ge=1,
        description="The coarsest feature with so many cells is compared: 7 x 7 in the paper, on "
        "views of 224 px. Views of 64 px have 4 x 5 cells at stride 16, fewer than the matches.",
    )


class VICRegL(JointEmbeddingMethod):
    """Variance, invariance and covariance of images and of cells: pretraining of the encoder.

    Bardes, Ponce and LeCun: VICRegL: self-supervised learning of local visual features, NeurIPS
    2022. Two views of one size, without the paper's small crops.
    """

    name = "vicregl"
    title = "VICRegL"
    family = "dense"
    citation = "Bardes et al.: VICRegL, NeurIPS 2022"
    Options = VICRegLOptions
    options: VICRegLOptions

    def objective(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Objective:
        """VICReg of images, of the nearest cells, and of the most similar cells."""
        from lightly.loss import VICRegLLoss
        from lightly.models.modules.heads import (
            VicRegLLocalProjectionHead,
            VICRegProjectionHead,
        )

        options = self.options
        level = coarsest_level(backbone, images, options.view_size, options.cells)
        head = VICRegProjectionHead(backbone.encoder_channels, options.hidden, options.output)
        dense_head = VicRegLLocalProjectionHead(level.channels, options.hidden, options.output)
        terms = VICRegLLoss(
            options.invariance,
            options.variance,
            options.covariance,
            options.whole,
            num_matches=(options.matches, options.matches_back),
        )

        def loss(first: View, second: View) -> Tensor:
            views = (first, second)
            known = [whole_and_cells(backbone, view.images, level) for view in views]
            wholes = [head(whole) for whole, _ in known]
            cells = [dense_head(cells).unflatten(1, level.size) for _, cells in known]
            grids = [places_in_image(view, level) for view in views]

            def compare(*features: Tensor) -> Tensor:
                pairs = list(zip(features[:2], features[2:], strict=True))
                value: Tensor = terms(pairs, grids)
                return value

            return in_full_precision(compare, *wholes, *cells)

        return Objective(
            loss,
            heads=[head, dense_head],
            chance=chance(options),
            chance_meaning="the views' embeddings have nothing to do with each other, at the best "
            "standard deviation",
        )


def places_in_image(view: View, level: Level) -> Tensor:
    """(batch, height, width, 2): where the cells of a view lie in the image, x and y in px."""
    height, width = view.images.shape[2:]
    centres = cell_centres(level.size, (height, width), view.images)
    places = view.warp.sources(centres.expand(len(view.images), -1, -1))
    return places.view(-1, *level.size, 2)


def chance(options: VICRegLOptions) -> float:
    """Least expected loss of independent embeddings, their covariances left out.

    At a standard deviation s two independent values are 2 s^2 apart in the mean, so each of
    VICReg's losses is ``invariance * 2 s^2 + variance * (1 - s)`` for s up to 1. Cells have two of
    them, by place and by feature.
    """
    spread = min(1.0, options.variance / (4 * options.invariance))
    each = options.invariance * 2 * spread**2 + options.variance * (1 - spread)
    return (options.whole + 2 * (1 - options.whole)) * each
