"""Frames: native and working coordinates are inverse, and the canvas suits the images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.frames import fit, working_size
from benchmark.images import scale_to

SIDES = st.integers(min_value=40, max_value=4000)


@given(SIDES, SIDES, st.integers(1, 8), st.integers(1, 8), st.floats(0, 1), st.floats(0, 1))
def test_native_points_come_back_from_the_working_frame(
    width: int, height: int, rows: int, columns: int, x: float, y: float
) -> None:
    frame = fit(width, height, (32 * rows, 32 * columns))
    point = np.array([x * (width - 1), y * (height - 1)])
    assert np.allclose(frame.to_native(frame.to_working(point)), point, atol=1e-8)


@given(SIDES, SIDES, st.integers(1, 8), st.integers(1, 8))
def test_the_whole_image_lies_inside_the_canvas_and_touches_two_sides(
    width: int, height: int, rows: int, columns: int
) -> None:
    canvas = (32 * rows, 32 * columns)
    frame = fit(width, height, canvas)
    corner = frame.to_working(np.array([width - 0.5, height - 0.5]))
    first = frame.to_working(np.array([-0.5, -0.5]))
    assert (first >= -0.5 - 1e-9).all()
    assert (corner <= np.array(canvas[::-1]) - 0.5 + 1e-9).all()
    assert frame.content[0] == canvas[1] or frame.content[1] == canvas[0]


def test_a_blob_and_its_landmark_land_on_one_working_pixel() -> None:
    y, x = np.mgrid[:300, :240]
    blob = 250 * np.exp(-((x - 90.3) ** 2 + (y - 201.7) ** 2) / (2 * 6.0**2))
    frame = fit(240, 300, (160, 128))
    small = scale_to(blob.astype(np.uint8), frame.content).astype(float)
    rows, columns = np.indices(small.shape)
    found = np.array([(columns * small).sum(), (rows * small).sum()]) / small.sum()
    expected = frame.to_working(np.array([90.3, 201.7])) - np.array(frame.offset)
    assert np.abs(found - expected).max() < 0.05


@pytest.mark.parametrize(
    ("aspect", "size", "expected"),
    [(1.0, 144, (128, 128)), (2400 / 1935, 144, (160, 128)), (1.0, 256, (256, 256))],
)
def test_working_sizes_of_the_presets(aspect: float, size: int, expected: tuple[int, int]) -> None:
    assert working_size(aspect, size) == expected


@given(st.floats(0.3, 3.0), st.integers(40, 300))
def test_working_size_keeps_within_the_area_and_its_multiple(aspect: float, size: int) -> None:
    height, width = working_size(aspect, size)
    assert height % 32 == width % 32 == 0
    assert height * width <= size**2
