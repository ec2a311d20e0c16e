"""Speed of heatmaps: their targets, the protocol's loss, and the ways back to landmarks."""

from __future__ import annotations

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmark.heatmaps import decode, gaussian_target, valid_landmarks
from benchmark.losses import heatmap_loss
from benchmarks.workload import LANDMARKS, SHOTS_BATCH, SIZE, batch, finished


def test_targets_of_eight_images(benchmark: BenchmarkFixture, device: torch.device) -> None:
    _, points = batch(SHOTS_BATCH, device)
    target = benchmark(finished(gaussian_target, device), points, SIZE)
    assert target.shape == (SHOTS_BATCH, LANDMARKS, *SIZE)


def test_loss_of_eight_images_and_its_gradient(
    benchmark: BenchmarkFixture, device: torch.device
) -> None:
    _, points = batch(SHOTS_BATCH, device)
    logits = torch.randn(SHOTS_BATCH, LANDMARKS, *SIZE, device=device, requires_grad=True)
    measure, valid = heatmap_loss("softmax"), valid_landmarks(points, SIZE)

    def step() -> torch.Tensor:
        return torch.autograd.grad(measure(logits, points, valid), logits)[0]

    assert benchmark(finished(step, device)).shape == logits.shape


@pytest.mark.parametrize("decoder", ["local", "argmax", "contour"])
def test_decoding_sixteen_images(
    benchmark: BenchmarkFixture, device: torch.device, decoder: str
) -> None:
    _, points = batch(16, device)
    logits = (gaussian_target(points, SIZE) + 1e-6).log()
    found = benchmark(finished(decode, device), logits, decoder)
    assert (found - points).norm(dim=-1).median() < 1
