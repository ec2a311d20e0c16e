"""The pairwise matrix: signs, marks and limits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmark.reports.drawing import painted
from benchmark.reports.pair_figures import (
    MOST_ROWS,
    Difference,
    differences,
    pairwise_drawing,
    pairwise_matrix,
)
from benchmark.reports.palettes import PAPER
from benchmark.reports.tables import LeaderboardTable
from tests.reports.table_builder import make_table


def _cells(table: LeaderboardTable) -> dict[tuple[int, int], str]:
    """The texts of the matrix by row and column."""
    drawing = pairwise_drawing(table)
    assert drawing is not None
    with painted(drawing, PAPER) as figure:
        texts = figure.axes[0].texts
        return {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in texts}


def test_each_cell_is_the_error_of_its_row_minus_that_of_its_column() -> None:
    cells = _cells(make_table(4))
    assert cells[0, 3] == "−0.30"
    assert cells[3, 0] == "+0.30"
    assert cells[1, 1] == "·"


def test_a_pair_stored_the_other_way_round_gives_the_same_cells() -> None:
    table = make_table(4)
    turned = tuple(
        dataclasses.replace(
            pair,
            first=pair.second,
            second=pair.first,
            comparison=dataclasses.replace(
                pair.comparison,
                difference=dataclasses.replace(
                    pair.comparison.difference, estimate=-pair.comparison.difference.estimate
                ),
            ),
        )
        for pair in table.pairs
    )
    assert _cells(dataclasses.replace(table, pairs=turned)) == _cells(table)


def test_what_may_be_chance_and_what_is_equivalent_is_marked() -> None:
    assert _cells(make_table(3))[0, 1] == "−0.10\nn.s."
    cells = _cells(make_table(3, margin=0.2))
    assert cells[0, 1] == "−0.10 ="
    assert cells[0, 2] == "−0.20"


def test_the_adjusted_p_value_decides_not_the_plain_one() -> None:
    table = make_table(3)
    pairs = tuple(dataclasses.replace(pair, adjusted_p=0.06) for pair in table.pairs)
    cells = _cells(dataclasses.replace(table, pairs=pairs))
    assert all("n.s." in text for place, text in cells.items() if place[0] != place[1])


def test_a_difference_that_may_be_chance_has_a_fainter_tint() -> None:
    table = make_table(3)
    unsure = tuple(dataclasses.replace(pair, adjusted_p=0.9) for pair in table.pairs)
    strengths = []
    for shown in (table, dataclasses.replace(table, pairs=unsure)):
        drawing = pairwise_drawing(shown)
        assert drawing is not None
        with painted(drawing, PAPER) as figure:
            figure.draw_without_rendering()
            colours = np.asarray(figure.axes[0].collections[0].get_facecolor())
        # Row by row: the last cell of the first row is the largest difference.
        strengths.append(colours[2, 3])
    assert strengths[1] < strengths[0]


def test_a_rounded_zero_has_no_sign() -> None:
    assert Difference(-0.001, sure=True, equivalent=False).text == "0.00"


@pytest.mark.parametrize("count", [1, 2])
def test_two_rows_need_no_matrix(count: int) -> None:
    assert pairwise_matrix(make_table(count), "pairs") == ""


def test_a_table_without_comparisons_has_no_matrix() -> None:
    assert pairwise_matrix(make_table(6, intervals=False), "pairs") == ""


def test_a_pair_that_was_never_compared_is_blank() -> None:
    table = make_table(4)
    table = dataclasses.replace(table, pairs=table.pairs[1:])
    assert _cells(table)[0, 1] == "·"


def test_of_many_rows_the_best_are_shown_and_the_description_says_so() -> None:
    table = make_table(25)
    drawing = pairwise_drawing(table)
    assert drawing is not None
    assert max(place[0] for place in _cells(table)) == MOST_ROWS - 1
    assert f"best {MOST_ROWS} strategies (9 are left out)" in drawing.description


def test_the_description_tells_what_is_not_chance() -> None:
    drawing = pairwise_drawing(make_table(3))
    assert drawing is not None
    assert "DDPM on unet 0.20 mm less than MoCo v2 on unet" in drawing.description
    assert "than SimCLR on unet" not in drawing.description


def test_every_difference_is_there_both_ways_round() -> None:
    cells = differences(make_table(4))
    assert len(cells) == 12
    assert all(cells[b, a].value == -cell.value for (a, b), cell in cells.items())
