"""Radiographs are scaled over their full frame, and small copies are never larger than asked."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import StoreError
from benchmark.images import image_size, scale_to, write_preview

RAMP = np.linspace(0, 255, 30 * 20).astype(np.uint8).reshape(20, 30)


@given(st.floats(20, 100), st.floats(20, 70), st.integers(40, 200), st.integers(40, 200))
def test_scaling_moves_a_blob_as_the_formula_says(x: float, y: float, w: int, h: int) -> None:
    rows, columns = np.mgrid[:90, :120]
    blob = 250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 4.0**2))
    small = scale_to(blob.round().astype(np.uint8), (w, h)).astype(float)
    assert small.shape == (h, w)
    rows, columns = np.mgrid[:h, :w]
    centre = (small * columns).sum() / small.sum(), (small * rows).sum() / small.sum()
    assert centre[0] == pytest.approx((x + 0.5) * w / 120 - 0.5, abs=0.1)
    assert centre[1] == pytest.approx((y + 0.5) * h / 90 - 0.5, abs=0.1)


def test_scaling_down_is_antialiased() -> None:
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (64, 32))
    assert np.ptp(scale_to(stripes, (8, 8))[:, 1:-1].astype(int)) <= 10


def test_scaling_to_the_same_size_copies() -> None:
    scaled = scale_to(RAMP, (30, 20))
    np.testing.assert_array_equal(scaled, RAMP)
    assert not np.shares_memory(scaled, RAMP)


@pytest.mark.parametrize("name", ["small.jpg", "small.png"])
def test_a_preview_is_never_longer_than_asked_nor_than_the_original(
    tmp_path: Path, name: str
) -> None:
    write_preview(RAMP, tmp_path / name, longest=15)
    assert image_size(tmp_path / name) == (15, 10)
    write_preview(RAMP, tmp_path / name, longest=99)
    assert image_size(tmp_path / name) == (30, 20)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_preview_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        write_preview(RAMP, tmp_path / "nowhere" / "small.jpg", longest=15)
