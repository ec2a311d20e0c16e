"""Names in figures: none is lost, no two are the same, and none covers another."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.reports.drawing import Drawing, painted
from benchmark.reports.labels import (
    LONGEST,
    label_points,
    name_lines,
    short_names,
    shorten,
    shorten_apart,
    spread,
)
from benchmark.reports.palettes import PAPER
from tests.reports.table_builder import make_table

places = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=25)


@given(places, st.floats(0.1, 50))
def test_spread_places_are_apart_and_keep_their_order(
    given_places: list[float], gap: float
) -> None:
    moved = spread(given_places, gap)
    order = np.argsort(given_places, kind="stable")
    assert all(b - a >= gap - 1e-6 for a, b in pairwise(np.array(moved)[order]))


def test_spread_leaves_places_that_are_apart_where_they_are() -> None:
    assert spread([40.0, 0.0, 20.0], 10) == pytest.approx([40, 0, 20])


def test_spread_moves_two_that_touch_by_the_same_amount() -> None:
    assert spread([0.0, 4.0, 100.0], 10) == pytest.approx([-3, 7, 100])


def test_a_shortened_text_shows_that_it_was_cut() -> None:
    assert shorten("abcdefgh", 8) == "abcdefgh"
    assert shorten("abcdefghi", 8) == "abcdefg…"


def test_names_that_differ_in_their_ends_only_stay_apart() -> None:
    long = "options.temperature.of.the.contrastive.loss"
    first, second, other = shorten_apart([f"{long}=0.07", f"{long}=0.10", "DDPM"], 20)
    assert first.endswith("=0.07")
    assert second.endswith("=0.10")
    assert other == "DDPM"


@given(st.lists(st.text("ab", max_size=60), unique=True, max_size=12))
def test_shortened_names_are_never_the_same(names: list[str]) -> None:
    assert len(set(shorten_apart(names, 12))) == len(names)


@pytest.mark.parametrize(
    ("backbone", "lines"),
    [
        ("unet[layers=2]", ["unet[layers=2]"]),
        ("timm/tf_efficientnet_lite0[norm=group]", ["timm/tf_efficientnet_lite0", "[norm=group]"]),
    ],
)
def test_long_options_of_a_backbone_stand_on_a_line_of_their_own(
    backbone: str, lines: list[str]
) -> None:
    row = make_table(1).rows[0]
    named = replace(row, identity=row.identity._replace(backbone=backbone))
    assert name_lines(named, several=True) == ["DDPM", *lines]
    assert name_lines(named, several=False) == ["DDPM"]


@given(st.text("ab[=,]", max_size=80))
def test_lines_of_a_name_are_short_and_never_empty(backbone: str) -> None:
    row = make_table(1).rows[0]
    named = replace(row, identity=row.identity._replace(backbone=f"x{backbone}"))
    assert all(0 < len(line) <= LONGEST for line in name_lines(named, several=True))


def test_backbones_are_named_only_where_there_are_several() -> None:
    alone = make_table(2)
    assert [*short_names([alone]).values()] == ["DDPM", "SimCLR"]
    both = short_names([alone, make_table(2, long_names=True)])
    assert "DDPM, unet" in both.values()


def test_labels_cover_neither_one_another_nor_the_points() -> None:
    points = [(0.50, 0.50), (0.52, 0.50), (0.51, 0.53), (0.49, 0.52), (0.98, 0.97)]
    drawing = Drawing(400, 300, "", lambda axes, palette: None)
    with painted(drawing, PAPER) as figure:
        axes = figure.axes[0]
        label_points(axes, points, [f"a long name {n}" for n in range(5)], PAPER)
        boxes = [text.get_window_extent() for text in axes.texts]
        for number, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[number + 1 :])
            assert not any(box.contains(*axes.transData.transform(point)) for point in points)
            assert axes.bbox.x0 <= box.x0
            assert box.x1 <= axes.bbox.x1


def test_labels_keep_off_given_lines() -> None:
    drawing = Drawing(400, 300, "", lambda axes, palette: None)
    with painted(drawing, PAPER) as figure:
        axes = figure.axes[0]
        label_points(axes, [(0.2, 0.5)], ["name"], PAPER, [((0.2, 0.5), (0.9, 0.5))])
        box = axes.texts[0].get_window_extent()
        height = axes.transData.transform((0.2, 0.5))[1]
        assert box.x1 < axes.transData.transform((0.2, 0.5))[0] or not box.y0 < height < box.y1


def test_one_labelled_image_is_singular() -> None:
    assert make_table(1, shots=1).title.endswith(", 1 labelled image")
    assert make_table(1, shots=25).title.endswith(", 25 labelled images")
