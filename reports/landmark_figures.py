"""Errors by landmark: every strategy against every landmark, and circles over a radiograph."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from benchmark.reports.columns import format_error
from benchmark.reports.drawing import Drawing
from benchmark.reports.labels import short_names, shorten_apart
from benchmark.reports.matrices import heat_map, tints
from benchmark.reports.svg import to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from benchmark.reports.palettes import Palette
    from benchmark.reports.tables import LeaderboardTable, Row

CELL = (36, 24)
"""Width and height of a cell in points: enough for ``12.34``."""
LEAST_WIDTH = 500
"""Points that the title needs beside the names."""
FONT = 9.0
MOST_NAMED = 40
"""More landmarks than these get no names on a radiograph, only titles."""
RING = "#ffd166"
"""Stands out from grey radiographs, which are the same in both themes."""


def landmark_errors(row: Row) -> dict[str, float]:
    """Mean error by landmark, mean over the finished seeds in which the landmark is known."""
    values: dict[str, list[float]] = {}
    for cell in row.done:
        for name, error in (cell.metrics.per_landmark if cell.metrics else {}).items():
            if error is not None and math.isfinite(error):
                values.setdefault(name, []).append(error)
    return {name: statistics.fmean(known) for name, known in values.items()}


def landmark_heatmap(table: LeaderboardTable, identifier: str) -> str:
    """Strategies x landmarks, each cell the mean error; empty where no landmark is known.

    Args:
        table: The table.
        identifier: Unique in the page.
    """
    drawing = landmark_drawing(table)
    return to_svg(drawing, identifier) if drawing else ""


def landmark_drawing(table: LeaderboardTable) -> Drawing | None:
    """The drawing of :func:`landmark_heatmap`; landmarks in the dataset's order."""
    names = [
        name
        for row in table.ranked
        for cell in row.done
        for name in (cell.metrics.per_landmark if cell.metrics else {})
    ]
    landmarks = list(dict.fromkeys(names))
    errors = [landmark_errors(row) for row in table.ranked]
    values = np.array([[own.get(name, math.nan) for name in landmarks] for own in errors])
    if not np.isfinite(values).any():
        return None
    return Drawing(
        width=max(210 + CELL[0] * len(landmarks), LEAST_WIDTH),
        height=120 + CELL[1] * len(errors),
        description=_description(table, landmarks, values),
        paint=lambda axes, palette: _paint(axes, palette, table, landmarks, values),
    )


def _paint(
    axes: Axes,
    palette: Palette,
    table: LeaderboardTable,
    landmarks: Sequence[str],
    values: np.ndarray,
) -> None:
    for (down, across), value in np.ndenumerate(values):
        if math.isfinite(value):
            text = format_error(value) if value < 100 else f"{value:.0f}"
            place = (across + 0.5, down + 0.5)
            axes.text(*place, text, color=palette.ink, fontsize=FONT, ha="center", va="center")
    limits = (float(np.nanmin(values)), float(np.nanmax(values)))
    rows = [*short_names([table]).values()]
    heat_map(axes, values, tints(palette.accent), limits, rows, shorten_apart(landmarks, 24))
    axes.set_title(
        f"mean radial error ({table.group.unit}): the stronger the tint, the larger",
        fontsize=9.5,
        loc="left",
    )


def _description(table: LeaderboardTable, landmarks: Sequence[str], values: np.ndarray) -> str:
    unit = table.group.unit
    known = np.isfinite(values)
    means = np.where(known, values, 0).sum(0) / np.maximum(known.sum(0), 1)
    order = [place for place in np.argsort(-means, kind="stable") if known[:, place].any()]
    told = [f"{landmarks[place]} {format_error(float(means[place]))} {unit}" for place in order]
    best = table.ranked[0].name
    hardest = f"On average over the strategies the hardest are {', '.join(told[:3])}"
    easiest = f"the easiest is {told[-1]}"
    return (
        f"Mean radial error of {len(values)} strategies, {best} first, on {len(landmarks)} "
        f"landmarks, {table.title}. {hardest}; {easiest}."
    )


def landmark_map(
    points: Mapping[str, tuple[float, float]],
    errors: Mapping[str, float],
    width: float,
    height: float,
    *,
    unit: str = "",
    scale: tuple[float, float] = (1.0, 1.0),
) -> str:
    """Circles with the mean error as radius, to be laid over a radiograph, as SVG.

    Args:
        points: Where each landmark lies, in px of the picture; pixel centres are whole numbers.
        errors: Mean error by landmark; those that either mapping lacks are left out.
        width: Of the picture, in px.
        height: Of the picture, in px.
        unit: Of the errors, for the texts.
        scale: Px of the picture for one unit of error, along x and along y.
    """
    shown = {
        name: (x, y, errors[name])
        for name, (x, y) in points.items()
        if all(map(math.isfinite, (x, y, errors.get(name, math.nan))))
    }
    line = max(width, height) / 320
    circles = "".join(
        f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{error * scale[0]:.2f}" '
        f'ry="{error * scale[1]:.2f}"><title>{_text(name, error, unit)}</title></ellipse>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{1.2 * line:.2f}" fill="{RING}" stroke="none"/>'
        for name, (x, y, error) in shown.items()
    )
    radii = {name: max(3.0, error * max(scale)) for name, (_, _, error) in shown.items()}
    named = {name: (x, y, radii[name]) for name, (x, y, _) in shown.items()}
    names = _names(named, width, height, 8 * line) if len(shown) <= MOST_NAMED else ""
    worst = sorted(shown, key=lambda name: -shown[name][2])[:3]
    told = ", ".join(_text(name, shown[name][2], unit) for name in worst)
    label = f"Mean error around each of {len(shown)} landmarks. The largest: {told}."
    return (
        f'<svg role="img" aria-label="{label}" viewBox="-0.5 -0.5 {width:g} {height:g}">'
        f'<g fill="{RING}" fill-opacity="0.22" stroke="{RING}" stroke-width="{line:.2f}">'
        f"{circles}</g>{names}</svg>"
    )


def _text(name: str, error: float, unit: str) -> str:
    return f"{escape(name, quote=True)} {format_error(error)} {escape(unit, quote=True)}".strip()


def _names(
    circles: Mapping[str, tuple[float, float, float]], width: float, height: float, size: float
) -> str:
    """Names beside the circles, where they cover neither names nor circles before them.

    Args:
        circles: By name, the centre and the radius, in px of the picture.
        width: Of the picture.
        height: Of the picture.
        size: Of the letters, in px of the picture.
    """
    taken = [_square(x, y, min(radius, size)) for x, y, radius in circles.values()]
    written = []
    for name, (x, y, radius) in circles.items():
        long, tall, off = 0.56 * size * len(name), 1.1 * size, radius + 0.25 * size
        for left, middle in (
            (x + off, y),
            (x - off - long, y),
            (x - long / 2, y - off - tall / 2),
            (x - long / 2, y + off + tall / 2),
        ):
            box = (left, middle - tall / 2, left + long, middle + tall / 2)
            inside = box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height
            if inside and not any(_touch(box, other) for other in taken):
                taken.append(box)
                text = escape(name, quote=True)
                place = f'x="{left:.1f}" y="{middle + 0.35 * size:.1f}"'
                written.append(f"<text {place}>{text}</text>")
                break
    return (
        f'<g fill="#fff" stroke="#000" stroke-width="{size / 4:.2f}" stroke-linejoin="round" '
        f'paint-order="stroke" font-size="{size:.1f}" font-family="sans-serif">'
        f"{''.join(written)}</g>"
    )


def _square(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    return x - radius, y - radius, x + radius, y + radius


def _touch(one: Sequence[float], other: Sequence[float]) -> bool:
    return bool(one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3])
