from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.statistics.bootstrap import bootstrap_means, resample
from benchmark.statistics.efficiency import (
    LabelsSaved,
    area_under_curve,
    labels_needed,
    labels_saved,
)
from tests.statistics.tables import crossed

SHOTS = (5, 10, 25, 50)


def curve(scale: float = 1.0) -> np.ndarray:
    """(shots, seeds, images) errors that fall as one over the square root of the labels."""
    base = np.exp(0.2 * crossed((4, 30)))
    return np.asarray(scale * base / np.sqrt(np.array(SHOTS))[:, None, None])


def test_the_area_of_a_constant_curve_is_its_height() -> None:
    assert area_under_curve(SHOTS, np.full(4, 2.5)) == pytest.approx(2.5)


def test_the_area_weighs_errors_by_the_logarithm_of_shots() -> None:
    # From 1 to 10 the mean of 4 and 2, from 10 to 100 that of 2 and 1: both stretches count alike.
    assert area_under_curve((1, 10, 100), np.array([4.0, 2.0, 1.0])) == pytest.approx(2.25)


def test_areas_keep_leading_axes() -> None:
    errors = np.arange(24.0).reshape(2, 3, 4)
    areas = area_under_curve(SHOTS, errors)
    assert areas.shape == (2, 3)
    assert areas[1, 2] == pytest.approx(float(area_under_curve(SHOTS, errors[1, 2])))


@given(st.floats(math.log(5), math.log(50)), st.floats(0.1, 2.0), st.floats(0.1, 10.0))
def test_labels_needed_invert_a_power_law(place: float, slope: float, scale: float) -> None:
    labels = math.exp(place)
    control = scale * np.array(SHOTS, dtype=float) ** -slope
    assert labels_needed(SHOTS, control, np.array(scale * labels**-slope)) == pytest.approx(labels)


@given(st.floats(0, 1), st.lists(st.floats(0.05, 0.9), min_size=3, max_size=3))
def test_labels_needed_invert_any_falling_curve(where: float, factors: list[float]) -> None:
    control = 7 * np.cumprod([1, *factors])
    labels = math.exp(math.log(5) + where * math.log(10))
    error = np.exp(np.interp(math.log(labels), np.log(SHOTS), np.log(control)))
    assert labels_needed(SHOTS, control, error) == pytest.approx(labels)


@pytest.mark.parametrize(
    ("error", "expected"), [(8.0, 5), (4.0, 10), (2.0, 25), (1.0, 50), (0.9, np.inf), (9, -np.inf)]
)
def test_labels_needed_at_and_beyond_the_measured_ones(error: float, expected: float) -> None:
    assert labels_needed(SHOTS, np.array([8.0, 4, 2, 1]), np.array(error)) == pytest.approx(
        expected
    )


def test_a_curve_that_rises_again_counts_where_it_first_reaches_the_error() -> None:
    control = np.array([8.0, 2.0, 6.0, 1.0])
    assert labels_needed(SHOTS, control, np.array(4.0)) == pytest.approx(math.sqrt(5 * 10))


def test_many_curves_are_read_at_once() -> None:
    curves = np.array([[8.0, 4, 2, 1], [4.0, 2, 1, 0.5]])
    assert labels_needed(SHOTS, curves, np.array([4.0, 2.0])) == pytest.approx([10, 10])


def test_a_method_as_good_as_the_control_saves_nothing() -> None:
    saved = labels_saved(SHOTS, curve(), curve()[2], 25, resample(4, 30))
    assert [saved.estimate, saved.low, saved.high] == pytest.approx([0, 0, 0], abs=1e-6)
    assert saved.text == "0 (0 to 0)"


@pytest.mark.parametrize("place", [0, 3])
def test_a_method_equal_to_the_control_at_the_ends_stays_within_the_range(place: int) -> None:
    saved = labels_saved(SHOTS, curve(), curve()[place], SHOTS[place], resample(4, 30))
    assert saved.bounded_below
    assert saved.bounded_above


def test_labels_saved_are_those_of_the_curve_and_may_be_below_zero() -> None:
    # At 1 / sqrt(2) of the error the control needs twice the labels, at sqrt(2) half of them.
    draws = resample(4, 30)
    better = labels_saved(SHOTS, curve(), curve(math.sqrt(0.5))[1], 10, draws)
    worse = labels_saved(SHOTS, curve(), curve(math.sqrt(2))[2], 25, draws)
    assert better.estimate == pytest.approx(10)
    assert worse.estimate == pytest.approx(-12.5)
    # What both share cancels, so that only the draws of a fixed ratio are left: no width.
    assert [worse.low, worse.high] == pytest.approx([-12.5, -12.5])


def test_the_interval_lies_between_percentiles_of_shared_draws() -> None:
    draws = resample(4, 30, replicates=400)
    own = 0.8 * curve()[1] * np.exp(0.2 * crossed((4, 30), number=9) - 0.4)
    weights = np.arange(1, 31)
    saved = labels_saved(SHOTS, curve(), own, 10, draws, weights, level=0.8)
    means = bootstrap_means(np.concatenate([curve(), own[None]]), draws, weights)
    needed = np.sort(labels_needed(SHOTS, means[:-1].T, means[-1]))
    assert [saved.low, saved.high] == pytest.approx([needed[39] - 10, needed[359] - 10])
    assert saved.low < saved.estimate < saved.high


def test_savings_beyond_the_range_are_bounded_by_what_was_measured() -> None:
    draws = resample(4, 30)
    more = labels_saved(SHOTS, curve(), curve(0.1)[1], 10, draws)
    assert not more.bounded_above
    assert more.text == "> 40"
    less = labels_saved(SHOTS, curve(), curve(10)[2], 25, draws)
    assert not less.bounded_below
    assert less.text == "< −20"


@pytest.mark.parametrize(
    ("saved", "text"),
    [
        (LabelsSaved(15.2, 8.4, 39.6, -5, 40), "15 (8 to 40)"),
        (LabelsSaved(15.2, 8.4, np.inf, -5, 40), "15 (8 to > 40)"),
        (LabelsSaved(np.inf, 8.4, np.inf, -5, 40), "> 40 (8 to > 40)"),
        (LabelsSaved(-2.6, -np.inf, 3.1, -5, 40), "−3 (< −5 to 3)"),
        (LabelsSaved(-0.3, -0.4, 0.4, -5, 40), "0 (0 to 0)"),
    ],
)
def test_the_text_says_what_is_bounded(saved: LabelsSaved, text: str) -> None:
    assert saved.text == text


@pytest.mark.parametrize("shots", [(5,), (10, 5), (5, 5), (0, 5), (5, 10, 20)])
def test_shots_that_make_no_curve_are_refused(shots: tuple[int, ...]) -> None:
    errors = np.ones(2 if len(shots) != 1 else 1)
    with pytest.raises(ValueError, match="shots"):
        area_under_curve(shots, errors)


def test_an_error_of_zero_has_no_logarithm_and_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        labels_needed((5, 10), np.array([1.0, 0.0]), np.array(1.0))
