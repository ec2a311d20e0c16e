"""What the benchmarks work on: sizes of the preset quick, seeded inputs, and single steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.devices import autocast, generator, resolve_precision
from benchmark.optimiser import Schedule, Update
from benchmark.plugins import Method
from benchmark.registry import registry
from benchmark.training import Trainer
from benchmark.unlabelled import UnlabelledImages
from benchmark.weights import initial_backbone

SIZE = (160, 128)
LANDMARKS = 19
SHOTS_BATCH, COMPARISON_BATCH = 8, 32
POOL = 128
UNET = "unet[channels=32-32-64-128,patch=2]"
TINY = "unet[channels=16-32-64,patch=2]"
TIMM = "timm/tf_efficientnet_lite0"


def pixels(count: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Textured uint8 images; not zeros, which some kernels are quicker on."""
    return np.random.default_rng(0).integers(0, 255, (count, *size), dtype=np.uint8)


def batch(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images (count, 1, height, width) in [-1, 1] with landmarks inside."""
    random = torch.Generator().manual_seed(0)
    images = torch.rand(count, 1, *SIZE, generator=random) * 2 - 1
    sides = torch.tensor([SIZE[1], SIZE[0]])
    points = (0.1 + 0.8 * torch.rand(count, LANDMARKS, 2, generator=random)) * sides
    return images.to(device), points.to(device)


def finished(work: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    """The work, and then waiting until a GPU has really done it."""
    if device.type != "cuda":
        return work

    def wait(*arguments: Any, **named: Any) -> Any:
        out = work(*arguments, **named)
        torch.cuda.synchronize(device)
        return out

    return wait


def training_step(
    loss: Callable[[], Tensor],
    network: nn.Module,
    device: torch.device,
    after_step: Callable[[int], None] | None = None,
) -> Callable[[], Tensor]:
    """A step as the training loop does it, at the precision that suits the device."""
    update = Update(network.parameters(), Schedule(steps=1000, learning_rate=1e-4), device)
    precision = resolve_precision("auto", device)
    network.train()

    def step() -> Tensor:
        with autocast(device, precision):
            value = loss()
        update.forget()
        value.backward()
        update(0)
        if after_step is not None:
            after_step(0)
        return value.detach()

    return step


class _GivenAwayError(Exception):
    """Ends a method once it has said what it trains."""


class StepTrainer(Trainer):
    """Takes what a method would train, and trains nothing itself.

    Attributes:
        step: One training step of the method.
    """

    step: Callable[[], Tensor]

    def fit(
        self,
        loss: Callable[[Tensor], Tensor],
        modules: Sequence[nn.Module],
        images: UnlabelledImages,
        *,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-2,
        after_step: Callable[[int], None] | None = None,
        keeps: Sequence[Any] = (),
    ) -> None:
        """Keep a step, and end the method."""
        batches = images.batches(self.batch_size, self.generator)
        network = nn.ModuleList(modules)
        self.step = training_step(lambda: loss(next(batches)), network, self.device, after_step)
        raise _GivenAwayError


def pretraining_step(method: str, device: torch.device, folder: Path) -> Callable[[], Tensor]:
    """One step of a method on a small U-Net, with the batch that the preset quick gives it."""
    plugin = registry("method").load(method)
    torch.manual_seed(0)
    backbone = initial_backbone(parsed(TINY), 0).to(device)
    trainer = StepTrainer(
        steps=1000,
        batch_size=COMPARISON_BATCH if plugin.compares_images else SHOTS_BATCH,
        device=device,
        precision=torch.float32,
        generator=generator(0, device),
        folder=folder,
    )
    try:
        plugin(plugin.Options()).pretrain(backbone, UnlabelledImages(pixels(POOL), device), trainer)
    except _GivenAwayError:
        return trainer.step
    raise AssertionError(f"{method} trains without trainer.fit")


def trained_methods() -> list[str]:
    """The methods that learn from the pool."""
    methods = registry("method")
    loaded: dict[str, type[Method]] = {e.name: methods.load(e.name) for e in methods.entries()}
    return [name for name, m in loaded.items() if m.trains and m.pretraining_data == "pool"]


def parsed(backbone: str) -> Any:
    """The specification of a backbone."""
    from benchmark.backbones import parse_backbone

    return parse_backbone(backbone)
