"""A pool of phantoms and a short pretraining, for the tests of all methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.backbones import parse_backbone
from benchmark.backbones.base import Backbone
from benchmark.registry import registry
from benchmark.training import Trainer
from benchmark.unlabelled import UnlabelledImages
from benchmark.weights import initial_backbone

UNET = "unet[channels=16-32-64,patch=2]"
TIMM = "timm/resnet10t[decoder_channels=32-24-16-16]"


@dataclass
class Pretrained:
    """What a pretraining leaves behind.

    Attributes:
        backbone: The trained network.
        before: Its tensors before.
        trainer: With history and notes.
        folder: Where it keeps images.
    """

    backbone: Backbone
    before: dict[str, torch.Tensor]
    trainer: Trainer
    folder: Path

    def changed_parts(self) -> set[str]:
        """The parts of which at least one tensor differs from its start."""
        after = self.backbone.state_dict()
        return {
            self.backbone.part_of(name)
            for name, tensor in self.before.items()
            if not torch.equal(tensor, after[name])
        }


@pytest.fixture(scope="session")
def pool() -> UnlabelledImages:
    """A hundred and twenty-eight cephalograms of 64 px."""
    dataset = registry("dataset").create("phantom-cephalometric[train=128,test=1,size=64]")
    ids = [sample.id for sample in dataset.index().split("train")]
    return UnlabelledImages(np.stack([dataset.read(name) for name in ids]), torch.device("cpu"))


@pytest.fixture
def pretrain(tmp_path: Path, pool: UnlabelledImages) -> Callable[..., Pretrained]:
    """Pretrains ``method`` for some steps."""

    def run(
        method: str, steps: int, backbone: str = UNET, seed: int = 0, batch_size: int = 16
    ) -> Pretrained:
        network = initial_backbone(parse_backbone(backbone), seed)
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        torch.manual_seed(seed)
        trainer = Trainer(
            steps=steps,
            batch_size=batch_size,
            device=torch.device("cpu"),
            precision=torch.float32,
            generator=torch.Generator().manual_seed(seed),
            folder=tmp_path,
        )
        registry("method").create(method).pretrain(network, pool, trainer)
        return Pretrained(network, before, trainer, tmp_path)

    return run
