"""The released contour decoder: polygons through border pixels, holes filled, and what it loses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmark.contours import largest_region, released_contour
from benchmark.polygons import block_moments


def decoded(*pixels: tuple[slice | int, slice | int]) -> list[float]:
    """The point in a map of 20 x 30 that is 1 at these rows and columns and 0 elsewhere."""
    maps = torch.zeros(1, 1, 20, 30)
    for rows, columns in pixels:
        maps[0, 0, rows, columns] = 1.0
    found: list[float] = released_contour(maps, 1.5)[0, 0].tolist()
    return found


def test_a_rectangle_is_found_at_its_middle() -> None:
    assert decoded((slice(4, 9), slice(10, 21))) == [15.0, 6.0]


def test_a_hole_counts_as_if_it_were_filled() -> None:
    ring = [(slice(4, 9), slice(10, 21)), (slice(5, 8), slice(12, 15))]
    maps = torch.zeros(1, 1, 20, 30)
    maps[0, 0, ring[0][0], ring[0][1]] = 1.0
    maps[0, 0, ring[1][0], ring[1][1]] = 0.0
    assert released_contour(maps, 1.5)[0, 0].tolist() == [15.0, 6.0]
    assert largest_region(maps, 1.5)[0, 0, 0] > 15.1


def test_the_area_is_that_of_the_polygon_and_not_the_number_of_pixels() -> None:
    line, square = (2, slice(0, 25)), (slice(10, 14), slice(10, 14))
    assert decoded(line, square) == [11.5, 11.5]
    triangle = [(10, 10), (10, 11), (11, 10)]
    assert decoded(*triangle) == pytest.approx([10 + 1 / 3, 10 + 1 / 3])


def test_what_has_no_area_is_found_at_the_origin() -> None:
    assert decoded((7, 9)) == [0.0, 0.0]
    assert decoded((7, slice(3, 20))) == [0.0, 0.0]
    negative = torch.full((1, 1, 20, 30), -2.0)
    negative[0, 0, 5:9, 5:9] = -1.0
    assert released_contour(negative, 1.5)[0, 0].tolist() == [0.0, 0.0]


def test_regions_that_touch_at_a_corner_are_one() -> None:
    apart = decoded((slice(2, 5), slice(2, 5)), (slice(6, 9), slice(6, 9)))
    joined = decoded((slice(2, 5), slice(2, 5)), (slice(5, 8), slice(5, 8)))
    assert apart == [7.0, 7.0]
    assert joined == [4.5, 4.5]


def test_maps_of_a_batch_do_not_see_each_other() -> None:
    maps = torch.randn(3, 4, 24, 24, generator=torch.Generator().manual_seed(0)).cumsum(-1)
    whole = released_contour(maps, 1.5)
    for image in range(3):
        for landmark in range(4):
            alone = released_contour(maps[image : image + 1, landmark : landmark + 1], 1.5)
            assert torch.equal(alone[0, 0], whole[image, landmark])


def test_blocks_add_up_to_the_polygon_of_a_digital_disk() -> None:
    """Its border pixels in order of their angle are the polygon, because it is convex."""
    y, x = np.mgrid[:21, :21]
    inside = (x - 10) ** 2 + (y - 9) ** 2 <= 34.66
    inside[:, :7] = False  # cut
    area, across, down = (part.sum() for part in block_moments(inside))
    sides = [np.roll(inside, step, axis) for step in (-1, 1) for axis in (0, 1)]
    border = inside & ~np.logical_and.reduce(sides)
    points = np.argwhere(border)[:, ::-1].astype(float)
    order = np.argsort(np.arctan2(points[:, 1] - 9, points[:, 0] - 11))
    px, py = points[order].T
    cross = px * np.roll(py, -1) - np.roll(px, -1) * py
    assert area == pytest.approx(cross.sum() / 2)
    assert across == pytest.approx(((px + np.roll(px, -1)) * cross).sum() / 6)
    assert down == pytest.approx(((py + np.roll(py, -1)) * cross).sum() / 6)
