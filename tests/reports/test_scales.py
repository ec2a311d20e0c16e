"""Ticks of the figures' axes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.reports.scales import MOST_TICKS, duration_text, duration_ticks, log_ticks


def test_ticks_of_a_decade_lie_between_the_ends() -> None:
    assert log_ticks(0.9, 12.0, (1.0, 2.0, 5.0)) == pytest.approx([1, 2, 5, 10])


def test_a_wide_axis_shows_decades_only() -> None:
    assert log_ticks(0.5, 200.0) == pytest.approx([1, 10, 100])


@given(st.floats(0.2, 1e5), st.floats(1.1, 1e4))
def test_durations_are_few_and_between_the_ends(low: float, ratio: float) -> None:
    ticks = duration_ticks(low, low * ratio)
    assert len(ticks) <= MOST_TICKS
    assert all(low <= tick <= low * ratio for tick in ticks)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "0.5 s"), (30, "30 s"), (60, "1 min"), (7200, "2 h")]
)
def test_durations_are_written_in_their_unit(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
