"""Brightness: the network tells by how much a radiograph was brightened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.plugins import Method, PluginOptions

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class BrightnessOptions(PluginOptions):
    """How hard the task is."""

    largest: float = Field(0.5, gt=0, description="Largest shift; images span 2.")


class BrightnessMethod(Method):
    """Regression of a shift of all grey values, as an example of a method in a package."""

    name = "brightness"
    title = "Brightness"
    family = "other"
    citation = "an example, not published"
    trains = frozenset({"encoder"})
    pretraining_data = "pool"
    Options = BrightnessOptions
    options: BrightnessOptions

    def pretrain(self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
        """Minimise the squared error of the predicted shift, in units of the largest one."""
        import torch

        head = torch.nn.Linear(backbone.encoder_channels, 1).to(trainer.device)

        def loss(batch: Tensor) -> Tensor:
            shift = torch.empty(len(batch), device=trainer.device)
            shift.uniform_(-1, 1, generator=trainer.generator)
            brightened = batch + self.options.largest * shift[:, None, None, None]
            predicted: Tensor = head(backbone.embed(brightened))[:, 0]
            return (predicted - shift).square().mean()

        trainer.fit(loss, [backbone, head], images)
        trainer.note(reference_loss=1 / 3, reference_meaning="the variance of the shift")
