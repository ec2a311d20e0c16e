"""MoCo v2: a view finds its twin, seen by a slow copy of the encoder, among a queue of others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.errors import UsageError
from benchmark.methods._joint import (
    JointEmbeddingMethod,
    MomentumOptions,
    Objective,
    follow,
    slow_copy,
)

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.augment import View
    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class MoCoOptions(MomentumOptions):
    """Sizes for pools of a few hundred radiographs."""

    temperature: float = Field(0.2, gt=0, description="As in MoCo v2.")
    queue: int = Field(
        4096,
        ge=2,
        description="Largest queue of negatives; never more than half of the pool, so that the "
        "queue seldom holds the query's own image (a queue of 65,536 with 200 images does).",
    )


class MoCo(JointEmbeddingMethod):
    """Momentum contrast with a queue: pretraining of the encoder.

    He et al.: Momentum contrast for unsupervised visual representation learning, CVPR 2020;
    Chen et al.: Improved baselines with momentum contrastive learning, 2020 (v2).
    """

    name = "moco"
    version = 2
    title = "MoCo v2"
    citation = "He et al.: Momentum contrast, CVPR 2020; Chen et al.: MoCo v2, 2020"
    Options = MoCoOptions
    options: MoCoOptions

    def objective(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Objective:
        """InfoNCE against the queue.

        Raises:
            UsageError: Half of the pool does not hold a batch.
        """
        import torch
        from lightly.loss import NTXentLoss
        from lightly.models.modules import MoCoProjectionHead

        options = self.options
        # A whole number of batches, because the queue drops what sticks out at its end.
        batches = min(options.queue, len(images) // 2) // trainer.batch_size
        if batches < 1:
            raise UsageError(
                f"moco: a queue of at most {min(options.queue, len(images) // 2)} does not hold a "
                f"batch of {trainer.batch_size}: lower pretraining.comparison_batch_size"
            )
        queue = batches * trainer.batch_size
        # Normalised as in MoCo v3 (Chen, Xie and He, ICCV 2021): averaged features of radiographs
        # of one kind are nearly parallel, and without it the queue stays at chance for long.
        head = MoCoProjectionHead(
            backbone.encoder_channels, options.hidden, options.output, batch_norm=True
        )
        slow_backbone, slow_head = slow_copy(backbone), slow_copy(head)
        contrast = NTXentLoss(options.temperature, memory_bank_size=(queue, options.output))

        def loss(first: View, second: View) -> Tensor:
            query = head(backbone.embed(first.images))
            with torch.no_grad():
                key = slow_head(slow_backbone.embed(second.images))
            value: Tensor = contrast(query, key)
            return value

        momentum = options.momentum_over(trainer.steps)
        return Objective(
            loss,
            heads=[head],
            after_step=follow([(backbone, slow_backbone), (head, slow_head)], momentum),
            keeps=[slow_backbone, slow_head, contrast],
            chance=math.log(1 + queue),
            chance_meaning=f"chance: log(1 + queue of {queue})",
        )
