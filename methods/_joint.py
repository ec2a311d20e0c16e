"""What joint-embedding methods share: two views of each image, heads, and a slow copy of both."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

from pydantic import Field

from benchmark.plugins import Family, Method, PluginOptions

if TYPE_CHECKING:
    from torch import Tensor, nn

    from benchmark.augment import View
    from benchmark.backbones.base import Backbone
    from benchmark.checkpoints import Stateful
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages

AnyModule = TypeVar("AnyModule", bound="nn.Module")


class JointOptions(PluginOptions):
    """Sizes for pools of a few hundred radiographs."""

    hidden: int = Field(
        256,
        ge=8,
        description="Width of the heads' hidden layer; the 2048 to 8192 of the papers have more "
        "weights than a few hundred radiographs can set.",
    )
    output: int = Field(128, ge=8, description="Width of the projection; 128 in SimCLR and MoCo.")
    learning_rate: float = Field(1e-3, gt=0, description="Peak rate of AdamW.")
    view_size: float = Field(
        0.5, gt=0, le=1, description="Side of a view, as a share of the working side."
    )


class MomentumOptions(JointOptions):
    """Sizes of methods with a slow copy of the network."""

    momentum: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Of the slow copy, which follows about 1 / (1 - momentum) steps behind. None: "
        "a fortieth of the run, 0.9 for 400 steps and 0.9996 for 100,000; the papers' 0.996 to "
        "0.999 are for runs of that length, and in a short one the copy would stay random.",
    )

    def momentum_over(self, steps: int) -> float:
        """The momentum of a run of so many steps."""
        if self.momentum is not None:
            return self.momentum
        return min(max(1 - 40 / steps, 0.5), 0.9999)


@dataclass(frozen=True)
class Objective:
    """What a method minimises.

    Attributes:
        loss: A scalar from two views of the same images.
        heads: What is trained beside the encoder and thrown away afterwards.
        after_step: Called with the step after each update of the weights.
        keeps: What else changes while training; see ``Trainer.fit``.
        chance: The loss of knowing nothing, where there is such a number.
        chance_meaning: How that number comes about.
    """

    loss: Callable[[View, View], Tensor]
    heads: Sequence[nn.Module]
    after_step: Callable[[int], None] | None = None
    keeps: Sequence[nn.Module | Stateful] = ()
    chance: float | None = None
    chance_meaning: str = ""


class JointEmbeddingMethod(Method):
    """Base of methods in which two views of an image shall get the same embedding."""

    family: ClassVar[Family] = "joint-embedding"
    licence = "MIT (loss and heads: lightly)"
    trains = frozenset({"encoder"})
    pretraining_data = "pool"
    compares_images = True
    Options = JointOptions
    options: JointOptions

    @abstractmethod
    def objective(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Objective:
        """Build heads and loss.

        Args:
            backbone: The network; ``backbone.embed`` gives (batch, encoder_channels).
            images: The pool, for sizes that depend on it.
            trainer: Budget and batch size.
        """

    def pretrain(self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
        """Minimise the objective over pairs of views; the heads are thrown away."""
        from torch import nn

        from benchmark.augment import pretraining_views

        objective = self.objective(backbone, images, trainer)
        for part in (*objective.heads, *objective.keeps):
            if isinstance(part, nn.Module):
                part.to(trainer.device)

        def loss(batch: Tensor) -> Tensor:
            views = pretraining_views(batch, trainer.generator, size=self.options.view_size)
            return objective.loss(*views)

        trainer.fit(
            loss,
            [backbone, *objective.heads],
            images,
            learning_rate=self.options.learning_rate,
            after_step=objective.after_step,
            keeps=objective.keeps,
        )
        if objective.chance is not None:
            trainer.note(
                reference_loss=objective.chance, reference_meaning=objective.chance_meaning
            )


def in_full_precision(loss: Callable[..., Tensor], *embeddings: Tensor) -> Tensor:
    """A loss of embeddings that a network may have made in bfloat16.

    Correlations and exponentials need more than bfloat16's three digits.

    Args:
        loss: From the embeddings to a scalar, or to a tensor of one value.
        embeddings: (batch, width) each.
    """
    import torch

    with torch.autocast(embeddings[0].device.type, enabled=False):
        return loss(*(embedding.float() for embedding in embeddings)).squeeze()


def slow_copy(module: AnyModule) -> AnyModule:
    """A copy that no gradient reaches, for targets that change slowly."""
    import copy

    from lightly.models.utils import deactivate_requires_grad

    slow = copy.deepcopy(module)
    deactivate_requires_grad(slow)
    return slow


def follow(
    pairs: Sequence[tuple[nn.Module, nn.Module]], momentum: float, rising_over: int | None = None
) -> Callable[[int], None]:
    """What moves slow copies a little towards their modules after each step.

    Args:
        pairs: Modules, each with its slow copy.
        momentum: Share of the old copy that is kept.
        rising_over: Steps over which that share rises to 1 by half a cosine (BYOL, section 3.2),
            so that the copies come to rest at the end of the run; None: it stays.
    """
    from lightly.models.utils import update_momentum
    from lightly.utils.scheduler import cosine_schedule

    def after_step(step: int) -> None:
        share = momentum
        if rising_over is not None:
            share = float(cosine_schedule(step, rising_over, momentum, 1.0))
        for module, slow in pairs:
            update_momentum(module, slow, share)

    return after_step


def crosswise(
    compare: Callable[[Tensor, Tensor], Tensor],
    predictions: Sequence[Tensor],
    targets: Sequence[Tensor],
) -> Tensor:
    """The mean of comparing each view's prediction with the other view's target.

    Args:
        compare: A scalar from predictions and targets, (batch, output) each.
        predictions: Of the first and of the second view.
        targets: Of the first and of the second view; no gradient may reach them.
    """
    there = in_full_precision(compare, predictions[0], targets[1])
    back = in_full_precision(compare, predictions[1], targets[0])
    return (there + back) / 2


def predict_slow_copy(
    backbone: Backbone,
    projector: nn.Module,
    predictor: nn.Module,
    compare: Callable[[Tensor, Tensor], Tensor],
    momentum: float,
    steps: int,
) -> Objective:
    """From each view, predict how a slow copy of the network projects the other one.

    Args:
        backbone: The network.
        projector: From embeddings to projections; copied as the backbone is.
        predictor: From projections to predictions; the slow copy has none.
        compare: A scalar from predictions and targets, (batch, output) each.
        momentum: At the start; it rises to 1.
        steps: Of the whole run.
    """
    import torch

    slow_backbone, slow_projector = slow_copy(backbone), slow_copy(projector)

    def loss(first: View, second: View) -> Tensor:
        views = (first.images, second.images)
        predictions = [predictor(projector(backbone.embed(view))) for view in views]
        with torch.no_grad():
            targets = [slow_projector(slow_backbone.embed(view)) for view in views]
        return crosswise(compare, predictions, targets)

    pairs = [(backbone, slow_backbone), (projector, slow_projector)]
    return Objective(
        loss,
        heads=[projector, predictor],
        after_step=follow(pairs, momentum, rising_over=steps),
        keeps=[slow_backbone, slow_projector],
    )
