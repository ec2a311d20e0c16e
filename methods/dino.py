"""DINO: a view predicts to which prototypes a slow copy of the network assigns its twin."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.methods._joint import (
    JointEmbeddingMethod,
    MomentumOptions,
    Objective,
    follow,
    in_full_precision,
    slow_copy,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

    from benchmark.augment import View
    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class DINOOptions(MomentumOptions):
    """Sizes for pools of a few hundred radiographs."""

    prototypes: int = Field(
        512,
        ge=2,
        description="Directions that a view is assigned to; the 65,536 of the paper are for a "
        "million images, and a few hundred images would leave nearly all of them empty.",
    )
    student_temperature: float = Field(0.1, gt=0, description="As in the paper.")
    teacher_temperature: float = Field(
        0.04,
        gt=0,
        description="As in the paper; below the student's, because sharp targets are what keeps "
        "the centring from a collapse to uniform ones.",
    )
    centre_momentum: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="Of the mean of the teacher's scores. The paper finds 0 to 0.99 about equal "
        "and takes 0.9; in runs of a few hundred steps the teacher moves as fast as that, and "
        "behind a centre that lags the embeddings spread less (0.22 against 0.36 in a trial).",
    )


class DINO(JointEmbeddingMethod):
    """Self-distillation with no labels: pretraining of the encoder.

    Caron et al.: Emerging properties in self-supervised vision transformers, ICCV 2021. Two views
    of one size: without the paper's small crops, which would be more passes through the network a
    step than the other methods have.
    """

    name = "dino"
    title = "DINO"
    citation = "Caron et al.: Emerging properties in self-supervised ViTs, ICCV 2021"
    Options = DINOOptions
    options: DINOOptions

    def objective(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Objective:
        """Cross-entropy between the assignments of the slow copy and of the network."""
        import torch
        from lightly.loss import DINOLoss
        from torch import nn
        from torch.nn.functional import linear, normalize

        options = self.options
        head = self._head(backbone.encoder_channels)
        prototypes = nn.Linear(options.output, options.prototypes, bias=False)
        student = (backbone, head, prototypes)
        teacher = (slow_copy(backbone), slow_copy(head), slow_copy(prototypes))
        cross_entropy = DINOLoss(
            options.prototypes,
            teacher_temp=options.teacher_temperature,
            student_temp=options.student_temperature,
            center_momentum=options.centre_momentum,
        )

        def scores(projection: Tensor, prototypes: nn.Linear) -> Tensor:
            return linear(normalize(projection), normalize(prototypes.weight))

        def compare(*projections: Tensor) -> Tensor:
            with torch.no_grad():
                targets = [scores(projection, teacher[2]) for projection in projections[:2]]
            found = [scores(projection, prototypes) for projection in projections[2:]]
            value: Tensor = cross_entropy(targets, found)
            return value

        def loss(first: View, second: View) -> Tensor:
            views = (first.images, second.images)
            with torch.no_grad():
                targets = [teacher[1](teacher[0].embed(view)) for view in views]
            found = [head(backbone.embed(view)) for view in views]
            return in_full_precision(compare, *targets, *found)

        return Objective(
            loss,
            heads=[head, prototypes],
            after_step=follow(
                list(zip(student, teacher, strict=True)),
                options.momentum_over(trainer.steps),
                rising_over=trainer.steps,
            ),
            keeps=[*teacher, cross_entropy],
            chance=math.log(options.prototypes),
            chance_meaning="chance: log(prototypes)",
        )

    def _head(self, channels: int) -> nn.Module:
        """Three layers with batch norm (the paper's for convolutional networks), also at the end.

        Averaged features of radiographs of one kind are nearly parallel. Without the last batch
        norm all of them lie at the same prototypes, the centre lags behind, and all collapse.
        """
        from lightly.models.modules.heads import ProjectionHead
        from torch import nn

        width, output = self.options.hidden, self.options.output
        head: nn.Module = ProjectionHead(
            [
                (channels, width, nn.BatchNorm1d(width), nn.GELU()),
                (width, width, nn.BatchNorm1d(width), nn.GELU()),
                (width, output, nn.BatchNorm1d(output, affine=False), None),
            ]
        )
        return head
