"""Speed of what a run does over and over: augmentation, decoding, and a step of training."""

from __future__ import annotations

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmark.augment import Augmentation, pretraining_views
from benchmark.backbones import build, parse_backbone
from benchmark.backbones.base import Detector
from benchmark.heatmaps import decode, gaussian_target, valid_landmarks
from benchmark.losses import heatmap_loss

SIZE = (160, 128)
LANDMARKS = 19


def batch(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Textured images with landmarks inside; not zeros, which some kernels are quicker on."""
    random = torch.Generator().manual_seed(0)
    images = torch.rand(count, 1, *SIZE, generator=random) * 2 - 1
    sides = torch.tensor([SIZE[1], SIZE[0]])
    points = (0.1 + 0.8 * torch.rand(count, LANDMARKS, 2, generator=random)) * sides
    return images, points


def test_augmentation_of_eight_images(benchmark: BenchmarkFixture) -> None:
    images, points = batch(8)
    random = torch.Generator().manual_seed(1)
    moved, _ = benchmark(Augmentation(), images, points, random)
    assert moved.shape == images.shape


def test_two_views_of_thirty_two_images(benchmark: BenchmarkFixture) -> None:
    images, _ = batch(32)
    first, _ = benchmark(pretraining_views, images, torch.Generator().manual_seed(1), size=0.5)
    assert first.shape == (32, 1, SIZE[0] // 2, SIZE[1] // 2)


@pytest.mark.parametrize("decoder", ["local", "argmax", "contour"])
def test_decoding_of_sixteen_images(benchmark: BenchmarkFixture, decoder: str) -> None:
    _, points = batch(16)
    logits = (gaussian_target(points, SIZE) + 1e-6).log()
    found = benchmark(decode, logits, decoder)
    assert (found - points).norm(dim=-1).median() < 1


@pytest.mark.parametrize(
    "name", ["unet[channels=32-32-64-128,patch=2]", "timm/tf_efficientnet_lite0"]
)
def test_a_step_of_fine_tuning(benchmark: BenchmarkFixture, name: str) -> None:
    images, points = batch(8)
    detector = Detector(build(parse_backbone(name)), LANDMARKS)
    optimiser = torch.optim.AdamW(detector.parameters(), lr=1e-4)
    measure, valid = heatmap_loss("softmax"), valid_landmarks(points, SIZE)

    def step() -> float:
        optimiser.zero_grad()
        loss = measure(detector(images), points, valid)
        loss.backward()
        optimiser.step()
        return float(loss)

    assert benchmark(step) > 0
