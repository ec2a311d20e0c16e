"""SwAV: from one view of an image, predict the cluster of the other."""

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
    from lightly.models.modules.memory_bank import MemoryBankModule
    from torch import Tensor, nn

    from benchmark.augment import View
    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class SwAVOptions(JointOptions):
    """Sizes for pools of a few hundred radiographs."""

    prototypes: int = Field(
        64,
        ge=2,
        description="Number of clusters. 3000 in the paper, for 1.3 million images in batches of "
        "4096; codes are spread evenly over all of them, which needs about as many embeddings.",
    )
    temperature: float = Field(0.1, gt=0, description="Of the prediction, as published.")
    epsilon: float = Field(
        0.02,
        ge=0.02,
        description="Softness of the codes. 0.05 in the paper; the authors advise less where the "
        "loss stays at log(prototypes), as it does here with 0.05; below 0.02 numbers overflow.",
    )
    queue: int = Field(
        128,
        ge=0,
        description="Past embeddings of each view that share in the codes, so that a batch of 32 "
        "is not spread over 64 prototypes. 3840 in the paper, 1.3 for each prototype; two "
        "for each here, and not more, because those of long ago disturb. 0: the batch alone.",
    )


class SwAV(JointEmbeddingMethod):
    """Pretraining of the encoder by swapped prediction of balanced cluster assignments.

    With two views; the paper's further small crops would give this method more views in a step
    than the others, and of a radiograph they show a bone's shaft at best.

    Caron et al.: Unsupervised learning of visual features by contrasting cluster assignments,
    NeurIPS 2020.
    """

    name = "swav"
    version = 1
    title = "SwAV"
    citation = "Caron et al.: SwAV, NeurIPS 2020"
    Options = SwAVOptions
    options: SwAVOptions

    def objective(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Objective:
        """Cross-entropy between one view's code and the other's similarity to the prototypes."""
        from lightly.loss import SwaVLoss
        from lightly.models.modules import SimCLRProjectionHead
        from lightly.models.utils import normalize_weight
        from torch.nn.functional import normalize

        options = self.options
        # Normalised at its end, unlike the published one: averaged features of radiographs of one
        # kind are nearly parallel, and their codes would be all alike.
        head = SimCLRProjectionHead(backbone.encoder_channels, options.hidden, options.output)
        prototypes = unit_prototypes(options.prototypes, options.output)
        queues = [empty_queue(options.queue, trainer.batch_size, options.output) for _ in "12"]
        swapped = SwaVLoss(options.temperature, sinkhorn_epsilon=options.epsilon)

        def predict(*embeddings: Tensor) -> Tensor:
            units = [normalize(embedding, dim=1) for embedding in embeddings]
            earlier = [past(queue, unit) for queue, unit in zip(queues, units, strict=True)]
            value: Tensor = swapped(
                [prototypes(unit) for unit in units],
                low_resolution_outputs=[],
                queue_outputs=[prototypes(unit) for unit in earlier],
            )
            return value

        def loss(first: View, second: View) -> Tensor:
            one, other = (head(backbone.embed(view.images)) for view in (first, second))
            return in_full_precision(predict, one, other)

        return Objective(
            loss,
            heads=[head, prototypes],
            after_step=lambda _: normalize_weight(prototypes.weight),
            keeps=queues,
            chance=math.log(options.prototypes),
            chance_meaning=f"chance: log({options.prototypes} prototypes)",
        )


def unit_prototypes(count: int, width: int) -> nn.Linear:
    """Prototypes of unit length, the rows of the weight; without the bias of lightly's."""
    from lightly.models.utils import normalize_weight
    from torch import nn

    prototypes = nn.Linear(width, count, bias=False)
    normalize_weight(prototypes.weight)
    return prototypes


def empty_queue(size: int, batch: int, width: int) -> MemoryBankModule:
    """A queue of whole batches, because it drops what sticks out at its end; zeros while empty."""
    from lightly.models.modules.memory_bank import MemoryBankModule

    queue = MemoryBankModule((size // batch * batch, width), feature_dim_first=False)
    queue.bank.zero_()
    return queue


def past(queue: MemoryBankModule, units: Tensor) -> Tensor:
    """The embeddings that the queue holds so far; then it takes up the new ones, (batch, width)."""
    _, bank = queue(units, update=True)
    return units[:0] if bank is None else bank[bank.any(dim=1)]
