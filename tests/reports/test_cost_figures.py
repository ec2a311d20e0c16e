"""Error against cost: what counts as cost, and what nothing beats."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmark.reports.columns import Value
from benchmark.reports.cost_figures import cost_drawing, costed, error_against_cost, pareto_front
from benchmark.reports.drawing import painted
from benchmark.reports.palettes import PAPER
from benchmark.reports.styles import series_styles
from benchmark.reports.tables import LeaderboardTable
from tests.reports.table_builder import make_table


def _with(*entries: dict[str, Value]) -> LeaderboardTable:
    """A table whose rows have these entries changed."""
    table = make_table(len(entries))
    rows = [
        dataclasses.replace(row, entries={**row.entries, **own})
        for row, own in zip(table.rows, entries, strict=True)
    ]
    return dataclasses.replace(table, rows=tuple(rows))


def test_the_cost_is_that_of_both_stages() -> None:
    table = _with({"pretraining_seconds": 100.0, "finetuning_seconds": 20.0})
    assert [point.seconds for point in costed(table)] == [120]


def test_what_pretrained_nothing_costs_its_fine_tuning() -> None:
    table = _with({"pretraining_seconds": None, "finetuning_seconds": 20.0})
    assert [point.seconds for point in costed(table)] == [20]


def test_a_row_without_a_known_time_is_left_out() -> None:
    table = _with({"finetuning_seconds": None}, {})
    assert [point.row.title for point in costed(table)] == ["SimCLR"]
    assert error_against_cost(_with({"finetuning_seconds": None}), {}, "cost") == ""


def test_the_front_is_what_nothing_beats_on_both() -> None:
    cost = "finetuning_seconds"
    free: dict[str, Value] = {"pretraining_seconds": None}
    table = _with(
        free | {"mre": 1.0, cost: 100.0},
        free | {"mre": 1.5, cost: 200.0},
        free | {"mre": 2.0, cost: 10.0},
        free | {"mre": 2.0, cost: 30.0},
    )
    assert [(p.seconds, p.mre) for p in pareto_front(costed(table))] == [(10, 2.0), (100, 1.0)]


def test_the_front_is_drawn_as_steps_through_its_points() -> None:
    table = make_table(5)
    drawing = cost_drawing(table, series_styles([table]))
    assert drawing is not None
    with painted(drawing, PAPER) as figure:
        step = next(line for line in figure.axes[0].lines if line.get_drawstyle() == "steps-post")
    heights = [float(y) for y in np.asarray(step.get_ydata())]
    front = [point.mre for point in pareto_front(costed(table))]
    assert heights == pytest.approx([*front, front[-1]])


def test_intervals_are_drawn_where_they_are_known() -> None:
    for known in (True, False):
        table = make_table(3, intervals=known)
        drawing = cost_drawing(table, series_styles([table]))
        assert drawing is not None
        with painted(drawing, PAPER) as figure:
            # The first collection is that of the points.
            assert len(figure.axes[0].collections) == 1 + 3 * known


@pytest.mark.parametrize("count", [1, 25])
def test_every_point_has_its_name(count: int) -> None:
    table = make_table(count)
    drawing = cost_drawing(table, series_styles([table]))
    assert drawing is not None
    with painted(drawing, PAPER) as figure:
        names = {text.get_text() for text in figure.axes[0].texts}
    assert names == {point.name for point in costed(table)}


def test_the_description_names_the_front() -> None:
    table = make_table(2)
    drawing = cost_drawing(table, series_styles([table]))
    assert drawing is not None
    assert "DDPM on unet 1.00 mm for 6.0 min" in drawing.description
    assert drawing.description.endswith("better than: SimCLR on unet, DDPM on unet.")
