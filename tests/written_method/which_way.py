"""Which way: say in one sentence what the network learns to do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.plugins import Method, PluginOptions

# What is heavy (torch, lightly, timm) is imported inside the functions that need it, because
# `list methods` loads every plugin.
if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class WhichWayOptions(PluginOptions):
    """Options for the command line, as ``which-way[hidden=64]``."""

    # CHANGE: one field an option, each with its reason or its source.
    hidden: int = Field(128, ge=4, description="Width of the head's hidden layer.")
    learning_rate: float = Field(1e-3, gt=0, description="Peak rate of AdamW.")


class WhichWayMethod(Method):
    """CHANGE: the network tells how an image was flipped: not, across, upside down, or both.

    A relative of Gidaris, Singh and Komodakis: Unsupervised representation learning by predicting
    image rotations, ICLR 2018; flips keep the shape of images that are not square.
    """

    name = "which-way"
    version = 1  # raise it whenever the same options give another result
    title = "Which way"
    family = "other"  # CHANGE: joint-embedding, dense, generative, restorative, weights, other
    citation = "after Gidaris et al.: Predicting image rotations, ICLR 2018"  # CHANGE
    licence = "Apache-2.0"  # CHANGE: of the code or weights that you rely on
    trains = frozenset({"encoder"})  # CHANGE: add "decoder" where that is trained too
    pretraining_data = "pool"
    compares_images = False  # CHANGE: True where the loss compares the images of a batch
    Options = WhichWayOptions
    options: WhichWayOptions

    def pretrain(self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
        """Train the backbone in place; the head is thrown away."""
        import torch
        from torch import nn
        from torch.nn.functional import cross_entropy

        head = nn.Sequential(
            nn.Linear(backbone.encoder_channels, self.options.hidden),
            nn.ReLU(),
            nn.Linear(self.options.hidden, 4),
        ).to(trainer.device)

        # CHANGE: the task. A batch is (n, 1, height, width) in [-1, 1]. Random numbers come from
        # trainer.generator, so that a seed gives the same weights again.
        def loss(batch: Tensor) -> Tensor:
            kind = torch.randint(
                4, (len(batch),), generator=trainer.generator, device=trainer.device
            )
            across = (kind % 2 == 1)[:, None, None, None]
            upside_down = (kind >= 2)[:, None, None, None]
            flipped = torch.where(across, batch.flip(-1), batch)
            flipped = torch.where(upside_down, flipped.flip(-2), flipped)
            return cross_entropy(head(backbone.embed(flipped)), kind)

        # What else changes while training (averages, queues) goes into keeps=[...], so that an
        # interrupted training can go on.
        trainer.fit(loss, [backbone, head], images, learning_rate=self.options.learning_rate)
        trainer.note(reference_loss=math.log(4), reference_meaning="chance: log(4 kinds)")
