"""Results on a test set without leaking images stand apart from those on the whole one."""

from __future__ import annotations

from typing import Any

import pytest

from benchmark.files import write_record
from benchmark.fingerprint import without_leaks
from benchmark.reports.building import build_tables
from benchmark.reports.cards import datasheets
from benchmark.reports.facts import data_facts
from benchmark.reports.published import published_beside
from benchmark.reports.tables import LeaderboardTable
from benchmark.schema import CellRecord, DatasetRecord
from benchmark.store import Store
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES

WITHOUT = {"exclude_leaks": True}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Each cell twice: on the whole test set, and on one without leaking images."""
    store = build_store(
        tmp_path_factory.mktemp("store"),
        datasets=DATASETS[1:],
        strategies=STRATEGIES[:2],
        shots=[50],
        seeds=[0],
        failed=(),
    )
    (whole,) = store.datasets()
    record = whole.model_copy(
        update={
            "key": "f" * 16,
            "fingerprint": without_leaks(whole.fingerprint),
            "leaks_excluded": True,
            "counts": whole.counts | {"test": whole.counts["test"] - 1},
        }
    )
    _write_dataset(store, record)
    for cell in store.cells():
        _write_twin(store, cell, record)
    return store


def _write_dataset(store: Store, record: DatasetRecord) -> None:
    with store.folder("datasets", record.key) as folder:
        write_record(folder / "dataset.json", record)


def _write_twin(store: Store, cell: CellRecord, record: DatasetRecord) -> None:
    """The same cell without leaking test images, with half the error."""
    spec: dict[str, Any] = cell.spec | {"dataset": cell.spec["dataset"] | WITHOUT}
    update: dict[str, Any] = {"key": f"{cell.key[:-1]}f", "spec": spec, "dataset_key": record.key}
    if cell.metrics is not None:
        update["metrics"] = cell.metrics.model_copy(update={"mre": cell.metrics.mre / 2})
    predictions = store.root / "cells" / cell.key / "predictions.parquet"
    with store.folder("cells", update["key"]) as folder:
        if predictions.exists():
            (folder / predictions.name).write_bytes(predictions.read_bytes())
        write_record(folder / "cell.json", cell.model_copy(update=update))


def split(store: Store) -> tuple[LeaderboardTable, LeaderboardTable]:
    """The tables of the whole test set and of the one without leaking images."""
    tables = build_tables(store)
    shots = tables[0].shots
    whole, without = sorted(
        (table for table in tables if table.shots == shots),
        key=lambda table: bool(table.group.record and table.group.record.leaks_excluded),
    )
    return whole, without


def test_no_row_mixes_cells_with_and_without_leaking_tests(store: Store) -> None:
    whole, without = split(store)
    for table, excluded in ((whole, False), (without, True)):
        for row in table.rows:
            for cell in (*row.done, *row.failed):
                assert bool(cell.spec["dataset"].get("exclude_leaks")) is excluded
    best, halved = whole.rows[0].number("mre"), without.rows[0].number("mre")
    assert best is not None
    assert halved == pytest.approx(best / 2)


def test_the_title_and_a_note_say_what_is_left_out(store: Store) -> None:
    whole, without = split(store)
    assert without.group.detail == "without leaking test images"
    assert whole.group.detail == ""
    tests = whole.group.record.counts["test"] if whole.group.record else 0
    assert f"1 of {tests} test images were left out" in " ".join(without.notes)
    assert "left out" not in " ".join(whole.notes)


def test_no_published_number_stands_beside_another_test_set(store: Store) -> None:
    whole, without = split(store)
    assert published_beside(without) == ()
    assert published_beside(whole) != ()


def test_a_cell_that_failed_before_preparation_stands_with_its_kind(store: Store) -> None:
    cell = next(c for c in store.cells() if c.spec["dataset"].get("exclude_leaks"))
    lost = cell.model_copy(
        update={"key": "e" * 16, "dataset_key": None, "status": "failed", "metrics": None}
    )
    groups = [table.group for table in build_tables(store, [*store.cells(), lost])]
    (home,) = {group.identity for group in groups if lost in group.cells}
    assert "without leaking test images" in home[1]


def test_datasheet_and_facts_say_that_the_test_images_are_left_out(store: Store) -> None:
    _, without = split(store)
    assert "test images are left out" in dict(data_facts(without.group))["Leaks into the pool"]
    sheets = datasheets(store, build_tables(store)).values()
    assert sum("left out of the measurement" in sheet for sheet in sheets) == 1
