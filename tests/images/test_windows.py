"""Windows: how more than 8 bits become 8, the same for all kinds of numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from benchmark.images.windows import Window, scale_linearly, to_grey


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("auto", Window()),
        (" FULL ", Window("full")),
        ("0..4095", Window("limits", 0, 4095)),
        ("-100..2.5e3", Window("limits", -100, 2500)),
        ("1%..99.5%", Window("share", 0.01, 0.995)),
    ],
)
def test_a_window_is_read_from_a_text(text: str, window: Window) -> None:
    assert Window.parse(text) == window


@pytest.mark.parametrize(
    "text", ["", "wide", "5", "5..5", "9..1", "0..nan", "1%..99", "-1%..50%", "0%..101%", "1..2..3"]
)
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no window"):
        Window.parse(text)


@given(arrays.arrays(np.int16, (5, 7)), st.integers(-40_000, 40_000), st.integers(1, 70_000))
def test_all_kinds_of_numbers_are_scaled_alike(values: np.ndarray, low: int, width: int) -> None:
    grey = scale_linearly(values, low, low + width)
    np.testing.assert_array_equal(scale_linearly(values.astype(np.float64), low, low + width), grey)
    shifted = (values.astype(np.int64) + 32768).astype(np.uint16)
    np.testing.assert_array_equal(scale_linearly(shifted, low + 32768, low + width + 32768), grey)
    exact = np.clip((values.astype(np.int64) - low) * 255 * 2 + width, 0, None) // (2 * width)
    np.testing.assert_array_equal(grey, np.minimum(exact, 255))


def test_a_flat_image_is_black_and_floats_have_no_full_range() -> None:
    assert not to_grey(np.full((3, 3), 7, np.uint16), Window(), (0, 65535)).any()
    with pytest.raises(ValueError, match="no full range"):
        to_grey(np.ones((3, 3)), Window("full"), None)


def test_markers_and_dead_pixels_do_not_decide() -> None:
    values = np.tile(np.arange(1000, 2000, dtype=np.uint16), (100, 1))
    marked = values.copy()
    marked[:10, :40] = 65535
    marked[90:, :40] = 0
    difference = to_grey(marked, Window(), None)[20:80].astype(int)
    difference -= to_grey(values, Window(), None)[20:80]
    assert abs(difference).max() <= 2
