"""VICReg: views agree, while each dimension keeps its variance and shares none with the others."""

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


class VICRegOptions(JointOptions):
    """Sizes for pools of a few hundred radiographs."""

    output: int = Field(
        64,
        ge=8,
        description="Width of the embeddings; 8192 in the paper, in batches of 2048. More "
        "dimensions than images in a batch cannot be without covariance.",
    )
    invariance: float = Field(
        25.0, gt=0, description="Weight of the views' distance, as published."
    )
    variance: float = Field(25.0, gt=0, description="Weight of the spread, as published.")
    covariance: float = Field(
        1.0, ge=0, description="Weight of what two dimensions share, as published."
    )


class VICReg(JointEmbeddingMethod):
    """Pretraining of the encoder without negatives: variance, invariance, covariance.

    Bardes, Ponce and LeCun: VICReg: variance-invariance-covariance regularization for
    self-supervised learning, ICLR 2022.
    """

    name = "vicreg"
    version = 1
    title = "VICReg"
    citation = "Bardes et al.: VICReg, ICLR 2022"
    Options = VICRegOptions
    options: VICRegOptions

    def objective(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Objective:
        """Distance of the views, a hinge on the standard deviations, and the covariances."""
        from lightly.loss import VICRegLoss
        from lightly.models.modules.heads import VICRegProjectionHead

        options = self.options
        head = VICRegProjectionHead(backbone.encoder_channels, options.hidden, options.output)
        terms = VICRegLoss(options.invariance, options.variance, options.covariance)

        def loss(first: View, second: View) -> Tensor:
            one, other = (head(backbone.embed(view.images)) for view in (first, second))
            return in_full_precision(terms, one, other)

        return Objective(
            loss,
            heads=[head],
            chance=chance(options.invariance, options.variance),
            chance_meaning="the views' embeddings have nothing to do with each other, at the best "
            "standard deviation",
        )


def chance(invariance: float, variance: float) -> float:
    """Least expected loss of independent embeddings, their covariances left out.

    At a standard deviation s two independent values are 2 s^2 apart in the mean, so the loss is
    ``invariance * 2 s^2 + variance * (1 - s)`` for s up to 1; 21.9 with the published weights.
    The collapse to one embedding is s = 0.

    Args:
        invariance: Weight of the views' distance.
        variance: Weight of the hinge.
    """
    spread = min(1.0, variance / (4 * invariance))
    return invariance * 2 * spread**2 + variance * (1 - spread)
