"""Names in figures: short ones, and places for them at which they do not cover one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from benchmark.reports.drawing import arranged
from benchmark.reports.tables import WHOLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from benchmark.reports.palettes import Palette
    from benchmark.reports.tables import Identity, LeaderboardTable, Row

LONGEST = 30
NEAR, RADII = 8.0, (8.0, 17.0, 28.0, 42.0, 58.0)
"""Distances in points between a point and its label; beyond ``NEAR`` a line joins them."""
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, bottom, right and top."""


def shorten(text: str, most: int = LONGEST) -> str:
    """The text with at most ``most`` characters; what is cut is marked."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def name_parts(row: Row, *, several: bool) -> list[str]:
    """What tells a row from the others: title, backbone where there are several, and the rest."""
    identity = row.identity
    parts = [row.title, *([identity.backbone] if several else [])]
    parts += [identity.transfer] if identity.transfer != WHOLE else []
    return [*parts, *([identity.variant] if identity.variant else [])]


def name_lines(row: Row, *, several: bool) -> list[str]:
    """The parts of a row's name, each cut to one line; long options stand on a line of their own.

    Args:
        row: A row of a table.
        several: Whether the table has rows on more than one backbone.
    """
    lines = []
    for part in name_parts(row, several=several):
        name, bracket, options = part.partition("[")
        cut = [part] if len(part) <= LONGEST or not name else [name, bracket + options]
        lines += [shorten(line) for line in cut if line]
    return lines


def short_names(tables: Sequence[LeaderboardTable], most: int = LONGEST) -> dict[Identity, str]:
    """The names of the ranked rows on one line; no two are the same."""
    several = len({backbone for table in tables for backbone in table.backbones()}) > 1
    names = {
        row.identity: ", ".join(p.removeprefix("timm/") for p in name_parts(row, several=several))
        for table in tables
        for row in table.ranked
    }
    return dict(zip(names, shorten_apart([*names.values()], most), strict=True))


def shorten_apart(names: Sequence[str], most: int = LONGEST) -> list[str]:
    """Each name with about ``most`` characters; those that would become the same stay apart.

    They are cut in the middle, since their ends often differ, and numbered where that is no help.
    """
    cut = [shorten(name, most) for name in names]
    alike = Counter(cut)
    half = most // 2
    cut = [
        f"{name[:half].rstrip()}…{name[1 - most + half :].lstrip()}" if alike[short] > 1 else short
        for name, short in zip(names, cut, strict=True)
    ]
    alike = Counter(cut)
    return [
        f"{short} ({cut[:place].count(short) + 1})" if alike[short] > 1 else short
        for place, short in enumerate(cut)
    ]


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Places at least ``gap`` apart, in the same order and as near to the given ones as can be.

    The sum of the squared shifts is least: isotonic regression of ``place - rank * gap``, by
    pooling adjacent violators (Ayer et al., Annals of Mathematical Statistics, 1955).
    """
    order = sorted(range(len(places)), key=lambda number: (places[number], number))
    pools: list[tuple[float, int]] = []
    for rank, number in enumerate(order):
        total, size = places[number] - rank * gap, 1
        while pools and pools[-1][0] / pools[-1][1] >= total / size:
            last, count = pools.pop()
            total, size = total + last, size + count
        pools.append((total, size))
    levels = [total / size for total, size in pools for _ in range(size)]
    moved = [0.0] * len(places)
    for rank, number in enumerate(order):
        moved[number] = levels[rank] + rank * gap
    return moved


def label_points(
    axes: Axes,
    points: Sequence[Point],
    names: Sequence[str],
    palette: Palette,
    segments: Sequence[tuple[Point, Point]] = (),
) -> None:
    """Write each point's name beside it, where it covers neither points nor lines nor names.

    Where no such place is near, the one that covers least is taken.

    Args:
        axes: With its limits set and everything else drawn.
        points: In the units of the data.
        names: One a point; the first ones get the best places.
        palette: The colours of the figure.
        segments: Upright and level lines from one point to another, not to be covered either.
    """
    scale = arranged(axes).dpi / 72
    frame = axes.bbox
    inside = (frame.x0, frame.y0, frame.x1, frame.y1)
    marks = [axes.transData.transform(point) for point in points]
    taken = [_grown(mark, mark, 5 * scale) for mark in marks]
    ends = (axes.transData.transform(segment) for segment in segments)
    lines = [_grown(start, end, 1.5 * scale) for start, end in ends]
    for point, mark, name in zip(points, marks, names, strict=True):
        text = axes.annotate(
            name,
            point,
            xytext=(0, 0),
            textcoords="offset points",
            color=palette.ink,
            fontsize=9.5,
        )
        text.set_in_layout(False)
        extent = text.get_window_extent()
        size = (extent.width + 2 * scale, extent.height)
        others = [*lines, *(box for box in taken if not _around(box, mark))]
        shift = min(
            product(RADII, DIRECTIONS),
            key=lambda s: _covered(_box(mark, s, size, scale), others, inside),
        )
        box = _box(mark, shift, size, scale)
        taken.append(box)
        left, bottom = (box[0] + scale - mark[0]) / scale, (box[1] - mark[1]) / scale
        text.set_position((left, bottom))
        if shift[0] > NEAR:
            _join(axes, mark, box, palette.muted)


def _join(axes: Axes, mark: np.ndarray, box: Box, line: str) -> None:
    """A thin line from a point to the nearest place on the box of its name."""
    end = np.clip(mark, box[:2], box[2:])
    ends = axes.transData.inverted().transform([mark, end])
    axes.plot(ends[:, 0], ends[:, 1], color=line, lw=0.6, zorder=1.5, scalex=False, scaley=False)


def _grown(start: np.ndarray, end: np.ndarray, by: float) -> Box:
    """The box around two places, with room on all sides."""
    left, bottom = np.minimum(start, end) - by
    right, top = np.maximum(start, end) + by
    return float(left), float(bottom), float(right), float(top)


def _around(box: Box, mark: np.ndarray) -> bool:
    return bool(box[0] < mark[0] < box[2] and box[1] < mark[1] < box[3])


def _box(
    mark: np.ndarray, shift: tuple[float, tuple[int, int]], size: tuple[float, float], scale: float
) -> Box:
    """The box of a name of this size at a distance (points) in one of ``DIRECTIONS``."""
    radius, (right, up) = shift
    diagonal = 0.7 if right and up else 1.0
    x = mark[0] + right * (diagonal * radius * scale + size[0] / 2)
    y = mark[1] + up * (diagonal * radius * scale + size[1] / 2)
    return (x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2)


def _covered(box: Box, others: Iterable[Box], inside: Box) -> float:
    """The area that a box shares with others and has outside the frame."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    covered = area - _shared(box, inside) + sum(_shared(box, other) for other in others)
    # Rounded, so that noise does not beat the order of the places.
    return round(covered, 2)


def _shared(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)
