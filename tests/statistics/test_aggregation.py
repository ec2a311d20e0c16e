from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchmark.statistics.aggregation import (
    Block,
    geometric_mean,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
    ratio_to_control,
)
from benchmark.statistics.bootstrap import bootstrap_means, resample
from tests.statistics.tables import crossed

NUMBERS = st.lists(st.integers(-20, 20), min_size=1, max_size=15)


def errors(number: int) -> np.ndarray:
    return np.exp(0.3 * crossed((4, 30), number=number))


def test_the_geometric_mean_of_twice_and_half_is_one() -> None:
    assert geometric_mean([2, 0.5]) == pytest.approx(1)
    assert geometric_mean([0.8, 0.9, 1.3]) == pytest.approx(float(stats.gmean([0.8, 0.9, 1.3])))


@pytest.mark.parametrize("ratios", [[], [1.0, 0.0], [1.0, np.nan], [-1.0]])
def test_a_geometric_mean_of_what_is_no_ratio_is_refused(ratios: list[float]) -> None:
    with pytest.raises(ValueError, match="above zero"):
        geometric_mean(ratios)


@given(NUMBERS)
def test_the_interquartile_mean_is_the_trimmed_mean_of_scipy(values: list[int]) -> None:
    expected = float(stats.trim_mean(values, 0.25))
    assert interquartile_mean(values) == pytest.approx(expected)


def test_the_interquartile_mean_ignores_a_run_that_went_wrong() -> None:
    assert interquartile_mean(np.array([[1.0, 1.1], [0.9, 1000.0]])) == pytest.approx(1.05)


def test_the_profile_is_the_share_at_or_below_each_threshold() -> None:
    profile = performance_profile(np.array([[0.5, 1.0], [1.0, 2.0]]), [0.4, 0.5, 1.0, 1.9, 2.0])
    assert profile.tolist() == [0, 0.25, 0.75, 0.75, 1]


@given(NUMBERS, NUMBERS)
def test_the_probability_of_improvement_is_that_of_mann_and_whitney(
    first: list[int], second: list[int]
) -> None:
    larger = stats.mannwhitneyu(second, first, method="asymptotic").statistic
    expected = larger / (len(first) * len(second))
    assert probability_of_improvement(first, second) == pytest.approx(expected)


def test_lower_errors_improve_and_ties_count_half() -> None:
    assert probability_of_improvement([1, 2], [3, 4]) == 1
    assert probability_of_improvement([3, 4], [1, 2]) == 0
    assert probability_of_improvement([1, 1], [1]) == 0.5


def test_without_runs_there_is_nothing_to_aggregate() -> None:
    with pytest.raises(ValueError, match="values"):
        interquartile_mean([])
    with pytest.raises(ValueError, match="values"):
        performance_profile([], [1.0])
    with pytest.raises(ValueError, match="runs of both"):
        probability_of_improvement([], [1.0])
    with pytest.raises(ValueError, match="ratios"):
        ratio_to_control([])


def test_the_ratio_is_the_geometric_mean_over_the_blocks() -> None:
    blocks = [Block(0.5 * errors(1), errors(1)), Block(0.8 * errors(2), errors(2))]
    interval = ratio_to_control(blocks)
    assert interval.estimate == pytest.approx(math.sqrt(0.4))
    # The ratio is the same on every seed and image: it has no width.
    assert [interval.low, interval.high] == pytest.approx([math.sqrt(0.4)] * 2)


def test_weights_count_in_the_ratio() -> None:
    weights = np.arange(1, 31)
    block = Block(errors(1), errors(2), weights)
    own, control = (np.average(errors(n).mean(0), weights=weights) for n in (1, 2))
    assert ratio_to_control([block]).estimate == pytest.approx(own / control)


def test_one_block_has_the_interval_of_its_bootstrap() -> None:
    interval = ratio_to_control([Block(errors(1), errors(2))], replicates=300, seed=5)
    means = bootstrap_means(np.stack([errors(1), errors(2)]), resample(4, 30, 300, 5))
    low, high = np.quantile(means[0] / means[1], (0.025, 0.975))
    assert [interval.low, interval.high] == pytest.approx([low, high])


def test_swapping_method_and_control_turns_the_ratio_over() -> None:
    one = ratio_to_control([Block(errors(1), errors(2), draw="x")])
    other = ratio_to_control([Block(errors(2), errors(1), draw="x")])
    assert other.estimate == pytest.approx(1 / one.estimate)
    assert other.low == pytest.approx(1 / one.high, rel=1e-3)


def test_blocks_of_one_draw_vary_together_and_others_do_not() -> None:
    def width(*draws: str) -> float:
        interval = ratio_to_control([Block(errors(1), errors(2), draw=draw) for draw in draws])
        return math.log(interval.high / interval.low)

    alone = width("x")
    assert width("x", "x") == pytest.approx(alone)
    # Two independent blocks: the mean of two logarithms varies by 1 / sqrt(2).
    assert width("x", "y") == pytest.approx(alone / math.sqrt(2), rel=0.1)
    assert width("", "") == pytest.approx(alone / math.sqrt(2), rel=0.1)


def test_blocks_of_one_draw_may_lack_a_seed() -> None:
    blocks = [
        Block(errors(1), errors(2), draw="x"),
        Block(errors(1)[:3], errors(2)[:3], draw="x"),
    ]
    assert ratio_to_control(blocks).low < ratio_to_control(blocks).high


def test_errors_of_a_control_on_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        ratio_to_control([Block(errors(1), errors(2)[:, 1:])])
