"""DenseCL: contrast between images and, beside it, between the matching cells of their features."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.errors import UsageError
from benchmark.methods._dense import coarsest_level, whole_and_cells
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


class DenseCLOptions(MomentumOptions):
    """Sizes for pools of a few hundred radiographs."""

    temperature: float = Field(0.2, gt=0, description="As in the paper.")
    dense: float = Field(
        0.5, ge=0, le=1, description="Share of the cells' contrast in the loss, 0.5 in the paper."
    )
    cells: int = Field(
        49,
        ge=1,
        description="The coarsest feature with so many cells is compared: 7 x 7 in the paper, on "
        "views of 224 px. Views of 64 px have 4 x 5 cells at stride 16, which match anything.",
    )
    queue: int = Field(
        4096,
        ge=2,
        description="Largest queue of negatives; never more than half of the pool, so that the "
        "queues seldom hold the query's own image (65,536 in the paper, for a million images).",
    )


class DenseCL(JointEmbeddingMethod):
    """Momentum contrast of images and of cells, matched by feature: pretraining of the encoder.

    Wang, Zhang, Shen, Kong and Li: Dense contrastive learning for self-supervised visual
    pre-training, CVPR 2021. The negatives of a cell are other images' cells, averaged over each
    image: single cells would often be the same anatomy.
    """

    name = "densecl"
    title = "DenseCL"
    family = "dense"
    citation = "Wang et al.: Dense contrastive learning, CVPR 2021"
    Options = DenseCLOptions
    options: DenseCLOptions

    def objective(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Objective:
        """InfoNCE of images and of cells, each against its queue.

        Raises:
            UsageError: Half of the pool does not hold a batch.
        """
        import torch
        from lightly.loss import NTXentLoss
        from lightly.models.modules import DenseCLProjectionHead, MoCoProjectionHead
        from lightly.models.modules.memory_bank import MemoryBankModule
        from lightly.models.utils import select_most_similar
        from torch.nn.functional import normalize

        options = self.options
        # A whole number of batches, because a queue drops what sticks out at its end.
        most = min(options.queue, len(images) // 2)
        queue = most // trainer.batch_size * trainer.batch_size
        if queue < trainer.batch_size:
            raise UsageError(
                f"densecl: a queue of at most {most} does not hold a batch of "
                f"{trainer.batch_size}: lower pretraining.comparison_batch_size"
            )
        level = coarsest_level(backbone, images, options.view_size, options.cells)
        # Normalised over the batch for the reason given in MoCo; cells differ without it.
        head = MoCoProjectionHead(
            backbone.encoder_channels, options.hidden, options.output, batch_norm=True
        )
        dense_head = DenseCLProjectionHead(level.channels, options.hidden, options.output)
        network = (backbone, head, dense_head)
        slow = tuple(slow_copy(module) for module in network)
        contrast = NTXentLoss(options.temperature, memory_bank_size=(queue, options.output))
        dense_queue = MemoryBankModule(size=(queue, options.output))

        def loss(first: View, second: View) -> Tensor:
            whole, cells = whole_and_cells(backbone, first.images, level)
            query, dense_query = head(whole), dense_head(cells)
            with torch.no_grad():
                slow_whole, slow_cells = whole_and_cells(slow[0], second.images, level)
                key, dense_key = slow[1](slow_whole), normalize(slow[2](slow_cells), dim=2)
                match = select_most_similar(cells, slow_cells, dense_key)
            pooled = normalize(dense_key.mean(1), dim=1)
            _, negatives = dense_queue(pooled, update=True)
            dense = contrast_cells(dense_query, match, negatives, options.temperature)
            value: Tensor = (1 - options.dense) * contrast(query, key) + options.dense * dense
            return value

        pairs = list(zip(network, slow, strict=True))
        return Objective(
            loss,
            heads=[head, dense_head],
            after_step=follow(pairs, options.momentum_over(trainer.steps)),
            keeps=[*slow, contrast, dense_queue],
            chance=math.log(1 + queue),
            chance_meaning=f"chance: log(1 + queue of {queue}), for images and for cells",
        )


def contrast_cells(
    queries: Tensor, matches: Tensor, negatives: Tensor, temperature: float
) -> Tensor:
    """InfoNCE of cells: each shall be nearer to its match than to the negatives.

    Args:
        queries: (batch, cells, channels).
        matches: (batch, cells, channels), of length one.
        negatives: (channels, n), of length one.
        temperature: Divides the cosines.
    """
    import torch
    from torch.nn.functional import normalize

    queries = normalize(queries, dim=2)
    likeness = (queries * matches).sum(2, keepdim=True)
    logits = torch.cat([likeness, queries @ negatives], dim=2) / temperature
    return (logits.logsumexp(2) - logits[..., 0]).mean()
