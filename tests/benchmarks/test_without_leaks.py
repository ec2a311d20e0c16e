"""A leaderboard without the test images that leak is that of the images that are left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmark.files import write_record
from benchmark.schema import Leak
from benchmark.store import Store
from benchmarks.without_leaks import image_means, rows
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES

HAND, CEPHALOMETRIC = DATASETS


def test_the_mean_over_what_is_left_is_that_of_the_predictions(tmp_path: Path) -> None:
    store = build_store(
        tmp_path, datasets=[CEPHALOMETRIC], strategies=STRATEGIES[:2], shots=[10], failed=()
    )
    cell = store.cells()[0]
    errors = store.errors(cell.key)
    first, *others = errors.image_ids
    both = image_means(store, cell, {first})
    assert both is not None
    assert both[0] == pytest.approx(np.nanmean(errors.values))
    assert both[1] == pytest.approx(np.nanmean(errors.values[1:]))
    assert both[0] != both[1]
    alone = image_means(store, cell, set(others))
    assert alone is not None
    assert alone[1] == pytest.approx(np.nanmean(errors.values[0]))
    table = {strategy: (shots, before) for strategy, shots, before, _ in rows(store)}
    assert table.keys() == {"From scratch on unet, whole", "DDPM on unet, whole"}
    assert {shots for shots, _ in table.values()} == {10}


def test_cells_that_were_not_tested_on_what_leaks_are_passed_over(tmp_path: Path) -> None:
    store = build_store(
        tmp_path, datasets=[CEPHALOMETRIC], strategies=STRATEGIES[:1], shots=[10], failed=()
    )
    (dataset,) = store.datasets()
    assert image_means(store, store.cells()[0], {"an image that was left out"}) is None
    assert [*rows(store)]
    others = (Leak(pool_id="pool-4", test_id="an image that was left out", correlation=1.0),)
    write_record(
        store.root / "datasets" / dataset.key / "dataset.json",
        dataset.model_copy(update={"leaks": others}),
    )
    assert [*rows(Store(tmp_path))] == []
