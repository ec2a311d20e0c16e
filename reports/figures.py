"""The figures of one table: the strategies beside one another, and their whole error curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from benchmark.reports.columns import format_error
from benchmark.reports.drawing import Drawing
from benchmark.reports.efficiency_figures import label_efficiency
from benchmark.reports.labels import name_lines, short_names
from benchmark.reports.marks import interval_ends, reference_line, room_for
from benchmark.reports.scales import line_style
from benchmark.reports.svg import to_svg
from benchmark.reports.tables import CONTROL, Identity, LeaderboardTable, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from benchmark.reports.palettes import Palette
    from benchmark.reports.styles import Styles

__all__ = ["cumulative_drawing", "cumulative_errors", "dots_drawing", "label_efficiency"]
__all__ += ["method_dots"]

CURVE_POINTS = 160
FAR = 1.25
"""A reference line further out than this many times the worst row is named, not drawn."""


def method_dots(table: LeaderboardTable, styles: Styles, identifier: str) -> str:
    """All strategies of one table: mean with its interval, seeds, and the step from scratch."""
    return to_svg(dots_drawing(table, styles), identifier)


def dots_drawing(table: LeaderboardTable, styles: Styles) -> Drawing:
    """The drawing of :func:`method_dots`; the table has at least one ranked row."""
    unit = table.group.unit
    several = len(table.backbones()) > 1
    lines = max(len(name_lines(row, several=several)) for row in table.ranked)
    parts = []
    for row in table.ranked:
        ends = interval_ends(row)
        between = f" (95 % interval {_errors(*ends)})" if ends else ""
        parts.append(f"{row.name} {format_error(row.number('mre') or 0)}{between}")
    return Drawing(
        width=470,
        height=78 + max(36, 10 + 13 * lines) * len(table.ranked),
        description=f"Mean radial error in {unit}: {', '.join(parts)}.",
        paint=lambda axes, palette: _paint_dots(axes, palette, table, styles),
    )


def _errors(low: float, high: float) -> str:
    return f"{format_error(low)} to {format_error(high)}"


def _paint_dots(axes: Axes, palette: Palette, table: LeaderboardTable, styles: Styles) -> None:
    rows = table.ranked
    several = len(table.backbones()) > 1
    seeds = [cell.metrics.mre for row in rows for cell in row.done if cell.metrics]
    worst = max(room_for(seeds, map(interval_ends, rows)))
    for place, row in enumerate(rows):
        control = table.control_of(row)
        before = control.number("mre") if control and row.identity.method != CONTROL else None
        _paint_row(axes, palette, place, row, before, palette.colour(styles[row.identity]))
        axes.plot(
            [row.number("mre") or 0.0],
            [place],
            styles[row.identity].marker,
            color=palette.colour(styles[row.identity]),
            ms=9,
            mew=0,
            zorder=4,
        )
    names = ["\n".join(name_lines(row, several=several)) for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    known = ((r.title, table.reference(r.key)) for r in table.references)
    near = [(title, v) for title, v in known if v is not None and v <= worst * FAR]
    # Zero for every row is possible, if only in a test of the pipeline.
    axes.set_xlim(0, 1.06 * max([worst, *(value for _, value in near)]) or 1.0)
    axes.set_ylim(len(rows) - 0.5, -0.6 - 0.4 * len(near))
    for level, (title, value) in enumerate(near):
        reference_line(axes, palette, value, title, across=False, level=level)
    axes.set_xlabel(f"mean radial error ({table.group.unit}), lower is better")


def _paint_row(
    axes: Axes, palette: Palette, place: int, row: Row, control: float | None, colour: str
) -> None:
    """Everything of a row but its mean: interval, seeds, step from scratch, number."""
    mean = row.number("mre") or 0.0
    ends = interval_ends(row)
    if ends:
        axes.plot(
            ends, [place, place], color=colour, lw=11, alpha=0.22, solid_capstyle="butt", zorder=1.5
        )
    if control is not None:
        axes.plot([control, mean], [place, place], color=colour, lw=2.2, alpha=0.45, zorder=2)
        axes.plot([control], [place], "|", color=palette.muted, ms=11, mew=1.4, zorder=2)
    if len(row.done) > 1:
        seeds = [cell.metrics.mre for cell in row.done if cell.metrics]
        axes.plot(seeds, [place] * len(seeds), "o", ms=4, mfc="none", mec=colour, mew=1, zorder=3)
    axes.annotate(
        format_error(mean),
        (mean, place),
        xytext=(0, 9),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=9.5,
        color=palette.ink,
    )


def cumulative_errors(
    table: LeaderboardTable,
    errors: Mapping[Identity, np.ndarray],
    styles: Styles,
    identifier: str,
) -> str:
    """The share of landmarks within each radius: the whole SDR curve.

    Args:
        table: The table whose rows are drawn.
        errors: (points,) errors of all seeds by strategy, in the dataset's unit, without NaN.
        styles: The look of each strategy.
        identifier: Unique in the page.
    """
    return to_svg(cumulative_drawing(table, errors, styles), identifier)


def cumulative_drawing(
    table: LeaderboardTable,
    errors: Mapping[Identity, np.ndarray],
    styles: Styles,
    *,
    legend: bool = False,
) -> Drawing:
    """The drawing of :func:`cumulative_errors`, for files with a legend of its own."""
    return Drawing(
        width=450 + 160 * legend,
        height=max(310, 40 + 17 * len(errors) * legend),
        description=(
            f"Share of landmarks within each distance, {table.title}; the values are in the table."
        ),
        paint=lambda axes, palette: _paint_cumulative(
            axes, palette, table, errors, styles, legend=legend
        ),
    )


def _paint_cumulative(
    axes: Axes,
    palette: Palette,
    table: LeaderboardTable,
    errors: Mapping[Identity, np.ndarray],
    styles: Styles,
    *,
    legend: bool,
) -> None:
    thresholds = table.group.thresholds or (float(np.median(np.concatenate([*errors.values()]))),)
    radii = np.linspace(0, 1.25 * max(thresholds), CURVE_POINTS)
    names = short_names([table])
    for threshold in thresholds:
        axes.axvline(threshold, color=palette.grid, lw=1.2, zorder=1)
    for identity, values in errors.items():
        style = styles[identity]
        look = {"color": palette.colour(style), "ls": line_style(style), "lw": 2}
        # The marks stand at the thresholds, where the curve is the SDR of the table.
        places = np.union1d(radii, thresholds)
        axes.plot(
            places,
            _share(values, places),
            marker=style.marker,
            markevery=np.flatnonzero(np.isin(places, thresholds)).tolist(),
            ms=6,
            mew=0,
            label=names[identity],
            **look,
        )
    axes.set_xlim(0, float(radii[-1]))
    axes.set_ylim(0, 101)
    axes.set_xticks([0, *thresholds], [f"{value:g}" for value in (0, *thresholds)])
    axes.grid(visible=False, axis="x")
    axes.set_xlabel(f"distance from the truth ({table.group.unit})")
    axes.set_ylabel("landmarks within that distance (%)")
    if legend:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=9.5)


def _share(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(places,) percent of the values that are at most that large."""
    within = np.searchsorted(np.sort(values), places, side="right")
    return np.asarray(100 * within / len(values))
