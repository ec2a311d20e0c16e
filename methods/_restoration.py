"""What restoring methods share: damaged images, a head that predicts pixels, and the loss."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from benchmark.plugins import Family, Method, PluginOptions

if TYPE_CHECKING:
    from torch import Tensor, nn

    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages

REFERENCE_IMAGES = 128
RECALIBRATION_BATCHES = 20


class RestorationOptions(PluginOptions):
    """What all restoring methods have."""

    learning_rate: float = Field(1e-3, gt=0, description="Peak rate of AdamW.")
    pictures: int = Field(
        4, ge=0, description="Images kept for the report: damaged, restored and true."
    )


@dataclass(frozen=True)
class Damaged:
    """A task that a network is set.

    Attributes:
        images: What it is shown, (batch, 1, height, width).
        target: What it shall predict, in the same shape.
        counted: One where the loss is taken and zero elsewhere, (batch, 1, height, width); None
            takes it everywhere.
        t: Time steps, (batch,), where it is conditioned on them.
    """

    images: Tensor
    target: Tensor
    counted: Tensor | None = None
    t: Tensor | None = None


@dataclass(frozen=True)
class Restoration:
    """How images are damaged and mended.

    Attributes:
        damage: From clean images in [-1, 1] to a task.
        features: From a task to the decoder's features, from which a head predicts the target.
        restored: From a task, the prediction and the clean images to the mended ones in [-1, 1].
        modules: What is trained beside the backbone and thrown away afterwards.
        ema_decay: Of the averaged weights, which are then the ones kept; None keeps the last.
        reference_meaning: What predicting the mean of all targets amounts to.
    """

    damage: Callable[[Tensor], Damaged]
    features: Callable[[Damaged], Tensor]
    restored: Callable[[Damaged, Tensor, Tensor], Tensor]
    modules: Sequence[nn.Module] = ()
    ema_decay: float | None = None
    reference_meaning: str = "predicting the mean grey"


class RestorationMethod(Method):
    """Base of methods in which encoder and decoder learn to mend images pixel by pixel."""

    family: ClassVar[Family] = "restorative"
    trains = frozenset({"encoder", "decoder"})
    pretraining_data = "pool"
    Options = RestorationOptions
    options: RestorationOptions

    @abstractmethod
    def restoration(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Restoration:
        """Say how images are damaged and mended.

        Args:
            backbone: The network.
            images: The pool, for sizes that depend on it.
            trainer: Random stream and device.
        """

    def pretrain(self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
        """Minimise the mean squared error of the predicted pixels; the head is thrown away."""
        from torch import nn

        from benchmark.accounting import counted
        from benchmark.averaging import AveragedWeights
        from benchmark.backbones.base import PixelHead

        task = self.restoration(backbone, images, trainer)
        head = PixelHead(backbone, 1)
        # Maps that start at nothing pass no gradient on, which costs short runs many steps.
        head.projection.reset_parameters()
        network = nn.ModuleList([backbone, head, *task.modules]).to(trainer.device)
        average = AveragedWeights(network, task.ema_decay)

        def loss(batch: Tensor) -> Tensor:
            with counted("augmentation"):
                damaged = task.damage(batch)
            return squared_error(head(task.features(damaged)).float(), damaged)

        # Before the training, so that an interrupted one finds the random stream where it was.
        known_nothing = reference_loss(task.damage(images.take(REFERENCE_IMAGES)))
        trainer.fit(
            loss,
            list(network),
            images,
            learning_rate=self.options.learning_rate,
            after_step=average.follow,
            keeps=[average],
        )
        average.copy_to_network()
        trainer.note(reference_loss=known_nothing, reference_meaning=task.reference_meaning)
        with counted("evaluation"):
            self.show(task, backbone, head, images, trainer)
        recalibrate(backbone, images, trainer)

    def show(
        self,
        task: Restoration,
        backbone: Backbone,
        head: nn.Module,
        images: UnlabelledImages,
        trainer: Trainer,
    ) -> None:
        """Keep a picture: damaged images in the first row, restored in the second, then true."""
        import torch

        if not self.options.pictures:
            return
        true = images.take(self.options.pictures)
        backbone.eval()
        with torch.no_grad():
            damaged = task.damage(true)
            restored = task.restored(damaged, head(task.features(damaged)).float(), true)
        backbone.train()
        trainer.keep_images("restored", torch.cat([damaged.images, restored, true]), len(true))


def squared_error(predicted: Tensor, damaged: Damaged) -> Tensor:
    """The mean squared error where it is counted."""
    errors = (predicted - damaged.target).square()
    if damaged.counted is None:
        return errors.mean()
    return (errors * damaged.counted).sum() / damaged.counted.sum()


def reference_loss(damaged: Damaged) -> float:
    """The loss of knowing nothing: of predicting one value everywhere, the targets' mean."""
    import torch

    target = damaged.target
    counted = torch.ones_like(target) if damaged.counted is None else damaged.counted
    mean = (target * counted).sum() / counted.sum()
    return float(squared_error(mean.expand_as(target), damaged))


def coarsest_size(backbone: Backbone, images: UnlabelledImages) -> tuple[int, int]:
    """Height and width of the encoder's coarsest feature on images of the pool."""
    import torch

    training = backbone.training
    backbone.eval()
    with torch.no_grad():
        feature = backbone.encode(images.take(1))[-1]
    backbone.train(training)
    return int(feature.shape[-2]), int(feature.shape[-1])


def recalibrate(backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
    """Measure the statistics of batch normalisation anew, on clean images.

    Those gathered in training are of damaged images (under a mask, mostly of zeros) and of
    weights before they were averaged. Networks without batch normalisation stay as they are.
    After Izmailov et al.: Averaging weights leads to wider optima, UAI 2018, section 3.2.
    """
    from torch.optim.swa_utils import update_bn

    batches = images.batches(trainer.batch_size, trainer.generator)
    update_bn(islice(batches, RECALIBRATION_BATCHES), backbone)
