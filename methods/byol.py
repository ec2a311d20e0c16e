"""BYOL: a view predicts how a slow copy of the network sees its twin, without negatives."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from benchmark.methods._joint import (
    JointEmbeddingMethod,
    MomentumOptions,
    Objective,
    predict_slow_copy,
)

if TYPE_CHECKING:
    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class BYOL(JointEmbeddingMethod):
    """Self-distillation from a slow copy: pretraining of the encoder.

    Grill et al.: Bootstrap your own latent: a new approach to self-supervised learning, NeurIPS
    2020, section 3.
    """

    name = "byol"
    title = "BYOL"
    citation = "Grill et al.: Bootstrap your own latent, NeurIPS 2020"
    Options = MomentumOptions
    options: MomentumOptions

    def objective(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Objective:
        """Negative cosine between predictions and the slow copy's projections."""
        from lightly.loss import NegativeCosineSimilarity
        from lightly.models.modules import BYOLPredictionHead, BYOLProjectionHead

        options = self.options
        projector = BYOLProjectionHead(backbone.encoder_channels, options.hidden, options.output)
        predictor = BYOLPredictionHead(options.output, options.hidden, options.output)
        compare = NegativeCosineSimilarity()
        momentum = options.momentum_over(trainer.steps)
        return replace(
            predict_slow_copy(backbone, projector, predictor, compare, momentum, trainer.steps),
            chance=0.0,
            chance_meaning="chance: a cosine of 0",
        )
