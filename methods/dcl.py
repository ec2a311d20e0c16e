"""DCL: SimCLR whose loss leaves the positive pair out of the denominator."""

from __future__ import annotations

import math
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


class DCLOptions(JointOptions):
    """Sizes for pools of a few hundred radiographs."""

    temperature: float = Field(0.1, gt=0, description="As in the paper for ImageNet, section 4.")


class DCL(JointEmbeddingMethod):
    """Decoupled contrastive pretraining of the encoder.

    Yeh et al.: Decoupled contrastive learning, ECCV 2022, equation 6: in SimCLR's loss an easy
    positive pair weakens the negatives' gradient, the more so the smaller the batch; without the
    positive pair in the denominator it does not, which suits batches of 32.
    """

    name = "dcl"
    title = "DCL"
    citation = "Yeh et al.: Decoupled contrastive learning, ECCV 2022"
    Options = DCLOptions
    options: DCLOptions

    def objective(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Objective:
        """Decoupled contrast between two views, over both directions."""
        from lightly.loss import DCLLoss
        from lightly.models.modules import SimCLRProjectionHead

        options = self.options
        head = SimCLRProjectionHead(backbone.encoder_channels, options.hidden, options.output)
        contrast = DCLLoss(temperature=options.temperature)

        def loss(first: View, second: View) -> Tensor:
            one, other = (head(backbone.embed(view.images)) for view in (first, second))
            return in_full_precision(contrast, one, other)

        return Objective(
            loss,
            heads=[head],
            chance=math.log(2 * trainer.batch_size - 2),
            chance_meaning="chance: log(2 x batch - 2)",
        )
