"""What the contour around a set of pixels encloses: area and moments, without tracing it."""

from __future__ import annotations

import numpy as np


def block_moments(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The part of a region's contour polygon in each block of two by two pixels.

    The outer contour of a region without holes, whose pixels touch also diagonally, is a polygon
    through the centres of its border pixels. Of a block whose four pixels belong to the region it
    encloses the unit square between their centres, of one with three the triangle, of any other
    nothing. So the sums over a region's blocks are the moments that Green's theorem gives for the
    traced polygon (as OpenCV computes them).

    Args:
        inside: (..., height, width) bool, without holes.

    Returns:
        Area, and area times x and times y in px, each (..., height - 1, width - 1) float64.
    """
    height, width = inside.shape[-2:]
    rows, columns = np.arange(height)[:, None], np.arange(width)
    count, across, down = (_over_blocks(inside * weight) for weight in (1, columns, rows))
    area = np.where(count == 4, 1.0, np.where(count == 3, 0.5, 0.0))
    share = area / np.maximum(count, 1)
    return area, share * across, share * down


def _over_blocks(values: np.ndarray) -> np.ndarray:
    """Sums of (..., height, width) over all blocks of two by two."""
    summed: np.ndarray = (
        values[..., :-1, :-1] + values[..., :-1, 1:] + values[..., 1:, :-1] + values[..., 1:, 1:]
    )
    return summed
