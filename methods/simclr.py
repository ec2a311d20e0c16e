"""SimCLR: two views of an image attract each other and repel all other images of the batch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.methods._views import ViewOptions
from benchmark.plugins import Method

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class SimCLROptions(ViewOptions):
    """Sizes for pools of a few hundred radiographs."""

    batch_size: int = Field(
        64, ge=2, description="Real images a step: negatives come from the batch alone."
    )


class SimCLR(Method):
    """Contrastive pretraining of the encoder.

    Chen, Kornblith, Norouzi and Hinton: A simple framework for contrastive learning of visual
    representations, ICML 2020.
    """

    name = "simclr"
    title = "SimCLR"
    family = "contrastive"
    citation = "Chen et al.: A simple framework for contrastive learning, ICML 2020"
    licence = "MIT (loss and head: lightly)"
    trains = frozenset({"encoder"})
    pretraining_data = "pool"
    Options = SimCLROptions
    options: SimCLROptions

    def pretrain(self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
        """Minimise NT-Xent between two views; the projector is thrown away."""
        from lightly.loss import NTXentLoss
        from lightly.models.modules import SimCLRProjectionHead

        from benchmark.augment import pretraining_views

        options = self.options
        batch_size = min(options.batch_size, len(images))
        head = SimCLRProjectionHead(backbone.encoder_channels, options.hidden, options.output)
        head.to(trainer.device)
        contrast = NTXentLoss(temperature=options.temperature)

        def loss(batch: Tensor) -> Tensor:
            views = pretraining_views(batch, trainer.generator, size=options.view_size)
            first, second = (head(backbone.embed(view)) for view in views)
            value: Tensor = contrast(first, second)
            return value

        trainer.fit(
            loss,
            [backbone, head],
            images,
            batch_size=batch_size,
            learning_rate=options.learning_rate,
        )
        trainer.note(
            reference_loss=math.log(2 * batch_size - 1),
            reference_meaning="chance: log(2 x batch - 1)",
        )
