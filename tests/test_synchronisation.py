"""No training step waits for its device: nothing is read back, and no numbers are sent.

A GPU's host waits when a value is read, when a shape depends on values, and when numbers of Python
become a tensor on the device. All three pass torch's dispatcher, on a CPU too, and are seen there.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from benchmark.backbones import parse_backbone
from benchmark.backbones.base import Detector
from benchmark.finetune import Shots, finetune
from benchmark.losses import LOSSES
from benchmark.methods.ddpm import DDPM, DDPMOptions
from benchmark.protocol import AugmentationConfig, ProtocolConfig
from benchmark.training import Trainer
from benchmark.unlabelled import UnlabelledImages
from benchmark.weights import initial_backbone

CPU = torch.device("cpu")
WAITING = {
    "aten::_local_scalar_dense",
    "aten::_linalg_check_errors",
    "aten::is_nonzero",
    "aten::lift_fresh",
    "aten::masked_select",
    "aten::nonzero",
}
# On a CPU these effects look which images they befall; on a GPU they do not.
UNIFORM = AugmentationConfig(dose=None, blur=0, scatter_probability=0, collimation_probability=0.5)


class Waits(TorchDispatchMode):
    """Counts what would make the host wait, by name."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = func._schema.name
        by_mask = name == "aten::index" and any(
            index is not None and index.dtype is torch.bool for index in args[1]
        )
        if name in WAITING or by_mask:
            self.seen[name] += 1
        return func(*args, **(kwargs or {}))


def detector() -> Detector:
    return Detector(initial_backbone(parse_backbone("unet[channels=8-16,groups=4,patch=2]"), 0), 3)


def shots() -> Shots:
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 255, (5, 32, 32), generator=random, dtype=torch.uint8)
    points = 4 + 24 * torch.rand(5, 3, 2, generator=random)
    points[0, 1] = float("nan")
    return Shots(pixels, points)


def waits_of_fine_tuning(network: nn.Module, steps: int, loss: str) -> Counter[str]:
    protocol = ProtocolConfig(batch_size=4, augmentation=UNIFORM, loss=loss)
    waits = Waits()
    with waits:
        finetune(network, shots(), protocol, steps=steps, seed=0)
    return waits.seen


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_a_fine_tuning_of_more_steps_waits_no_more_often(loss: str) -> None:
    # The first copies constants to the device; and losses are read once in five steps, all at once.
    waits_of_fine_tuning(detector(), 1, loss)
    assert waits_of_fine_tuning(detector(), 15, loss) == waits_of_fine_tuning(detector(), 5, loss)


def test_a_network_that_reads_a_value_is_found_out() -> None:
    class Reading(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = detector()

        def forward(self, images: Tensor) -> Tensor:
            maps: Tensor = self.inner(images)
            return maps * float(images.new_ones(()).item())

    few, many = (waits_of_fine_tuning(Reading(), steps, "softmax") for steps in (5, 15))
    assert many["aten::_local_scalar_dense"] == few["aten::_local_scalar_dense"] + 10


def test_a_diffusion_pretraining_of_more_steps_waits_no_more_often(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (8, 32, 32), dtype=np.uint8)

    def waits(steps: int) -> Counter[str]:
        trainer = Trainer(
            steps=steps,
            batch_size=4,
            device=CPU,
            precision=torch.float32,
            generator=torch.Generator().manual_seed(0),
            folder=tmp_path,
        )
        backbone = detector().backbone
        seen = Waits()
        with seen:
            method = DDPM(DDPMOptions(samples=0, pictures=0))
            method.pretrain(backbone, UnlabelledImages(pixels, CPU), trainer)
        return seen.seen

    waits(1)
    assert waits(15) == waits(5)
