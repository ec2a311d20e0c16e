"""Every two strategies of a table against each other: how far apart, and whether that is real."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from benchmark.reports.columns import format_error
from benchmark.reports.drawing import Drawing
from benchmark.reports.labels import short_names
from benchmark.reports.matrices import heat_map, opposed_tints
from benchmark.reports.svg import to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from benchmark.reports.palettes import Palette
    from benchmark.reports.tables import Identity, LeaderboardTable

MOST_ROWS = 16
FEWEST_ROWS = 3
SIGNIFICANCE = 0.05
FADED = 0.3
"""The share that is left of the tint of a difference that may be chance."""
MOST_TOLD = 12
"""Differences that the description tells in words."""
CELL = (52, 34)
"""Width and height of a cell in points."""
LEAST_WIDTH = 460
"""Points that the title needs."""


@dataclass(frozen=True)
class Difference:
    """One cell: the row's error minus the column's.

    Attributes:
        value: In the dataset's unit.
        sure: Whether it is not chance, after Holm over all pairs of the table.
        equivalent: Whether it is within the declared margin for sure.
    """

    value: float
    sure: bool
    equivalent: bool

    @property
    def mark(self) -> str:
        """What stands with the number: ``=`` for equivalent, ``n.s.`` for perhaps chance."""
        if self.equivalent:
            return " ="
        return "" if self.sure else "\nn.s."

    @property
    def text(self) -> str:
        """The signed number with its mark."""
        number = f"{self.value:+.2f}"
        number = "0.00" if number in ("+0.00", "-0.00") else number.replace("-", "−")
        return f"{number}{self.mark}"


def pairwise_matrix(table: LeaderboardTable, identifier: str) -> str:
    """Row minus column for every two rows; empty below three rows that were compared.

    Args:
        table: With its pairs.
        identifier: Unique in the page.
    """
    drawing = pairwise_drawing(table)
    return to_svg(drawing, identifier) if drawing else ""


def pairwise_drawing(table: LeaderboardTable) -> Drawing | None:
    """The drawing of :func:`pairwise_matrix`, of the best ``MOST_ROWS`` rows."""
    compared = {identity for pair in table.pairs for identity in (pair.first, pair.second)}
    rows = [row.identity for row in table.ranked if row.identity in compared][:MOST_ROWS]
    if len(rows) < FEWEST_ROWS:
        return None
    cells = differences(table)
    return Drawing(
        width=max(210 + CELL[0] * len(rows), LEAST_WIDTH),
        height=110 + CELL[1] * len(rows),
        description=_description(table, rows, cells, left_out=len(compared) - len(rows)),
        paint=lambda axes, palette: _paint(axes, palette, table, rows, cells),
    )


def differences(table: LeaderboardTable) -> dict[tuple[Identity, Identity], Difference]:
    """The cells by row and column, both ways round."""
    cells = {}
    for pair in table.pairs:
        value = pair.comparison.difference.estimate
        sure = pair.adjusted_p < SIGNIFICANCE
        equivalent = pair.comparison.verdict == "equivalent"
        cells[pair.first, pair.second] = Difference(value, sure, equivalent)
        cells[pair.second, pair.first] = Difference(-value, sure, equivalent)
    return cells


def _paint(
    axes: Axes,
    palette: Palette,
    table: LeaderboardTable,
    rows: list[Identity],
    cells: dict[tuple[Identity, Identity], Difference],
) -> None:
    names = short_names([table])
    tinted = np.full((len(rows), len(rows)), np.nan)
    for (down, row), (across, column) in product(enumerate(rows), repeat=2):
        cell = cells.get((row, column))
        if cell is None:
            axes.text(across + 0.5, down + 0.5, "·", color=palette.muted, ha="center", va="center")
            continue
        tinted[down, across] = cell.value * (1 if cell.sure else FADED)
        axes.text(
            across + 0.5,
            down + 0.5,
            cell.text,
            color=palette.ink if cell.sure else palette.muted,
            fontsize=9.5 if cell.sure else 8.5,
            fontweight="bold" if cell.sure else "normal",
            ha="center",
            va="center",
            linespacing=1.05,
        )
    shown = (cells.get((row, column)) for row, column in product(rows, repeat=2))
    largest = max(abs(cell.value) for cell in shown if cell) or 1.0
    titles = [names[row] for row in rows]
    tint = opposed_tints(palette.better, palette.worse)
    heat_map(axes, tinted, tint, (-largest, largest), titles, titles)
    axes.set_xlabel("compared with")
    axes.set_title(
        f"row minus column, {table.group.unit}: below zero (blue) the row is better\n"
        f"bold: not chance after Holm; n.s.: may be chance{_margin_text(table)}",
        fontsize=9.5,
        loc="left",
    )


def _margin_text(table: LeaderboardTable) -> str:
    if table.margin is None:
        return ""
    return f"; =: equivalent, within ±{table.margin:g} {table.group.unit}"


def _description(
    table: LeaderboardTable,
    rows: list[Identity],
    cells: dict[tuple[Identity, Identity], Difference],
    left_out: int,
) -> str:
    names = {row.identity: row.name for row in table.ranked}
    unit = table.group.unit
    sentences = []
    for place, row in enumerate(rows):
        for column in rows[place + 1 :]:
            cell = cells.get((row, column))
            if cell is not None and cell.sure:
                less = "less" if cell.value < 0 else "more"
                by = f"{format_error(abs(cell.value))} {unit} {less}"
                sentences.append(f"{names[row]} {by} than {names[column]}")
    told = "None is beyond chance."
    if sentences:
        more = len(sentences) - MOST_TOLD
        rest = f"; and {more} more" if more > 0 else ""
        told = f"Not chance after Holm: {'; '.join(sentences[:MOST_TOLD])}{rest}."
    best = f" of the best {len(rows)} strategies ({left_out} are left out)" if left_out else ""
    return f"Differences in mean radial error between every two{best}, {table.title}. {told}"
