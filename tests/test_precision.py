"""What ``auto`` means on a CPU: measured once, the same for all workers of a store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmark import precision
from benchmark.devices import resolve_precision, settle_cpu_precision
from benchmark.precision import PAYS_FROM, settled_precision
from benchmark.store import Store

CPU = torch.device("cpu")


@pytest.fixture
def unsettled() -> Iterator[None]:
    yield
    settle_cpu_precision(torch.float32)


@pytest.mark.parametrize(
    ("speedup", "chosen"),
    [(PAYS_FROM, "bfloat16"), (PAYS_FROM - 0.01, "float32"), (0.4, "float32")],
)
def test_bfloat16_is_chosen_where_it_pays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speedup: float, chosen: str
) -> None:
    monkeypatch.setattr(precision, "bfloat16_speedup", lambda: speedup)
    assert settled_precision(Store(tmp_path), threads=1).precision == chosen


def test_the_first_measurement_holds_for_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "bfloat16_speedup", lambda: 2.0)
    first = settled_precision(Store(tmp_path), threads=1)
    monkeypatch.setattr(precision, "bfloat16_speedup", lambda: 0.5)
    assert settled_precision(Store(tmp_path), threads=1) == first
    assert settled_precision(Store(tmp_path), threads=2).precision == "float32"


def test_of_two_workers_that_measure_at_once_the_first_to_write_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)

    def slow_worker() -> float:
        monkeypatch.setattr(precision, "bfloat16_speedup", lambda: 2.0)
        settled_precision(store, threads=1)
        return 0.5

    monkeypatch.setattr(precision, "bfloat16_speedup", slow_worker)
    assert settled_precision(store, threads=1).precision == "bfloat16"
    assert [path.suffix for path in (tmp_path / "machines").iterdir()] == [".json"]


def test_a_damaged_file_is_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "bfloat16_speedup", lambda: 2.0)
    settled_precision(Store(tmp_path), threads=1)
    (path,) = (tmp_path / "machines").iterdir()
    path.write_text("{", encoding="utf-8")
    assert settled_precision(Store(tmp_path), threads=1).precision == "bfloat16"
    assert path.read_text(encoding="utf-8").startswith("{\n")


@pytest.mark.usefixtures("unsettled")
def test_auto_on_a_cpu_is_what_was_settled_and_a_name_is_what_it_says() -> None:
    assert resolve_precision("auto", CPU) is torch.float32
    settle_cpu_precision(torch.bfloat16)
    assert resolve_precision("auto", CPU) is torch.bfloat16
    assert resolve_precision("float32", CPU) is torch.float32


def test_the_measurement_is_a_ratio_of_real_times() -> None:
    # A processor without bfloat16 stands in for it, thirty times slower.
    assert 0.001 < precision.bfloat16_speedup() < 50
