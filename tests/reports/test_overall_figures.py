"""Profiles and ranks over all datasets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from benchmark.reports.drawing import painted
from benchmark.reports.overall_figures import (
    Profile,
    below_one,
    critical_difference,
    critical_difference_drawing,
    performance_profile,
    profile_drawing,
)
from benchmark.reports.palettes import PAPER
from benchmark.reports.styles import series_styles
from benchmark.reports.tables import Identity
from tests.reports.table_builder import make_table

TABLE = make_table(4)
STYLES = series_styles([TABLE])
TITLES = {row.identity: row.title for row in TABLE.ranked}
THRESHOLDS = np.geomspace(0.3, 3.0, 201)


@dataclass(frozen=True)
class Diagram:
    """Ranks as the statistics give them."""

    average_ranks: Sequence[float]
    critical_difference: float
    cliques: Sequence[tuple[int, ...]]


def _profiles() -> dict[Identity, Profile]:
    ratios = np.linspace(0.6, 1.4, 9)
    return {
        row.identity: (THRESHOLDS, np.mean((ratios + 0.05 * n)[:, None] <= THRESHOLDS, axis=0))
        for n, row in enumerate(TABLE.ranked)
    }


def test_the_share_at_one_is_that_of_runs_no_worse_than_scratch() -> None:
    ratios = np.array([0.5, 1.0, 1.2, 2.0])
    thresholds = np.array([0.5, 1.0, 1.5])
    fractions = np.mean(ratios[:, None] <= thresholds, axis=0)
    assert below_one((thresholds, fractions)) == 0.5
    assert below_one((np.array([1.5]), np.array([1.0]))) == 0.0


def test_without_a_profile_there_is_no_figure() -> None:
    assert performance_profile({}, STYLES, TITLES, "profile") == ""


def test_the_profile_shows_where_the_runs_are_and_scratch() -> None:
    drawing = profile_drawing(_profiles(), STYLES, TITLES)
    assert drawing is not None
    with painted(drawing, PAPER) as figure:
        low, high = figure.axes[0].get_xlim()
    assert 0.3 < low < 0.6
    assert 1.55 < high < 3.0


def test_every_line_of_the_profile_has_marks_of_its_own() -> None:
    drawing = profile_drawing(_profiles(), STYLES, TITLES)
    assert drawing is not None
    with painted(drawing, PAPER) as figure:
        lines = [line for line in figure.axes[0].lines if line.get_marker() != "None"]
        looks = {(line.get_marker(), line.get_color()) for line in lines}
        places = {tuple(np.asarray(line.get_markevery())) for line in lines}
    assert len(looks) == len(places) == 4


def test_the_better_half_is_named_on_the_left() -> None:
    diagram = Diagram([3.1, 1.2, 3.9, 1.8], 1.0, [(1, 3), (0, 2)])
    titles = ["third", "first", "fourth", "second"]
    with painted(critical_difference_drawing(diagram, titles), PAPER) as figure:
        sides = {t.get_text().split()[0]: t.get_horizontalalignment() for t in figure.axes[0].texts}
    assert [sides[name] for name in ("first", "second", "third", "fourth")] == [
        "right",
        "right",
        "left",
        "left",
    ]


def test_a_bar_joins_each_group_that_is_not_separable() -> None:
    diagram = Diagram([1.2, 1.8, 3.1], 1.0, [(0, 1), (2,)])
    with painted(critical_difference_drawing(diagram, ["a", "b", "c"]), PAPER) as figure:
        bars = [line for line in figure.axes[0].lines if line.get_linewidth() == 4]
    assert [list(np.asarray(bar.get_xdata(), float)) for bar in bars] == [
        pytest.approx([1.16, 1.84])
    ]


def test_the_critical_difference_is_drawn_in_ranks() -> None:
    diagram = Diagram([1.2, 1.8, 3.1], 0.7, [])
    with painted(critical_difference_drawing(diagram, ["a", "b", "c"]), PAPER) as figure:
        scale = next(line for line in figure.axes[0].lines if line.get_marker() == "|")
        ends = np.asarray(scale.get_xdata(), float)
    assert ends[1] - ends[0] == pytest.approx(0.7)


def test_the_description_tells_ranks_and_groups() -> None:
    diagram = Diagram([3.1, 1.2, 1.8], 1.0, [(1, 2)])
    text = critical_difference_drawing(diagram, ["c", "a", "b"]).description
    assert "a 1.20, b 1.80, c 3.10" in text
    assert "Not separable: a and b." in text
    apart = critical_difference_drawing(Diagram([1.0, 2.0], 0.5, []), ["a", "b"])
    assert "All are separable." in apart.description


def test_twenty_strategies_are_drawn() -> None:
    ranks = np.linspace(1, 20, 20)
    svg = critical_difference(Diagram(list(ranks), 4.0, []), [f"name {n}" for n in range(20)], "cd")
    assert all(f"name {n} " in svg for n in range(20))
