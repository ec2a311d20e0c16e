"""Speed of what comes after training, and before it: metrics, the plan, and the reports."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from rich.console import Console

from benchmark.metrics import mean_shape, radial_errors, summarise
from benchmark.planning import make_plan
from benchmark.rendering import write_reports
from benchmark.requests import run_config
from benchmark.store import Store
from benchmarks import report_scale
from benchmarks.workload import LANDMARKS

IMAGES = 250


def test_metrics_of_250_images(benchmark: BenchmarkFixture) -> None:
    random = np.random.default_rng(0)
    truth = random.uniform(200, 1800, (IMAGES, LANDMARKS, 2))
    predicted = truth + random.normal(0, 15, truth.shape)
    spacing = np.full((IMAGES, 2), 0.1)

    def measure() -> float:
        errors = radial_errors(predicted, truth, spacing)
        mean_shape(truth, np.full((IMAGES, 2), 2000.0))
        return summarise(errors, (2.0, 2.5, 3.0, 4.0)).mre

    assert 1 < benchmark(measure) < 3


def test_planning_a_thousand_cells(benchmark: BenchmarkFixture) -> None:
    config = run_config(
        {
            "datasets": "phantom-cephalometric",
            "methods": "ddpm,simclr,moco,byol,vicreg,dino,denoise,masked,genesis",
            "shots": "1,5,10,25,50",
            "seeds": 20,
        }
    )
    assert len(benchmark(make_plan, config).cells) == 1000


def test_reports_of_a_small_store(
    benchmark: BenchmarkFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_scale, "DATASETS", 1)
    monkeypatch.setattr(report_scale, "METHODS", 4)
    assert report_scale.write_store(tmp_path, 60) == 60
    console = Console(file=io.StringIO())

    def write() -> list[str]:
        return write_reports(Store(tmp_path), console)

    assert benchmark.pedantic(write, rounds=2, warmup_rounds=1)  # type: ignore[no-untyped-call]
