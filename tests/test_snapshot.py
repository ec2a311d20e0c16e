"""A snapshot reads once, gives what the store gives, and keeps what was derived."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmark.snapshot import Snapshot
from benchmark.store import Store
from tests.reports.store_builder import build_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return build_store(tmp_path_factory.mktemp("store"), shots=(10,))


def test_a_snapshot_gives_what_the_store_gives(store: Store) -> None:
    snapshot = Snapshot(store.root)
    assert snapshot.cells() == store.cells()
    assert snapshot.pretrainings() == store.pretrainings()
    assert snapshot.datasets() == store.datasets()
    assert snapshot.environments() == store.environments()


def test_a_snapshot_does_not_change_with_the_store(tmp_path: Path) -> None:
    store = build_store(tmp_path, shots=(10,))
    snapshot = Snapshot(tmp_path)
    before = snapshot.cells()
    (tmp_path / "cells" / before[0].key / "cell.json").unlink()
    assert snapshot.cells() == before
    assert len(store.cells()) == len(before) - 1


def test_who_changes_a_list_of_a_snapshot_changes_only_the_copy(store: Store) -> None:
    snapshot = Snapshot(store.root)
    snapshot.cells().clear()
    assert snapshot.cells()


def test_errors_equal_the_stores_and_share_their_names(store: Store) -> None:
    snapshot = Snapshot(store.root)
    first, second = [
        cell.key
        for cell in store.cells()
        if cell.status == "done" and cell.labels.dataset == "cephalometric"
    ][:2]
    np.testing.assert_array_equal(snapshot.errors(first).values, store.errors(first).values)
    assert snapshot.errors(first) is snapshot.errors(first)
    assert snapshot.errors(first).image_ids is snapshot.errors(second).image_ids


def test_what_is_derived_is_made_once(store: Store) -> None:
    snapshot = Snapshot(store.root)
    made = []
    for _ in range(2):
        assert snapshot.derived("answer", lambda: made.append(1) or 42) == 42  # type: ignore[func-returns-value]
    assert made == [1]
