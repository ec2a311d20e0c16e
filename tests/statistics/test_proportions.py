from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from benchmark.statistics.components import two_way_components
from benchmark.statistics.proportions import proportion_interval, win_rate
from tests.statistics.tables import crossed

TOSSES = st.integers(2, 8).flatmap(
    lambda images: st.integers(1, 4).flatmap(
        lambda seeds: arrays(float, (seeds, images), elements=st.integers(0, 5).map(float))
    )
)


def test_one_seed_of_independent_points_gives_wilsons_interval() -> None:
    # A point an image: the variance over many images is that of a proportion, and t is normal.
    hits = (np.arange(4000) % 10 < 7).astype(float)[None]
    interval = proportion_interval(hits, np.ones(4000))
    low, high = proportion_confint(2800, 4000, method="wilson")
    assert interval.estimate == pytest.approx(0.7)
    assert [interval.low, interval.high] == pytest.approx([low, high], abs=2e-4)


def test_the_interval_is_wilsons_at_the_number_of_tosses_that_the_variance_tells() -> None:
    random = np.random.default_rng(0)
    chance = random.beta(2, 1, (1, 40))
    trials = np.full(40, 10)
    hits = random.binomial(10, np.repeat(chance, 3, axis=0)).astype(float)
    components = two_way_components(hits / 10)
    proportion = hits.mean() / 10
    tosses = proportion * (1 - proportion) / components.standard_error**2
    assert tosses < 3 * 400  # points of an image succeed together
    # statsmodels' interval has the normal quantile: give it the level of our t quantile.
    quantile = stats.t.isf(0.025, components.degrees_of_freedom)
    low, high = proportion_confint(
        proportion * tosses, tosses, alpha=2 * stats.norm.sf(quantile), method="wilson"
    )
    interval = proportion_interval(hits, trials)
    assert [interval.low, interval.high] == pytest.approx([low, high], abs=1e-6)


@pytest.mark.parametrize("images", [5, 50])
def test_at_one_the_interval_is_that_of_one_toss_an_image(images: int) -> None:
    trials = np.full(images, 19)
    interval = proportion_interval(np.tile(trials, (3, 1)), trials)
    square = stats.t.isf(0.025, images - 1) ** 2
    assert (interval.estimate, interval.high) == (1, 1)
    assert interval.low == pytest.approx(images / (images + square))


def test_at_zero_the_interval_mirrors_that_at_one() -> None:
    trials = np.full(20, 19)
    none = proportion_interval(np.zeros((3, 20)), trials)
    every = proportion_interval(np.tile(trials, (3, 1)), trials)
    assert (none.estimate, none.low) == (0, 0)
    assert none.high == pytest.approx(1 - every.low)


@given(TOSSES)
@example(np.full((3, 2), 3.0))
def test_successes_and_failures_mirror_each_other_within_zero_and_one(hits: np.ndarray) -> None:
    trials = np.full(hits.shape[1], 5)
    one, other = proportion_interval(hits, trials), proportion_interval(trials - hits, trials)
    assert 0 <= one.low <= one.estimate <= one.high <= 1
    assert other.estimate == pytest.approx(1 - one.estimate)
    assert other.low == pytest.approx(1 - one.high)
    assert other.high == pytest.approx(1 - one.low)


def test_images_with_more_known_points_count_more() -> None:
    trials = np.array([1, 9, 5, 5])
    hits = np.array([[0, 9, 2, 3], [1, 8, 3, 3]])
    assert proportion_interval(hits, trials).estimate == pytest.approx(29 / 40)


@pytest.mark.parametrize("hits", [np.full(10, 2.0), np.array([19, 21] + 8 * [20]) / 10])
def test_a_proportion_never_counts_as_more_tosses_than_there_are_points(hits: np.ndarray) -> None:
    # Every image has the same share, or nearly: between images less varies than between tosses.
    interval = proportion_interval(np.tile(hits, (2, 1)), np.full(10, 4))
    # Seeds are alike, so that the images alone judge: t with 9 degrees of freedom.
    quantile = stats.t.isf(0.025, 9)
    low, high = proportion_confint(40, 80, alpha=2 * stats.norm.sf(quantile), method="wilson")
    assert [interval.low, interval.high] == pytest.approx([low, high])


def test_one_image_under_one_seed_tells_nothing() -> None:
    interval = proportion_interval(np.array([[3]]), np.array([5]))
    assert (interval.low, interval.estimate, interval.high) == (0, 0.6, 1)


def test_wins_are_lower_errors_and_ties_count_half() -> None:
    first = np.array([[1.0, 1.0, 2.0, 3.0], [1.0, 2.0, 2.0, 1.0]])
    second = np.array([[2.0, 1.0, 1.0, 4.0], [2.0, 3.0, 2.0, 2.0]])
    assert win_rate(first, second).estimate == pytest.approx(6 / 8)


def test_a_strategy_that_always_wins_has_a_rate_of_one() -> None:
    interval = win_rate(crossed() - 1, crossed())
    assert interval.estimate == 1
    assert 0.7 < interval.low < 0.8


@pytest.mark.parametrize("hits", [np.full((2, 3), 6.0), np.full((2, 3), -1.0)])
def test_impossible_counts_are_refused(hits: np.ndarray) -> None:
    with pytest.raises(ValueError, match="number of trials"):
        proportion_interval(hits, np.full(3, 5))
