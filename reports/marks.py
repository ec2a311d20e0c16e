"""Marks that several figures share: reference lines and the ends of intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from benchmark.reports.palettes import Palette
    from benchmark.reports.tables import Row

DOTTED = (0, (2, 2))
WIDEST = 1.8
"""Intervals are drawn up to the largest mean times this and down to the smallest over it."""


def interval_ends(row: Row) -> tuple[float, float] | None:
    """The ends of the interval of a row's MRE, not below zero; None where either is unknown."""
    interval = row.intervals.get("mre")
    if interval is None or not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return None
    return max(interval.low, 0.0), interval.high


def room_for(
    means: Sequence[float], intervals: Iterable[tuple[float, float] | None]
) -> list[float]:
    """What an axis has to show: the means, and of the intervals what is near enough to them.

    Two seeds that differ give an interval so wide that it would squeeze everything else.
    """
    least, most = min(means) / WIDEST, max(means) * WIDEST
    ends = [end for pair in intervals if pair for end in pair]
    return [*means, *(min(max(end, least), most) for end in ends)]


def reference_line(
    axes: Axes, palette: Palette, value: float, title: str, *, across: bool, level: int = 0
) -> None:
    """A line with its title; titles of upright lines stand ``level`` lines below the top."""
    if across:
        axes.axhline(value, color=palette.floor, lw=1.4, ls=DOTTED)
        place, shift = (0.0, value), (4, 5)
        frame = axes.get_yaxis_transform()
    else:
        axes.axvline(value, color=palette.floor, lw=1.4, ls=DOTTED)
        place, shift = (value, 1.0), (4, -2 - 14 * level)
        frame = axes.get_xaxis_transform()
    axes.annotate(
        title,
        place,
        xycoords=frame,
        xytext=shift,
        textcoords="offset points",
        color=palette.floor,
        fontsize=9.5,
        va="bottom" if across else "top",
    )
