"""Curves and outlines on a pixel grid: splines, distances and covered areas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def squared_distances(
    x: np.ndarray, y: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances of a grid of points from each segment of an open polyline.

    Args:
        x: (width,) abscissae of the grid.
        y: (height,) ordinates of the grid.
        points: (n, 2) corners of the polyline.

    Returns:
        (n - 1, height, width) squared distances, and in the same shape where on each segment the
        nearest point lies, 0..1.
    """
    start = points[:-1].astype(np.float32)
    delta = np.diff(points, axis=0).astype(np.float32)
    unit = delta / np.maximum((delta**2).sum(1, keepdims=True), 1e-9)
    dx = x.astype(np.float32)[None, None, :] - start[:, 0, None, None]
    dy = y.astype(np.float32)[None, :, None] - start[:, 1, None, None]
    along = dx * unit[:, 0, None, None] + dy * unit[:, 1, None, None]
    np.clip(along, 0, 1, out=along)
    squared = (dx - along * delta[:, 0, None, None]) ** 2
    off = along * delta[:, 1, None, None]
    np.subtract(dy, off, out=off)
    squared += np.multiply(off, off, out=off)
    return squared, along


def coverage(contour: np.ndarray, width: int, height: int) -> np.ndarray:
    """The part of each pixel that lies inside a closed contour, by crossings along scan lines.

    Args:
        contour: (n, 2) in px, with the corner of the first pixel at (0, 0).
        width: Of the result in px.
        height: Of the result in px.

    Returns:
        (height, width) float32 in 0..1; eight scan lines a pixel, exact along each.
    """
    lines = 8
    following = np.roll(contour, -1, axis=0)
    first = np.ceil(contour[:, 1] * lines - 0.5).astype(int)
    last = np.ceil(following[:, 1] * lines - 0.5).astype(int)
    crossings = np.abs(last - first)
    edge = np.repeat(np.arange(len(contour)), crossings)
    count = np.arange(len(edge)) - np.repeat(np.cumsum(crossings) - crossings, crossings)
    line = np.minimum(first, last)[edge] + count
    delta = following - contour
    slope = delta[:, 0] / np.where(crossings > 0, delta[:, 1], 1)
    x = contour[edge, 0] + ((line + 0.5) / lines - contour[edge, 1]) * slope[edge]
    inside = (line >= 0) & (line < height * lines)
    x, row = np.clip(x[inside], 0, width), line[inside] // lines
    rise = np.sign(last - first)[edge][inside] / lines
    column = np.floor(x).astype(int)
    beyond = x - column
    cell = row * (width + 2) + column
    cells = height * (width + 2)
    area = np.bincount(cell, rise * (1 - beyond), cells)
    area += np.bincount(cell + 1, rise * beyond, cells)
    filled = np.abs(np.cumsum(area.reshape(height, width + 2), axis=1))[:, :width]
    return np.clip(filled, 0, 1).astype(np.float32)


def interpolation(nodes: np.ndarray, length: int) -> np.ndarray:
    """The (length, nodes) float32 matrix that interpolates linearly between ascending nodes."""
    at = np.arange(length)
    right = np.clip(np.searchsorted(nodes, at), 1, len(nodes) - 1) if len(nodes) > 1 else at * 0
    matrix = np.zeros((length, len(nodes)), np.float32)
    if len(nodes) == 1:
        matrix[:, 0] = 1
        return matrix
    weight = np.clip((at - nodes[right - 1]) / (nodes[right] - nodes[right - 1]), 0, 1)
    matrix[at, right - 1] = 1 - weight
    matrix[at, right] = weight
    return matrix


def spline(
    knots: ArrayLike | Sequence[ArrayLike], steps: int = 6, closed: bool = True
) -> np.ndarray:
    """A Catmull-Rom curve, which passes through all its knots.

    Args:
        knots: (n, 2) points.
        steps: Points of the result a knot.
        closed: Whether the last knot is joined to the first.

    Returns:
        (m, 2) points; the knots are every ``steps``-th of them.
    """
    points = np.array(knots, float)
    if closed:
        before, after, further = (np.roll(points, k, axis=0) for k in (1, -1, -2))
    else:
        padded = np.concatenate([points[:1], points, points[-1:]])
        before, after, further = padded[:-3], padded[2:-1], padded[3:]
    here = points[: len(after)]
    t = (np.arange(steps) / steps)[None, :, None]
    p0, p1, p2, p3 = (p[:, None] for p in (before, here, after, further))
    curve = p1 + 0.5 * t * (
        p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0))
    )
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


def softened_polygon(knots: ArrayLike | Sequence[ArrayLike]) -> np.ndarray:
    """A closed polygon, (4 n, 2), whose corners stay where they are and whose sides bulge."""
    points = np.array(knots, float)
    share = (np.arange(4) / 4)[None, :, None]
    straight = points[:, None] + share * (np.roll(points, -1, axis=0) - points)[:, None]
    return np.asarray(0.5 * (spline(points, 4) + straight.reshape(-1, 2)))


def moved(points: np.ndarray, right: float, down: float) -> np.ndarray:
    """Points (..., 2) displaced by so many mm."""
    return np.asarray(points + np.array([right, down]))


def arc(centre: np.ndarray, radius: float, start: float, stop: float) -> list[np.ndarray]:
    """Points of an arc; angles in radians from the x axis, clockwise on the screen."""
    angles = np.linspace(start, stop, 10)
    return list(centre + radius * np.stack([np.cos(angles), np.sin(angles)], 1))
