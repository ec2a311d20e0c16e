"""MoCo v2: a view finds its twin, seen by a slow copy of the encoder, among a queue of others."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.errors import UsageError
from benchmark.methods._views import ViewOptions
from benchmark.plugins import Method

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class MoCoOptions(ViewOptions):
    """Sizes for pools of a few hundred radiographs."""

    batch_size: int = Field(
        32, ge=2, description="Real images a step; negatives come from the queue, not from here."
    )
    queue: int = Field(
        4096,
        ge=2,
        description="Largest queue of negatives; never more than half of the pool, so that the "
        "queue seldom holds the query's own image (a queue of 65,536 with 200 images does).",
    )
    momentum: float = Field(
        0.99,
        ge=0,
        lt=1,
        description="Of the key encoder, which follows about 1 / (1 - momentum) steps behind: "
        "0.999 suits runs of 200,000 steps, 0.9 those of a few hundred.",
    )


class MoCo(Method):
    """Momentum contrast with a queue: pretraining of the encoder.

    He et al.: Momentum contrast for unsupervised visual representation learning, CVPR 2020;
    Chen et al.: Improved baselines with momentum contrastive learning, 2020 (v2).
    """

    name = "moco"
    title = "MoCo v2"
    family = "contrastive"
    citation = "He et al.: Momentum contrast, CVPR 2020; Chen et al.: MoCo v2, 2020"
    licence = "MIT (loss and head: lightly)"
    trains = frozenset({"encoder"})
    pretraining_data = "pool"
    Options = MoCoOptions
    options: MoCoOptions

    def pretrain(self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
        """Minimise InfoNCE against the queue; the projector and the key encoder are thrown away."""
        import torch
        from lightly.loss import NTXentLoss
        from lightly.models.modules import MoCoProjectionHead
        from lightly.models.utils import deactivate_requires_grad, update_momentum

        from benchmark.augment import pretraining_views

        options = self.options
        batch_size = min(options.batch_size, len(images) // 2)
        # A whole number of batches, because the queue drops what sticks out at its end.
        queue = min(options.queue, len(images) // 2) // max(1, batch_size) * batch_size
        if queue < 2:
            raise UsageError(f"moco: a pool of {len(images)} images leaves no room for a queue")
        # Normalised as in MoCo v3 (Chen, Xie and He, ICCV 2021): averaged features of radiographs
        # of one kind are nearly parallel, and without it the queue stays at chance for long.
        head = MoCoProjectionHead(
            backbone.encoder_channels, options.hidden, options.output, batch_norm=True
        )
        head.to(trainer.device)
        key_backbone, key_head = copy.deepcopy(backbone), copy.deepcopy(head)
        for module in (key_backbone, key_head):
            deactivate_requires_grad(module)
        contrast = NTXentLoss(
            temperature=options.temperature, memory_bank_size=(queue, options.output)
        ).to(trainer.device)

        def loss(batch: Tensor) -> Tensor:
            first, second = pretraining_views(batch, trainer.generator, size=options.view_size)
            query = head(backbone.embed(first))
            with torch.no_grad():
                key = key_head(key_backbone.embed(second))
            value: Tensor = contrast(query, key)
            return value

        def follow(_: int) -> None:
            update_momentum(backbone, key_backbone, options.momentum)
            update_momentum(head, key_head, options.momentum)

        trainer.fit(
            loss,
            [backbone, head],
            images,
            batch_size=batch_size,
            learning_rate=options.learning_rate,
            after_step=follow,
        )
        trainer.note(
            queue=queue,
            reference_loss=math.log(1 + queue),
            reference_meaning="chance: log(1 + queue)",
        )
