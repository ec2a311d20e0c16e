"""The label-efficiency curve: bands, names at the ends, and axes that fit what is drawn."""

from __future__ import annotations

import dataclasses
from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from benchmark.reports.drawing import painted
from benchmark.reports.efficiency_figures import efficiency_drawing, label_efficiency
from benchmark.reports.palettes import PAPER
from benchmark.reports.styles import series_styles
from benchmark.reports.tables import LeaderboardTable
from benchmark.statistics.results import Interval
from tests.reports.table_builder import make_table

SHOTS = (5, 10, 50)


def _tables(count: int, *, intervals: bool = True) -> list[LeaderboardTable]:
    return [make_table(count, shots=shots, intervals=intervals) for shots in SHOTS]


def test_each_strategy_has_a_band_over_the_shots() -> None:
    tables = _tables(3)
    with painted(efficiency_drawing(tables, series_styles(tables)), PAPER) as figure:
        bands = [c for c in figure.axes[0].collections if isinstance(c, PolyCollection)]
        first = np.asarray(bands[0].get_paths()[0].vertices)
    assert len(bands) == 3
    assert set(first[:, 0]) == {5, 10, 50}
    assert first[first[:, 0] == 50][:, 1].min() == pytest.approx(0.9)


def test_one_number_of_shots_has_bars_instead() -> None:
    tables = [make_table(3)]
    with painted(efficiency_drawing(tables, series_styles(tables)), PAPER) as figure:
        drawn = figure.axes[0].collections
    assert sum(isinstance(collection, LineCollection) for collection in drawn) == 3
    assert not any(isinstance(collection, PolyCollection) for collection in drawn)


@pytest.mark.parametrize("count", [1, 7, 25])
def test_names_at_the_line_ends_do_not_touch_and_stay_beside_the_axes(count: int) -> None:
    tables = _tables(count)
    with painted(efficiency_drawing(tables, series_styles(tables)), PAPER) as figure:
        figure.draw_without_rendering()
        axes = figure.axes[0]
        names = [t for t in axes.texts if isinstance(t, Annotation) and t.arrow_patch]
        boxes = [name.get_window_extent() for name in names]
        # The box of an annotation includes its line; the text alone is what may not touch.
        centres = sorted((box.y0 + box.y1) / 2 for box in map(_text_box, names))
        assert len(names) == count
        assert all(b - a > 0.9 * 13 * figure.dpi / 72 for a, b in pairwise(centres))
        assert all(axes.bbox.y0 - 12 <= y <= axes.bbox.y1 + 12 for y in centres)
        assert all(box.x1 <= figure.bbox.x1 + 1 for box in boxes)


def _text_box(name: Annotation) -> Bbox:
    return Text.get_window_extent(name)


def test_wide_intervals_and_intervals_to_zero_do_not_squeeze_the_curves() -> None:
    tables = _tables(2)
    wide = {"mre": Interval(1.0, -3.0, 400.0)}
    rows = [dataclasses.replace(row, intervals=wide) for row in tables[-1].rows]
    tables[-1] = dataclasses.replace(tables[-1], rows=tuple(rows))
    with painted(efficiency_drawing(tables, series_styles(tables)), PAPER) as figure:
        low, high = figure.axes[0].get_ylim()
    assert low > 0.3
    assert high < 30


def test_a_far_floor_is_not_drawn() -> None:
    near, far = [make_table(1, shots=1)], [make_table(1, shots=50)]
    assert "mean shape" in label_efficiency(near, series_styles(near), "near")
    assert "mean shape" not in label_efficiency(far, series_styles(far), "far")


def test_errors_of_zero_are_drawn_on_a_linear_axis() -> None:
    tables = _tables(1, intervals=False)
    cells = tuple(
        cell.model_copy(update={"metrics": cell.metrics.model_copy(update={"mre": 0.0})})
        for cell in tables[-1].rows[0].done
        if cell.metrics
    )
    row = dataclasses.replace(tables[-1].rows[0], done=cells, entries={"mre": 0.0})
    tables[-1] = dataclasses.replace(tables[-1], rows=(row,))
    with painted(efficiency_drawing(tables, series_styles(tables)), PAPER) as figure:
        assert figure.axes[0].get_yscale() == "linear"


def test_many_strategies_have_thinner_lines_and_fainter_bands() -> None:
    looks = []
    for count in (3, 12):
        tables = _tables(count)
        with painted(efficiency_drawing(tables, series_styles(tables)), PAPER) as figure:
            axes = figure.axes[0]
            band = next(c for c in axes.collections if isinstance(c, PolyCollection))
            looks.append((axes.lines[0].get_linewidth(), band.get_alpha()))
    (few_width, few_alpha), (many_width, many_alpha) = looks
    assert many_width < few_width
    assert isinstance(few_alpha, float)
    assert isinstance(many_alpha, float)
    assert many_alpha < few_alpha


def test_a_strategy_missing_at_the_largest_number_of_shots_is_named_at_its_last() -> None:
    tables = _tables(3)
    tables[-1] = dataclasses.replace(tables[-1], rows=tables[-1].rows[:2])
    with painted(efficiency_drawing(tables, series_styles(tables)), PAPER) as figure:
        ends = {t.get_text(): t.xy for t in figure.axes[0].texts if isinstance(t, Annotation)}
    assert ends["MoCo v2"][0] == 10
    assert ends["DDPM"][0] == 50


def test_every_pair_of_series_looks_different() -> None:
    styles = series_styles(_tables(25))
    assert all(one != other for one, other in combinations(styles.values(), 2))
