"""Speed of a training step: of every method's pretraining, and of fine-tuning."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmark.accounting import Stopwatch, counted
from benchmark.augment import Augmentation
from benchmark.backbones.base import Detector
from benchmark.devices import generator
from benchmark.heatmaps import valid_landmarks
from benchmark.losses import heatmap_loss
from benchmark.weights import initial_backbone
from benchmarks.workload import (
    LANDMARKS,
    SHOTS_BATCH,
    SIZE,
    TIMM,
    UNET,
    batch,
    finished,
    parsed,
    pretraining_step,
    trained_methods,
    training_step,
)


@pytest.mark.parametrize("method", trained_methods())
def test_a_step_of_pretraining(
    benchmark: BenchmarkFixture, device: torch.device, method: str, tmp_path: Path
) -> None:
    step = finished(pretraining_step(method, device, tmp_path), device)
    step()
    assert benchmark(step).isfinite()


@pytest.mark.parametrize("backbone", [UNET, TIMM], ids=["unet", "timm"])
def test_a_step_of_fine_tuning(
    benchmark: BenchmarkFixture, device: torch.device, backbone: str
) -> None:
    images, points = batch(SHOTS_BATCH, device)
    detector = Detector(initial_backbone(parsed(backbone), 0), LANDMARKS).to(device)
    augment, measure, random = Augmentation(), heatmap_loss("softmax"), generator(1, device)

    def loss() -> torch.Tensor:
        moved, places = augment(images, points, random)
        logits = detector(moved).float()
        return measure(logits, places, valid_landmarks(places, SIZE))

    step = finished(training_step(loss, detector, device), device)
    step()
    assert benchmark(step).isfinite()


def test_a_thousand_stages_of_the_stopwatch(benchmark: BenchmarkFixture) -> None:
    """A training step has about six; this must stay far below a hundredth of 20 ms for each."""

    def stages() -> int:
        with Stopwatch() as stopwatch:
            for _ in range(500):
                with counted("forward_backward"), counted("augmentation"):
                    stopwatch.steps += 1
        return stopwatch.steps

    assert benchmark(stages) == 500
