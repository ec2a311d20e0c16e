"""All tables together: ratios to scratch, profiles, areas, and what a missing block does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmark.reports.building import build_tables
from benchmark.reports.overall import Overall, overall
from benchmark.snapshot import Snapshot
from benchmark.statistics.blocks import MINIMUM_BLOCKS
from tests.reports.store_builder import build_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    root = tmp_path_factory.mktemp("store")
    build_store(root, shots=(5, 10, 50), seeds=(0, 1, 2), failed=())
    return Snapshot(root)


@pytest.fixture(scope="module")
def found(store: Snapshot) -> Overall:
    result = overall(store, build_tables(store))
    assert result is not None
    return result


def test_the_ratio_is_the_geometric_mean_over_the_blocks(store: Snapshot, found: Overall) -> None:
    for row in found.rows:
        ratios = []
        for table in build_tables(store):
            own = [r for r in table.ranked if r.identity == row.identity]
            control = table.control_of(own[0]) if own else None
            if control is not None:
                ratios.append((own[0].number("mre") or 0) / (control.number("mre") or 1))
        assert row.blocks == len(ratios) > 1
        assert row.ratio.estimate == pytest.approx(stats.gmean(ratios), rel=1e-6)
        assert row.ratio.low < row.ratio.estimate < row.ratio.high


def test_rows_stand_best_first_and_without_scratch(found: Overall) -> None:
    estimates = [row.ratio.estimate for row in found.rows]
    assert estimates == sorted(estimates)
    assert {row.identity.method for row in found.rows} == {"ddpm", "simclr", "imagenet"}


def test_runs_are_blocks_times_seeds(found: Overall) -> None:
    for row in found.rows:
        assert len(row.ratios) == 3 * row.blocks
        assert row.ratios.min() <= row.interquartile <= row.ratios.max()
        assert 0 <= row.improvement <= 1


def test_a_profile_says_how_many_runs_are_at_most_so_far_above_scratch(found: Overall) -> None:
    for row in found.rows:
        profile = found.profiles[row.identity]
        at = np.searchsorted(found.thresholds, 1.0)
        assert profile[at] == pytest.approx((row.ratios <= found.thresholds[at]).mean())
        assert (np.diff(profile) >= 0).all()


def test_areas_lie_between_the_smallest_and_the_largest_error(
    store: Snapshot, found: Overall
) -> None:
    tables = build_tables(store)
    assert len(found.curves) == len({table.group.identity for table in tables})
    for curve in found.curves:
        assert curve.shots == (5, 10, 50)
        for area in curve.areas:
            errors = [
                row.number("mre") or 0.0
                for table in tables
                for row in table.ranked
                if row.identity == area.identity and table.group.full_title == curve.dataset
            ]
            assert min(errors) < area.area.estimate < max(errors)
            assert area.area.low < area.area.estimate < area.area.high


def test_a_diagram_of_ranks_needs_enough_blocks(tmp_path: Path, found: Overall) -> None:
    assert len(found.blocks) < MINIMUM_BLOCKS
    assert found.diagram is None
    many = build_store(tmp_path, shots=(1, 5, 10, 25, 50), seeds=(0,), failed=())
    larger = overall(Snapshot(many.root), build_tables(many))
    assert larger is not None
    assert len(larger.blocks) >= MINIMUM_BLOCKS
    assert larger.diagram is not None
    assert len(larger.compared) >= 3


def test_one_table_is_not_aggregated(tmp_path: Path) -> None:
    store = build_store(tmp_path, shots=(50,), seeds=(0,))
    assert overall(store, build_tables(store)[:1]) is None
