"""Batches that do not fit go through in parts, to the same gradient, where that is one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmark.errors import DeviceMemoryError
from benchmark.finetune import Shots, finetune
from benchmark.losses import LOSSES
from benchmark.micro_batches import Division, Passes, number_of_images
from benchmark.protocol import ProtocolConfig
from benchmark.training import Trainer
from benchmark.unlabelled import UnlabelledImages

CPU = torch.device("cpu")


class Small(nn.Module):
    """Stands in for a network on a GPU that has room for so many images.

    Args:
        room: Images at a time.
        layers: What it computes.
    """

    def __init__(self, room: int, *layers: nn.Module) -> None:
        super().__init__()
        self.room, self.layers = room, nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        if len(images) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        out: Tensor = self.layers(images)
        return out


def shots() -> Shots:
    """Eight images with three landmarks, unevenly missing, so that parts weigh differently."""
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 255, (8, 32, 32), generator=random, dtype=torch.uint8)
    points = torch.rand(8, 3, 2, generator=random) * 20 + 6
    points[0, :, :] = float("nan")
    points[1, 1:, :] = float("nan")
    return Shots(pixels, points)


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("room", [4, 3, 1])
def test_fine_tuning_in_parts_ends_as_with_the_whole_batch(loss: str, room: int) -> None:
    def tuned(room: int) -> tuple[dict[str, Tensor], list[float], int]:
        torch.manual_seed(0)
        # A spatial softmax does not see a last bias, and AdamW would magnify its rounding.
        last = nn.Conv2d(4, 3, 1, bias=False)
        network = Small(room, nn.Conv2d(1, 4, 5, padding=2), nn.SiLU(), last)
        protocol = ProtocolConfig.model_validate({"loss": loss, "precision": "float32"})
        history = finetune(network, shots(), protocol, steps=4, seed=0)
        return network.state_dict(), history.loss, history.parts

    weights, losses, parts = tuned(room)
    expected, whole, one = tuned(8)
    assert one == 1
    assert parts == {4: 2, 3: 4, 1: 8}[room]
    assert losses == pytest.approx(whole, rel=1e-4)
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "word"), [(nn.BatchNorm2d(4), "batch normalisation"), (nn.Dropout(0.1), "dropout")]
)
def test_a_network_that_mixes_images_fails_with_the_reason(layer: nn.Module, word: str) -> None:
    network = Small(4, nn.Conv2d(1, 4, 1), layer, nn.Conv2d(4, 3, 1))
    with pytest.raises(DeviceMemoryError, match=f"lower protocol.batch_size; under {word}"):
        finetune(network, shots(), ProtocolConfig(precision="float32"), steps=1, seed=0)


def test_an_image_that_does_not_fit_alone_fails_with_the_reason() -> None:
    network = Small(0, nn.Conv2d(1, 3, 1))
    with pytest.raises(DeviceMemoryError, match="a batch of 8 images .* even one by one"):
        finetune(network, shots(), ProtocolConfig(precision="float32"), steps=1, seed=0)


def pretrained(folder: Path, room: int, compares_images: bool) -> Trainer:
    pixels = np.random.default_rng(0).integers(0, 255, (10, 8, 8), dtype=np.uint8)
    trainer = Trainer(
        steps=2,
        batch_size=8,
        device=CPU,
        precision=torch.float32,
        generator=torch.Generator().manual_seed(0),
        folder=folder,
        compares_images=compares_images,
    )
    torch.manual_seed(0)
    network = Small(room, nn.Conv2d(1, 1, 3))
    loss: Callable[[Tensor], Tensor] = lambda batch: network(batch).square().mean()  # noqa: E731
    trainer.fit(loss, [network], UnlabelledImages(pixels, CPU))
    return trainer


def test_pretraining_of_single_images_goes_in_parts_and_notes_them(tmp_path: Path) -> None:
    whole, parts = pretrained(tmp_path, 8, False), pretrained(tmp_path, 2, False)
    assert "micro_batches" not in whole.metrics
    assert parts.metrics["micro_batches"] == 4
    assert parts.history is not None
    assert whole.history is not None
    assert parts.history.loss == pytest.approx(whole.history.loss, rel=1e-5)


def test_pretraining_that_compares_images_is_not_divided(tmp_path: Path) -> None:
    with pytest.raises(DeviceMemoryError, match="compare fewer images"):
        pretrained(tmp_path, 4, True)


def test_the_gradient_of_an_attempt_that_failed_half_way_is_dropped() -> None:
    weight = nn.Parameter(torch.ones(()))
    calls = []

    def loss(images: Tensor) -> Tensor:
        calls.append(len(images))
        if calls in ([4], [4, 2, 2]):  # The whole, and then the second half.
            raise torch.OutOfMemoryError("CUDA out of memory")
        return (weight * images).mean()

    def forget() -> None:
        weight.grad = None

    passes = Passes(loss, forget, CPU, torch.float32, Division(number_of_images))
    value = passes(torch.tensor([1.0, 2.0, 3.0, 6.0]))
    assert calls == [4, 2, 2, 1, 1, 1, 1]
    assert weight.grad is not None
    assert float(weight.grad) == float(value) == 3.0
