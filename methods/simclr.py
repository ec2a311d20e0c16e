"""SimCLR: two views of an image attract each other and repel all other images of the batch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.plugins import Method, PluginOptions

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class SimCLROptions(PluginOptions):
    """Sizes for pools of a few hundred radiographs."""

    batch_size: int = Field(
        64, ge=2, description="Real images a step: negatives come from the batch alone."
    )
    temperature: float = Field(
        0.2, gt=0, description="0.1 to 0.5 in the paper; 0.2 suits small batches."
    )
    hidden: int = Field(256, ge=8, description="Width of the projector's hidden layer.")
    output: int = Field(
        128, ge=8, description="Width of the projection; 128 as in the paper (appendix B)."
    )
    learning_rate: float = Field(1e-3, gt=0, description="Peak rate of AdamW.")
    view_size: float = Field(
        0.5, gt=0, le=1, description="Side of a view, as a share of the working side."
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
