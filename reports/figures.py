"""The figures of the report: methods at one number of shots, label efficiency, error curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.reports.columns import format_error
from benchmark.reports.svg import (
    FLOOR,
    GRID,
    INK,
    MUTED,
    canvas,
    colour_of,
    fixed_ticks,
    line_style,
    log_ticks,
    to_svg,
)
from benchmark.reports.tables import CONTROL, WHOLE, Identity, LeaderboardTable, Row

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from benchmark.reports.styles import Styles

TICKS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
CURVE_POINTS = 160
DODGE = 1.03
FAR = 1.25
"""A reference line further out than this many times the worst row is named, not drawn."""


def method_dots(table: LeaderboardTable, styles: Styles, identifier: str) -> str:
    """All strategies of one table: mean, seeds, and the step from scratch on the same backbone."""
    rows = table.ranked
    several = len(table.backbones()) > 1
    with canvas(470, 78 + 36 * len(rows)) as (figure, axes):
        worst = max(cell.metrics.mre for row in rows for cell in row.done if cell.metrics)
        for place, row in enumerate(rows):
            control = table.control_of(row)
            _draw_dots(axes, place, row, control.number("mre") if control else None, styles)
        names = [_short_name(row, several=several) for row in rows]
        axes.set_yticks(range(len(rows)), names)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        known = ((r.title, table.reference(r.key)) for r in table.references)
        near = [(title, v) for title, v in known if v is not None and v <= worst * FAR]
        axes.set_xlim(0, 1.06 * max([worst, *(value for _, value in near)]))
        axes.set_ylim(len(rows) - 0.5, -0.6 - 0.4 * len(near))
        for level, (title, value) in enumerate(near):
            _reference_line(axes, value, title, across=False, level=level)
        axes.set_xlabel(f"mean radial error ({table.group.unit}), lower is better")
        lines = ", ".join(f"{row.name} {format_error(row.number('mre') or 0)}" for row in rows)
        return to_svg(figure, identifier, f"Mean radial error in {table.group.unit}: {lines}.")


def _draw_dots(axes: Axes, place: int, row: Row, control: float | None, styles: Styles) -> None:
    style = styles[row.identity]
    colour = colour_of(style)
    mean = row.number("mre") or 0.0
    if control is not None and row.identity.method != CONTROL:
        axes.plot([control, mean], [place, place], color=colour, lw=2.2, alpha=0.45, zorder=2)
        axes.plot([control], [place], "|", color=MUTED, ms=11, mew=1.4, zorder=2)
    if len(row.done) > 1:
        seeds = [cell.metrics.mre for cell in row.done if cell.metrics]
        axes.plot(seeds, [place] * len(seeds), "o", ms=4, mfc="none", mec=colour, mew=1, zorder=3)
    axes.plot([mean], [place], style.marker, color=colour, ms=9, mew=0, zorder=4)
    axes.annotate(
        format_error(mean),
        (mean, place),
        xytext=(0, 9),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=9.5,
        color=INK,
    )


def _short_name(row: Row, *, several: bool) -> str:
    lines = [row.title]
    if several:
        lines.append(row.identity.backbone)
    if row.identity.transfer != WHOLE:
        lines.append(row.identity.transfer)
    if row.identity.variant:
        lines.append(row.identity.variant)
    return "\n".join(lines)


def _efficiency_frame(
    tables: Sequence[LeaderboardTable], styles: Styles
) -> tuple[pd.DataFrame, list[Identity]]:
    """The columns series, shots and mre, one row a cell, and the series in their order."""
    import pandas as pd

    points = [
        (row.identity, table.shots, cell.metrics.mre)
        for table in tables
        for row in table.ranked
        for cell in row.done
        if cell.metrics
    ]
    present = {identity for identity, _, _ in points}
    order = [identity for identity in styles if identity in present]
    series, shots, errors = zip(*points, strict=True)
    frame = pd.DataFrame({"series": [str(i) for i in series], "shots": shots, "mre": errors})
    if len(set(shots)) == 1:
        # Without a line the marks would hide one another, so they stand side by side.
        middle = (len(order) - 1) / 2
        frame["shots"] *= [DODGE ** (order.index(i) - middle) for i in series]
    return frame, order


def label_efficiency(tables: Sequence[LeaderboardTable], styles: Styles, identifier: str) -> str:
    """MRE against the number of labelled images, both axes logarithmic; one shots value works.

    Args:
        tables: The tables of one dataset.
        styles: The look of each strategy.
        identifier: Unique in the page.
    """
    import seaborn as sns

    frame, order = _efficiency_frame(tables, styles)
    colours = {str(i): colour_of(styles[i]) for i in order}
    with canvas(450, 310) as (figure, axes):
        axes.set_xscale("log")
        axes.set_yscale("log")
        dashes: dict[str, Any] = {str(i): styles[i].dashes or "" for i in order}
        shared: dict[str, Any] = {"x": "shots", "y": "mre", "ax": axes, "legend": False}
        sns.lineplot(
            frame,
            **shared,
            hue="series",
            style="series",
            hue_order=list(colours),
            style_order=list(colours),
            palette=colours,
            markers={str(i): styles[i].marker for i in order},
            dashes=dashes,
            errorbar=None,
            linewidth=2,
            markersize=8,
            markeredgewidth=0,
        )
        if frame.duplicated(["series", "shots"]).any():
            sns.scatterplot(
                frame, **shared, hue="series", palette=colours, s=22, alpha=0.45, linewidth=0
            )
        values = list(frame["mre"])
        values += _draw_references(axes, tables)
        _log_axes(axes, sorted({table.shots for table in tables}), values)
        axes.set_xlabel("labelled training images")
        axes.set_ylabel(f"mean radial error ({tables[0].group.unit})")
        return to_svg(figure, identifier, _efficiency_text(tables))


def _draw_references(axes: Axes, tables: Sequence[LeaderboardTable]) -> list[float]:
    """Floor and annotators' distance, as lines over the shots; returns their values."""
    values = []
    titles = {r.key: r.title for table in tables for r in table.references}
    for key, title in titles.items():
        known = [(t.shots, t.reference(key)) for t in tables]
        points = [(shots, value) for shots, value in known if value is not None]
        drawn = [value for _, value in points]
        if len(points) > 1:
            axes.plot([s for s, _ in points], drawn, color=FLOOR, lw=1.4, ls=(0, (2, 2)))
            axes.annotate(
                title,
                (points[0][0], drawn[0]),
                xytext=(0, 6),
                textcoords="offset points",
                color=FLOOR,
                fontsize=9.5,
            )
        else:
            _reference_line(axes, drawn[0], title, across=True)
        values += drawn
    return values


def _reference_line(axes: Axes, value: float, title: str, *, across: bool, level: int = 0) -> None:
    """A line with its title; titles of upright lines stand ``level`` lines below the top."""
    if across:
        axes.axhline(value, color=FLOOR, lw=1.4, ls=(0, (2, 2)))
        place, shift = (0.0, value), (4, 5)
        frame = axes.get_yaxis_transform()
    else:
        axes.axvline(value, color=FLOOR, lw=1.4, ls=(0, (2, 2)))
        place, shift = (value, 1.0), (4, -2 - 14 * level)
        frame = axes.get_xaxis_transform()
    axes.annotate(
        title,
        place,
        xycoords=frame,
        xytext=shift,
        textcoords="offset points",
        color=FLOOR,
        fontsize=9.5,
        va="bottom" if across else "top",
    )


def _log_axes(axes: Axes, shots: Sequence[int], values: Sequence[float]) -> None:
    low, high = min(values) / 1.15, max(values) * 1.3
    axes.set_ylim(low, high)
    axes.set_xlim(min(shots) / 1.2, max(shots) * 1.2)
    fixed_ticks(axes.xaxis, [float(count) for count in shots])
    fixed_ticks(axes.yaxis, log_ticks(low, high, TICKS))
    axes.grid(visible=False, axis="x")


def _efficiency_text(tables: Sequence[LeaderboardTable]) -> str:
    parts = []
    for table in tables:
        rows = ", ".join(f"{r.name} {format_error(r.number('mre') or 0)}" for r in table.ranked)
        parts.append(f"with {table.shots} labelled images {rows}")
    unit = tables[0].group.unit
    return f"Mean radial error in {unit} against labelled images: {'; '.join(parts)}."


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
    thresholds = table.group.thresholds or (float(np.median(np.concatenate([*errors.values()]))),)
    radii = np.linspace(0, 1.25 * max(thresholds), CURVE_POINTS)
    with canvas(450, 310) as (figure, axes):
        for threshold in thresholds:
            axes.axvline(threshold, color=GRID, lw=1.2, zorder=1)
        for identity, values in errors.items():
            style = styles[identity]
            share = np.searchsorted(np.sort(values), radii, side="right") / len(values)
            axes.plot(radii, 100 * share, color=colour_of(style), lw=2, ls=line_style(style))
        axes.set_xlim(0, float(radii[-1]))
        axes.set_ylim(0, 101)
        axes.set_xticks([0, *thresholds], [f"{value:g}" for value in (0, *thresholds)])
        axes.grid(visible=False, axis="x")
        axes.set_xlabel(f"distance from the truth ({table.group.unit})")
        axes.set_ylabel("landmarks within that distance (%)")
        text = (
            f"Share of landmarks within each distance, {table.title}; the values are in the table."
        )
        return to_svg(figure, identifier, text)
