"""Intervals, pairs, ranks and groups of the leaderboard, against their own definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmark.files import write_record
from benchmark.reports.building import build_tables
from benchmark.reports.errors import table_errors
from benchmark.reports.tables import CONTROL, LeaderboardTable
from benchmark.schema import RunRecord
from benchmark.snapshot import Snapshot
from benchmark.store import Store
from tests.reports.store_builder import build_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    root = tmp_path_factory.mktemp("store")
    build_store(root, shots=(5, 10, 50), seeds=(0, 1, 2))
    return Snapshot(root)


@pytest.fixture(scope="module")
def tables(store: Snapshot) -> tuple[LeaderboardTable, ...]:
    return build_tables(store)


def table_of(tables: tuple[LeaderboardTable, ...], dataset: str, shots: int) -> LeaderboardTable:
    (table,) = [t for t in tables if t.group.name == dataset and t.shots == shots]
    return table


def test_every_finished_row_has_an_interval_around_its_error(
    tables: tuple[LeaderboardTable, ...],
) -> None:
    for table in tables:
        for row in table.ranked:
            interval = row.intervals["mre"]
            assert interval.estimate == pytest.approx(row.number("mre"), rel=1e-9)
            assert interval.low < interval.estimate < interval.high


def test_intervals_of_sdr_are_in_percent_and_hold_the_estimate(
    tables: tuple[LeaderboardTable, ...],
) -> None:
    for table in tables:
        for row in table.ranked:
            for threshold in table.group.thresholds:
                key = f"sdr@{float(threshold)}"
                interval, value = row.intervals[key], row.number(key)
                assert value is not None
                assert interval.estimate == pytest.approx(value, abs=1e-6)
                assert 0 <= interval.low <= value + 1e-9
                assert value - 1e-9 <= interval.high <= 100


def test_the_gains_estimate_is_the_gain_and_scratch_has_none(
    tables: tuple[LeaderboardTable, ...],
) -> None:
    seen = 0
    for table in tables:
        for row in table.ranked:
            if row.identity.method == CONTROL:
                assert "gain" not in row.intervals
            elif table.control_of(row) is not None:
                interval = row.intervals["gain"]
                assert interval.estimate == pytest.approx(row.number("gain"), abs=1e-6)
                assert interval.low < interval.estimate < interval.high
                seen += 1
    assert seen > 5


def test_pairs_are_the_differences_of_the_rows_on_common_seeds(
    store: Snapshot, tables: tuple[LeaderboardTable, ...]
) -> None:
    table = table_of(tables, "cephalometric", 50)
    errors = table_errors(store, table.ranked, table.group.thresholds)
    assert errors is not None
    for pair in table.pairs:
        seeds = errors.common_seeds(pair.first, pair.second)
        one, other = (errors.rows[i].at(seeds) for i in (pair.first, pair.second))
        expected = np.average((one - other).mean(0), weights=errors.weights)
        assert pair.comparison.difference.estimate == pytest.approx(expected)
        assert pair.adjusted_p >= pair.comparison.p_value
    count = len(table.ranked)
    assert len(table.pairs) == count * (count - 1) // 2


def test_one_seed_is_a_paired_t_test_over_images_weighed_by_their_landmarks(tmp_path: Path) -> None:
    store = Snapshot(build_store(tmp_path, shots=(50,), seeds=(0,), failed=()).root)
    table = next(t for t in build_tables(store) if t.group.name == "cephalometric")
    errors = table_errors(store, table.ranked, ())
    assert errors is not None
    pair = table.pairs[0]
    one, other = (errors.rows[i].means[0] for i in (pair.first, pair.second))
    # A weighted mean is a ratio of sums; this is what each image adds to it.
    mean = np.average(one - other, weights=errors.weights)
    influence = mean + errors.weights / errors.weights.mean() * (one - other - mean)
    expected = stats.ttest_1samp(influence, 0.0)
    assert pair.comparison.p_value == pytest.approx(expected.pvalue)
    assert pair.comparison.one_seed
    assert any("One seed" in note for note in table.notes)


def test_the_place_counts_the_rows_that_are_surely_better(tmp_path: Path) -> None:
    several = 0
    store = build_store(tmp_path, shots=(50,), seeds=range(8), failed=())
    for table in build_tables(store):
        for row in table.ranked:
            better = 0
            for pair in table.pairs:
                if row.identity in (pair.first, pair.second) and pair.adjusted_p < 0.05:
                    sign = 1 if row.identity == pair.first else -1
                    better += sign * pair.comparison.difference.estimate > 0
            assert row.entries["place"] == 1 + better
            several += better > 0
        assert table.ranked[0].entries["place"] == 1
    assert several


def test_ranks_hold_the_place_of_the_row_among_rows_with_the_same_seeds(
    tables: tuple[LeaderboardTable, ...],
) -> None:
    table = table_of(tables, "cephalometric", 50)
    for place, row in enumerate(table.ranked, start=1):
        low, _, high = str(row.entries["rank"]).partition("–")
        assert int(low) <= place <= int(high or low)


def test_a_failed_seed_is_left_out_on_both_sides_and_said(
    tables: tuple[LeaderboardTable, ...],
) -> None:
    table = table_of(tables, "cephalometric", 10)
    failed = next(row for row in table.rows if row.failed)
    pairs = [p for p in table.pairs if failed.identity in (p.first, p.second)]
    assert {p.comparison.components.seeds for p in pairs} == {len(failed.done)}
    assert any("leave its failed seeds out" in note for note in table.notes)
    assert any("counted as the mean shape" in note for note in table.notes)


def test_labels_saved_stand_where_scratch_has_a_curve(
    tables: tuple[LeaderboardTable, ...], tmp_path: Path
) -> None:
    table = table_of(tables, "cephalometric", 10)
    saved = {row.identity.method: row.entries["labels_saved"] for row in table.ranked}
    assert saved["scratch"] is None
    assert saved["ddpm"]
    single = build_tables(build_store(tmp_path, shots=(10,)))
    assert all(row.entries["labels_saved"] is None for t in single for row in t.ranked)


def test_damaged_predictions_cost_a_row_its_interval_and_nothing_else(tmp_path: Path) -> None:
    store = build_store(tmp_path, shots=(50,), seeds=(0,), failed=())
    broken = next(c for c in store.cells() if c.labels.method == "ddpm")
    (tmp_path / "cells" / broken.key / "predictions.parquet").write_bytes(b"no parquet")
    snapshot = Snapshot(tmp_path)
    table = next(t for t in build_tables(snapshot) if t.group.name == broken.labels.dataset)
    by_method = {row.identity: row for row in table.ranked}
    without = [row for row in by_method.values() if not row.intervals]
    assert [row.done[0].key for row in without] == [broken.key]
    assert without[0].number("mre") is not None
    assert any("predictions.parquet" in problem for problem in snapshot.problems)


@pytest.mark.parametrize(("asked", "expected"), [(None, 0.25), (0.5, 0.5)])
def test_the_margin_is_the_last_runs_unless_the_caller_declares_one(
    tmp_path: Path, asked: float | None, expected: float
) -> None:
    root = build_store(tmp_path, shots=(50,)).root
    for number, margin in enumerate((0.1, 0.25, None)):
        write_record(
            root / "runs" / f"z{number}.json",
            RunRecord(started=f"2026-01-0{number}", margin=margin),
        )
    store = Store(root)
    store.margin = asked
    assert {table.margin for table in build_tables(store)} == {expected}


def test_all_is_equal_within_a_huge_margin(tmp_path: Path) -> None:
    store = build_store(tmp_path, shots=(50,))
    store.margin = 1000.0
    for table in build_tables(store):
        assert {pair.comparison.verdict for pair in table.pairs} == {"equivalent"}
        assert any("Declared margin" in note for note in table.notes)
