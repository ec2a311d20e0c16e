"""MoCo v3: a view finds its twin, seen by a slow copy of the network, inside the batch."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.methods._joint import (
    JointEmbeddingMethod,
    MomentumOptions,
    Objective,
    predict_slow_copy,
)

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class MoCoV3Options(MomentumOptions):
    """Sizes for pools of a few hundred radiographs."""

    temperature: float = Field(
        0.2, gt=0, description="As in the paper, section 4: 0.2 for ViTs; 1.0 for its ResNet-50."
    )


class MoCoV3(JointEmbeddingMethod):
    """Momentum contrast without a queue: pretraining of the encoder.

    Chen, Xie and He: An empirical study of training self-supervised vision transformers, ICCV
    2021, algorithm 1. Heads as in its release for convolutional networks: projector and predictor
    of two layers. The factor 2 x temperature of the loss is left out, because AdamW does not see
    it, and so that chance is log(batch).
    """

    name = "mocov3"
    title = "MoCo v3"
    citation = "Chen et al.: Training self-supervised vision transformers, ICCV 2021"
    Options = MoCoV3Options
    options: MoCoV3Options

    def objective(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Objective:
        """InfoNCE between predictions and the slow copy's projections of the same batch."""
        import torch
        from lightly.models.modules import BYOLPredictionHead, MoCoProjectionHead
        from torch.nn.functional import cross_entropy, normalize

        options = self.options
        projector = MoCoProjectionHead(
            backbone.encoder_channels, options.hidden, options.output, batch_norm=True
        )
        predictor = BYOLPredictionHead(options.output, options.hidden, options.output)

        def contrast(queries: Tensor, keys: Tensor) -> Tensor:
            logits = normalize(queries) @ normalize(keys).T / options.temperature
            return cross_entropy(logits, torch.arange(len(logits), device=logits.device))

        momentum = options.momentum_over(trainer.steps)
        return replace(
            predict_slow_copy(backbone, projector, predictor, contrast, momentum, trainer.steps),
            chance=math.log(trainer.batch_size),
            chance_meaning="chance: log(batch)",
        )
