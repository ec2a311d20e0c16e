"""The leaderboard in the page: what cells sort by, which filters there are, how bars are drawn."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchmark.reports import html_table as board
from benchmark.reports.building import build_tables
from benchmark.reports.columns import LABELS_SAVED, METHOD, MRE, RANK, SEEDS, Column, Value
from benchmark.reports.tables import LeaderboardTable
from benchmark.statistics.results import Interval
from benchmark.store import Store
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES


def table_of(root: Path, methods: int = 3) -> LeaderboardTable:
    """One table of one dataset, number of shots and backbone."""
    (table,) = build_tables(
        build_store(
            root,
            datasets=DATASETS[:1],
            strategies=STRATEGIES[:methods],
            shots=[50],
            seeds=[0],
            failed=(),
        )
    )
    return table


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        (MRE, 1.23456789, "1.23456789"),
        (MRE, None, ""),
        (MRE, float("inf"), ""),
        (METHOD, "SimCLR", "simclr"),
        (RANK, "2–13", "2"),
        (SEEDS, "1 of 12", "1"),
        (LABELS_SAVED, "−7 (−20 to 3)", "-7"),
        (LABELS_SAVED, "> 40", "40"),
        (LABELS_SAVED, "none", ""),
    ],
)
def test_cells_sort_by_their_number_or_their_text(
    column: Column, value: Value, expected: str
) -> None:
    assert board.sort_value(column, {column.key: value}) == expected


def test_a_filter_is_there_only_where_there_is_a_choice(store: Store, tmp_path: Path) -> None:
    assert board.filters([table_of(tmp_path)]) == []
    found = {choice.name: choice for choice in board.filters(build_tables(store))}
    assert set(found) == {"dataset", "shots", "backbone"}
    assert [text for _, text in found["shots"].choices] == [
        "10 labelled images",
        "50 labelled images",
    ]
    assert len(found["dataset"].choices) == 2


def test_a_shared_backbone_stands_in_the_caption_and_not_in_a_column(tmp_path: Path) -> None:
    table = table_of(tmp_path)
    assert "backbone" not in {column.key for column in board.columns_of(table)}
    assert board.caption(table) == "50 labelled images, unet"


def test_bars_are_in_proportion_and_end_at_the_largest_number(tmp_path: Path) -> None:
    table = table_of(tmp_path)
    first, second, third = (
        dataclasses.replace(row, entries={"mre": mean}, intervals=intervals)
        for row, mean, intervals in zip(
            table.rows,
            (1.0, 2.0, 3.0),
            ({"mre": Interval(1.0, -0.5, 4.0)}, {"mre": Interval(2.0, 1.0, 3.0)}, {}),
            strict=True,
        )
    )
    drawn = dataclasses.replace(table, rows=(first, second, third))
    assert board.bar(first, drawn) == board.Bar(25.0, 0.0, 100.0)
    assert board.bar(second, drawn) == board.Bar(50.0, 25.0, 75.0)
    assert board.bar(third, drawn) == board.Bar(75.0, 75.0, 75.0)


def test_an_interval_without_an_end_is_not_drawn(tmp_path: Path) -> None:
    table = table_of(tmp_path, methods=1)
    endless = {"mre": Interval(2.0, float("-inf"), float("inf"))}
    row = dataclasses.replace(table.rows[0], entries={"mre": 2.0}, intervals=endless)
    drawn = dataclasses.replace(table, rows=(row,))
    assert board.bar(row, drawn) == board.Bar(100.0, 100.0, 100.0)
