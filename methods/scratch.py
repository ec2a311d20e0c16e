"""The controls: random weights, fine-tuned for the same steps or for the whole compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.plugins import Method

if TYPE_CHECKING:
    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class Scratch(Method):
    """No pretraining: the control at equal fine-tuning steps."""

    name = "scratch"
    title = "From scratch"
    family = "control"
    citation = "He, Girshick and Dollar: Rethinking ImageNet pre-training, ICCV 2019"

    def pretrain(self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
        """Leave the backbone as it was initialised."""


class ScratchLong(Scratch):
    """No pretraining, fine-tuned for the compute of pretraining and fine-tuning together.

    It tells a better starting point from a head start: where it catches up with a pretrained
    method, the pretraining has only saved fine-tuning steps.
    """

    name = "scratch-long"
    title = "From scratch, long"
    long_finetuning = True
