"""Speed of the way from files, or from nothing, to the arrays that a cell reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from benchmark.finetune import load_shots
from benchmark.images import read_radiograph, scale_to
from benchmark.planning import make_plan
from benchmark.preparation import prepare
from benchmark.prepared import load_prepared
from benchmark.registry import registry
from benchmark.requests import run_config
from benchmark.store import Store
from benchmarks.workload import SIZE

# A cephalogram of ISBI 2015.
NATIVE = (2400, 1935)
SMALL = "phantom-cephalometric[train=12,test=4,size=256]"


@pytest.fixture
def radiograph(tmp_path: Path) -> Path:
    """A PNG of that size that compresses about as a radiograph does."""
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 255, (40, 32), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(NATIVE[::-1], Image.Resampling.BICUBIC), dtype=np.int16)
    noisy = smooth + random.integers(-3, 4, NATIVE, dtype=np.int16)
    path = tmp_path / "radiograph.png"
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path)
    return path


def test_reading_a_png(benchmark: BenchmarkFixture, radiograph: Path) -> None:
    assert benchmark(read_radiograph, radiograph).shape == NATIVE


def test_scaling_to_the_working_size(benchmark: BenchmarkFixture, radiograph: Path) -> None:
    image = read_radiograph(radiograph)
    assert benchmark(scale_to, image, SIZE[::-1]).shape in (SIZE, SIZE[::-1])


def test_drawing_a_phantom(benchmark: BenchmarkFixture) -> None:
    dataset = registry("dataset").create(SMALL)
    first = dataset.index().split("train")[0].id
    assert benchmark(dataset.read, first).shape == (256, 256)


def test_caching_sixteen_phantoms(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    spec = make_plan(run_config({"datasets": SMALL, "methods": "scratch", "shots": "5"}))
    dataset = spec.cells[0].spec.dataset
    store = Store(tmp_path)
    benchmark.pedantic(prepare, args=(store, dataset, None), rounds=3)  # type: ignore[no-untyped-call]
    assert store.dataset(dataset.key) is not None


def test_reading_shots_from_the_cache(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    spec = make_plan(run_config({"datasets": SMALL, "methods": "scratch", "shots": "5"}))
    dataset = spec.cells[0].spec.dataset
    store = Store(tmp_path)
    prepare(store, dataset, None)

    def read() -> int:
        data = load_prepared(store, dataset.key)
        return len(load_shots(data, data.rows("train")[:10], torch.device("cpu")).pixels)

    assert benchmark(read) == 10
