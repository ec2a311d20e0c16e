"""Speed of augmentation: of labelled images for fine-tuning, and of views for pretraining."""

from __future__ import annotations

import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmark.augment import Augmentation, pretraining_views
from benchmark.devices import generator
from benchmarks.workload import COMPARISON_BATCH, SHOTS_BATCH, SIZE, batch, finished


def test_augmenting_eight_images(benchmark: BenchmarkFixture, device: torch.device) -> None:
    images, points = batch(SHOTS_BATCH, device)
    augment = finished(Augmentation(), device)
    moved, _ = benchmark(augment, images, points, generator(1, device))
    assert moved.shape == images.shape


def test_two_views_of_thirty_two_images(benchmark: BenchmarkFixture, device: torch.device) -> None:
    images, _ = batch(COMPARISON_BATCH, device)
    view = finished(pretraining_views, device)
    first, _ = benchmark(view, images, generator(1, device), size=0.5)
    assert first.images.shape == (COMPARISON_BATCH, 1, SIZE[0] // 2, SIZE[1] // 2)
