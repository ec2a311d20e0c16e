"""A leaderboard without the test images that leak is that of the images that are left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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
    every, left = image_means(store, cell, {first})
    assert every == pytest.approx(np.nanmean(errors.values))
    assert left == pytest.approx(np.nanmean(errors.values[1:]))
    assert left != every
    assert image_means(store, cell, set(others))[1] == pytest.approx(np.nanmean(errors.values[0]))
    table = {strategy: (shots, before) for strategy, shots, before, _ in rows(store)}
    assert table.keys() == {"From scratch on unet, whole", "DDPM on unet, whole"}
    assert {shots for shots, _ in table.values()} == {10}
