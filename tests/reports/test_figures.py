"""The figures of one table show its numbers, whatever the table lacks."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmark.reports.drawing import painted
from benchmark.reports.figures import (
    cumulative_drawing,
    cumulative_errors,
    dots_drawing,
    method_dots,
)
from benchmark.reports.palettes import PAPER
from benchmark.reports.styles import series_styles
from benchmark.reports.tables import LeaderboardTable
from benchmark.statistics.results import Interval
from tests.reports.table_builder import make_table


def _bars(table: LeaderboardTable) -> list[tuple[float, float]]:
    """The ends of the thick translucent bars."""
    with painted(dots_drawing(table, series_styles([table])), PAPER) as figure:
        wide = [line for line in figure.axes[0].lines if line.get_linewidth() == 11]
        return [tuple(np.asarray(line.get_xdata(), float)) for line in wide]


def test_the_interval_of_each_row_is_drawn() -> None:
    table = make_table(2)
    assert _bars(table) == pytest.approx(np.array([(0.9, 1.12), (0.99, 1.232)]))


def test_rows_without_intervals_have_no_bar() -> None:
    assert _bars(make_table(3, intervals=False)) == []


def test_an_interval_without_bounds_is_left_out() -> None:
    table = make_table(2)
    endless = {"mre": Interval(1.0, -np.inf, np.inf)}
    first = dataclasses.replace(table.rows[0], intervals=endless)
    table = dataclasses.replace(table, rows=(first, *table.rows[1:]))
    assert len(_bars(table)) == 1


def test_a_huge_interval_does_not_squeeze_the_means() -> None:
    table = make_table(2)
    wide = dataclasses.replace(table.rows[0], intervals={"mre": Interval(1.0, -50.0, 60.0)})
    table = dataclasses.replace(table, rows=(wide, *table.rows[1:]))
    with painted(dots_drawing(table, series_styles([table])), PAPER) as figure:
        assert figure.axes[0].get_xlim()[1] < 3


def test_every_seed_has_its_ring() -> None:
    table = make_table(1, seeds=(0, 1, 2))
    with painted(dots_drawing(table, series_styles([table])), PAPER) as figure:
        rings = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "none"]
    assert [list(np.asarray(ring.get_xdata())) for ring in rings] == [
        pytest.approx([0.97, 1.0, 1.03])
    ]


def test_the_description_has_the_numbers() -> None:
    drawing = dots_drawing(make_table(1), series_styles([make_table(1)]))
    assert "DDPM on unet 1.00 (95 % interval 0.90 to 1.12)" in drawing.description


@pytest.mark.parametrize(
    "table",
    [
        make_table(1, seeds=(0,), intervals=False),
        make_table(3, failing=True),
        make_table(25),
        make_table(3, long_names=True),
    ],
    ids=["one row and seed", "failed row", "many rows", "long names"],
)
def test_odd_tables_are_drawn(table: LeaderboardTable) -> None:
    styles = series_styles([table])
    svg = method_dots(table, styles, "dots")
    assert all(row.title.split()[0] in svg for row in table.ranked)
    errors = {row.identity: np.array([1.0, 2.0, 3.0]) for row in table.ranked}
    assert "labelled images" in cumulative_errors(table, errors, styles, "errors")


def test_names_of_three_lines_get_rows_of_their_height() -> None:
    short, long = make_table(3), make_table(3, long_names=True)
    heights = [dots_drawing(t, series_styles([t])).height for t in (short, long)]
    assert heights[1] >= heights[0] + 3 * 10


def test_the_curve_counts_points_at_the_threshold_as_within() -> None:
    table = make_table(1)
    errors = {table.rows[0].identity: np.array([1.0, 2.0, 2.0, 9.0])}
    drawing = cumulative_drawing(table, errors, series_styles([table]))
    with painted(drawing, PAPER) as figure:
        curve = next(line for line in figure.axes[0].lines if line.get_marker() != "None")
        marks = np.asarray(curve.get_markevery())
        x, y = np.asarray(curve.get_xdata(), float), np.asarray(curve.get_ydata(), float)
    assert list(x[marks]) == [2.0, 2.5, 3.0, 4.0]
    assert list(y[marks]) == [75, 75, 75, 75]


def test_the_file_has_a_legend_and_the_page_has_its_own() -> None:
    table = make_table(4)
    errors = {row.identity: np.array([1.0, 2.0]) for row in table.ranked}
    for legend in (True, False):
        drawing = cumulative_drawing(table, errors, series_styles([table]), legend=legend)
        with painted(drawing, PAPER) as figure:
            assert (figure.axes[0].get_legend() is not None) is legend
