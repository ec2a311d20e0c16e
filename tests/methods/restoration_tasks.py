"""Restoring methods on fresh networks, for tests that look at what a network is shown."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from benchmark.backbones import parse_backbone
from benchmark.backbones.base import Backbone
from benchmark.methods._restoration import Restoration, RestorationMethod
from benchmark.progress import Listener, silent
from benchmark.registry import registry
from benchmark.training import Trainer
from benchmark.unlabelled import UnlabelledImages
from benchmark.weights import initial_backbone
from tests.methods.conftest import UNET


def random(seed: int = 0) -> torch.Generator:
    """A random stream."""
    return torch.Generator().manual_seed(seed)


def grey(batch: int = 6, height: int = 48, width: int = 40) -> Tensor:
    """(batch, 1, height, width) in [0, 1]: no two pixels alike."""
    return torch.rand(batch, 1, height, width, generator=random(1))


def method(text: str) -> RestorationMethod:
    """A restoring method with options."""
    created = registry("method").create(text)
    assert isinstance(created, RestorationMethod)
    return created


def fresh(name: str = UNET) -> Backbone:
    """A network at random, always the same."""
    return initial_backbone(parse_backbone(name), 0)


def trainer_in(
    folder: Path, steps: int = 1, listener: Listener = silent, checkpoint: Path | None = None
) -> Trainer:
    """A trainer that keeps its state after every step where it has a checkpoint."""
    return Trainer(
        steps=steps,
        batch_size=4,
        device=torch.device("cpu"),
        precision=torch.float32,
        generator=random(),
        folder=folder,
        listener=listener,
        checkpoint=checkpoint,
        checkpoint_seconds=0.0,
    )


def task_of(
    text: str, folder: Path, pool: UnlabelledImages, backbone: Backbone | None = None
) -> Restoration:
    """What a method sets a network, with a random stream of its own."""
    return method(text).restoration(backbone or fresh(), pool, trainer_in(folder))
