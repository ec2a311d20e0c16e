"""Barlow Twins: each dimension of an embedding agrees between two views, and with no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

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


class BarlowTwinsOptions(JointOptions):
    """Sizes for pools of a few hundred radiographs."""

    redundancy: float = Field(
        0.05,
        gt=0,
        description="Weight of the correlations between dimensions, lambda. 0.005 in the paper for "
        "8192 dimensions, whose pairs outnumber them by as much; 128 copies of one dimension "
        "would then cost less than no agreement. Much more weighs the chance correlations of a "
        "small batch: with 32 images those cost a fifth of what disagreement does.",
    )


class BarlowTwins(JointEmbeddingMethod):
    """Pretraining of the encoder without negatives: the views' cross-correlation shall be one.

    Zbontar, Jing, Misra, LeCun and Deny: Barlow Twins: self-supervised learning via redundancy
    reduction, ICML 2021.
    """

    name = "barlowtwins"
    version = 1
    title = "Barlow Twins"
    citation = "Zbontar et al.: Barlow Twins, ICML 2021"
    Options = BarlowTwinsOptions
    options: BarlowTwinsOptions

    def objective(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Objective:
        """Distance of the views' cross-correlation matrix from the identity."""
        from lightly.loss import BarlowTwinsLoss
        from lightly.models.modules import BarlowTwinsProjectionHead

        options = self.options
        head = BarlowTwinsProjectionHead(backbone.encoder_channels, options.hidden, options.output)
        correlation = BarlowTwinsLoss(lambda_param=options.redundancy)

        def loss(first: View, second: View) -> Tensor:
            one, other = (head(backbone.embed(view.images)) for view in (first, second))
            return in_full_precision(correlation, one, other)

        return Objective(
            loss,
            heads=[head],
            chance=chance(options.output, trainer.batch_size, options.redundancy),
            chance_meaning="the views' embeddings have nothing to do with each other",
        )


def chance(width: int, batch: int, redundancy: float) -> float:
    """Expected loss of independent embeddings.

    A correlation of ``batch`` independent pairs has mean 0 and variance 1 / (batch - 1).

    Args:
        width: Number of dimensions.
        batch: Number of images.
        redundancy: Weight of the correlations between dimensions.
    """
    variance = 1 / (batch - 1)
    return width * (1 + variance) + redundancy * width * (width - 1) * variance
