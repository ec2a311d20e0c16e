"""Errors by landmark: means over the seeds, blanks for the unknown, circles in true scale."""

from __future__ import annotations

import dataclasses
import math
import re
from xml.etree import ElementTree as ET

import pytest

from benchmark.reports.drawing import painted
from benchmark.reports.landmark_figures import (
    landmark_drawing,
    landmark_errors,
    landmark_heatmap,
    landmark_map,
)
from benchmark.reports.palettes import PAPER
from benchmark.reports.tables import LeaderboardTable, Row
from tests.reports.table_builder import LANDMARKS, make_table


def _without(row: Row, seed: int, **known: float | None) -> Row:
    """The row with other errors of some landmarks in one seed."""
    cells = []
    for cell in row.done:
        assert cell.metrics is not None
        changed = cell.metrics.per_landmark | (known if cell.labels.seed == seed else {})
        metrics = cell.metrics.model_copy(update={"per_landmark": changed})
        cells.append(cell.model_copy(update={"metrics": metrics}))
    return dataclasses.replace(row, done=tuple(cells))


def _texts(table: LeaderboardTable) -> dict[tuple[int, int], str]:
    drawing = landmark_drawing(table)
    assert drawing is not None
    with painted(drawing, PAPER) as figure:
        texts = figure.axes[0].texts
        return {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in texts}


def test_each_cell_is_the_mean_over_the_seeds() -> None:
    row = _without(make_table(1, seeds=(0, 1)).rows[0], 0, sella=3.0)
    row = _without(row, 1, sella=4.0)
    assert landmark_errors(row)["sella"] == pytest.approx(3.5)


def test_a_seed_that_does_not_know_a_landmark_does_not_count() -> None:
    row = _without(make_table(1, seeds=(0, 1)).rows[0], 0, sella=None)
    row = _without(row, 1, sella=4.0)
    assert landmark_errors(row)["sella"] == pytest.approx(4.0)


def test_a_landmark_that_no_seed_knows_is_a_blank_cell() -> None:
    table = make_table(2, seeds=(0,))
    first = _without(table.rows[0], 0, nasion=None)
    texts = _texts(dataclasses.replace(table, rows=(first, table.rows[1])))
    assert (0, 1) not in texts
    assert (1, 1) in texts
    assert len(texts) == 2 * len(LANDMARKS) - 1


def test_a_table_without_any_known_landmark_has_no_heat_map() -> None:
    table = make_table(1, seeds=(0,))
    row = _without(table.rows[0], 0, **dict.fromkeys(LANDMARKS))
    assert landmark_heatmap(dataclasses.replace(table, rows=(row,)), "heat") == ""


def test_many_landmarks_make_it_wider_and_keep_their_numbers() -> None:
    hand = [f"landmark {number}" for number in range(37)]
    table = make_table(12, landmarks=hand)
    drawing = landmark_drawing(table)
    assert drawing is not None
    assert drawing.width > 37 * 30
    assert len(_texts(table)) == 12 * 37


def test_numbers_fit_their_cells() -> None:
    drawing = landmark_drawing(make_table(12, landmarks=[f"landmark {n}" for n in range(19)]))
    assert drawing is not None
    with painted(drawing, PAPER) as figure:
        figure.draw_without_rendering()
        axes = figure.axes[0]
        cell = axes.bbox.width / 19, axes.bbox.height / 12
        sizes = [text.get_window_extent() for text in axes.texts]
        assert max(size.width for size in sizes) < cell[0]
        assert max(size.height for size in sizes) < cell[1]


def test_the_description_names_the_hardest_landmark() -> None:
    drawing = landmark_drawing(make_table(3))
    assert drawing is not None
    assert "the hardest are gonion" in drawing.description
    assert "the easiest is sella" in drawing.description


POINTS = {"sella": (40.0, 50.0), "nasion": (80.0, 20.0), "menton": (60.0, 110.0)}
ERRORS = {"sella": 2.0, "nasion": 1.0, "menton": 4.0}


def test_radii_are_the_errors_in_the_scale_of_the_picture() -> None:
    svg = landmark_map(POINTS, ERRORS, 120, 150, unit="mm", scale=(3.0, 2.0))
    ellipses = [node for node in ET.fromstring(svg).iter() if node.tag.endswith("ellipse")]
    assert [float(node.get("rx", "")) for node in ellipses] == [6.0, 3.0, 12.0]
    assert [float(node.get("ry", "")) for node in ellipses] == [4.0, 2.0, 8.0]
    assert [float(node.get("cx", "")) for node in ellipses] == [40.0, 80.0, 60.0]


def test_each_circle_says_which_landmark_it_is() -> None:
    svg = landmark_map(POINTS, ERRORS, 120, 150, unit="mm")
    assert re.findall("<title>([^<]*)</title>", svg) == [
        "sella 2.00 mm",
        "nasion 1.00 mm",
        "menton 4.00 mm",
    ]


def test_landmarks_without_a_place_or_an_error_are_left_out() -> None:
    points = POINTS | {"gonion": (math.nan, 3.0), "porion": (9.0, 9.0)}
    svg = landmark_map(points, ERRORS | {"gonion": 1.0}, 120, 150)
    assert svg.count("<ellipse") == 3


def test_names_of_landmarks_are_text_whatever_they_hold() -> None:
    svg = landmark_map({"<b>\"'&": (60.0, 75.0)}, {"<b>\"'&": 1.0}, 120, 150)
    root = ET.fromstring(svg)
    assert "<b>\"'&" in str(root.get("aria-label"))
    assert "<b>" not in svg


def test_names_stay_in_the_picture_and_apart() -> None:
    crowd = {f"landmark {n}": (60.0 + n % 3, 75.0 + n) for n in range(12)}
    svg = landmark_map(crowd, dict.fromkeys(crowd, 1.0), 320, 400)
    lines = sorted(float(y) for y in re.findall(r'<text x="[^"]+" y="([^"]+)"', svg))
    assert 1 < len(lines) <= 12
    edge = landmark_map({"at the right edge": (318.0, 200.0)}, {"at the right edge": 1.0}, 320, 400)
    found = re.search(r'<text x="([^"]+)"', edge)
    assert found
    assert float(found.group(1)) < 318
