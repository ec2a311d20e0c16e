"""SimCLR: two views of an image attract each other and repel all other images of the batch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.methods._joint import JointEmbeddingMethod, JointOptions, Objective

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.augment import View
    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class SimCLROptions(JointOptions):
    """Sizes for pools of a few hundred radiographs."""

    temperature: float = Field(
        0.2, gt=0, description="0.1 to 0.5 in the paper; small ones suit small batches."
    )


class SimCLR(JointEmbeddingMethod):
    """Contrastive pretraining of the encoder; the negatives are the other images of the batch.

    Chen, Kornblith, Norouzi and Hinton: A simple framework for contrastive learning of visual
    representations, ICML 2020.
    """

    name = "simclr"
    version = 2
    title = "SimCLR"
    citation = "Chen et al.: A simple framework for contrastive learning, ICML 2020"
    Options = SimCLROptions
    options: SimCLROptions

    def objective(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Objective:
        """NT-Xent between two views."""
        from lightly.loss import NTXentLoss
        from lightly.models.modules import SimCLRProjectionHead

        options = self.options
        head = SimCLRProjectionHead(backbone.encoder_channels, options.hidden, options.output)
        contrast = NTXentLoss(temperature=options.temperature)

        def loss(first: View, second: View) -> Tensor:
            one, other = (head(backbone.embed(view.images)) for view in (first, second))
            value: Tensor = contrast(one, other)
            return value

        return Objective(
            loss,
            heads=[head],
            chance=math.log(2 * trainer.batch_size - 1),
            chance_meaning="chance: log(2 x batch - 1)",
        )
