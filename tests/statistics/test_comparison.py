from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from benchmark.statistics.comparison import compare, holm, sign_flip_p, sign_flip_p_values
from benchmark.statistics.components import interval_of, two_way_interval
from benchmark.statistics.results import Verdict
from tests.statistics.tables import crossed, tables

MIRRORED: dict[Verdict, Verdict] = {
    "lower": "higher",
    "higher": "lower",
    "equivalent": "equivalent",
    "undecided": "undecided",
}


def apart(difference: float, spread: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Errors of two strategies on the same images, the difference of A from B given."""
    base = crossed((5, 60), seeds=0.01, images=1, residual=0)
    return base + difference + spread * crossed((5, 60), 0, 0, 0.3, number=8) - 2 * spread, base


@pytest.mark.parametrize(("difference", "verdict"), [(-0.5, "lower"), (0.5, "higher")])
def test_a_clear_difference_is_lower_or_higher(difference: float, verdict: str) -> None:
    comparison = compare(*apart(difference))
    assert comparison.verdict == verdict
    assert comparison.difference.estimate == pytest.approx(difference, abs=0.05)
    assert comparison.p_value < 0.001
    assert comparison.sign_flip_p == pytest.approx(1 / 10000)


def test_the_same_strategy_is_undecided_and_with_a_margin_equivalent() -> None:
    first, second = apart(0, spread=1)
    assert compare(first, second).verdict == "undecided"
    assert compare(first, second, margin=0.5).verdict == "equivalent"


def test_a_sure_difference_within_the_margin_is_equivalent() -> None:
    comparison = compare(*apart(-0.1), margin=0.5)
    assert comparison.difference.excludes_zero
    assert comparison.verdict == "equivalent"


def test_a_margin_that_the_data_cannot_hold_leaves_the_verdict_alone() -> None:
    assert compare(*apart(-0.5), margin=0.1).verdict == "lower"
    assert compare(*apart(0, spread=1), margin=0.001).verdict == "undecided"


def test_equivalence_rests_on_the_interval_of_two_one_sided_tests() -> None:
    first, second = apart(0, spread=1)
    comparison = compare(first, second)
    inner = interval_of(comparison.components, 0.9)
    reach = max(-inner.low, inner.high)
    assert compare(first, second, margin=reach * 1.001).verdict == "equivalent"
    assert compare(first, second, margin=reach * 0.999).verdict == "undecided"
    assert reach < max(-comparison.difference.low, comparison.difference.high)


def test_identical_errors_have_no_difference() -> None:
    errors = crossed()
    comparison = compare(errors, errors)
    assert comparison.difference.estimate == 0
    assert comparison.p_value == 1
    assert comparison.sign_flip_p == 1
    assert comparison.win_rate.estimate == 0.5
    assert comparison.verdict == "undecided"
    assert compare(errors, errors, margin=0.1).verdict == "equivalent"


@given(tables(), st.integers(0, 10**6), st.sampled_from([None, 0.5, 2.0]))
def test_swapping_the_strategies_mirrors_everything(
    first: np.ndarray, number: int, margin: float | None
) -> None:
    second = np.random.default_rng(number).integers(-64, 64, first.shape) / 16
    one, other = compare(first, second, margin=margin), compare(second, first, margin=margin)
    assert other.difference.estimate == pytest.approx(-one.difference.estimate)
    assert other.difference.low == pytest.approx(-one.difference.high)
    assert other.p_value == pytest.approx(one.p_value)
    assert other.sign_flip_p == one.sign_flip_p
    assert other.win_rate.estimate == pytest.approx(1 - one.win_rate.estimate)
    assert other.win_rate.low == pytest.approx(1 - one.win_rate.high)
    assert other.verdict == MIRRORED[one.verdict]


@given(tables())
def test_what_both_strategies_share_cancels(table: np.ndarray) -> None:
    random = np.random.default_rng(0)
    first = random.integers(-64, 64, table.shape) / 16
    second = random.integers(-64, 64, table.shape) / 16
    plain, shifted = compare(first, second), compare(first + table, second + table)
    assert shifted.difference == plain.difference
    assert shifted.p_value == plain.p_value


def test_weights_count_in_the_difference() -> None:
    first, second = apart(0.1)
    weights = np.arange(1, 61)
    comparison = compare(first, second, weights)
    expected = np.average((first - second).mean(0), weights=weights)
    assert comparison.difference.estimate == pytest.approx(expected)
    assert comparison.difference == two_way_interval(first - second, weights)


def test_one_seed_is_said() -> None:
    first, second = apart(-0.5)
    assert compare(first[:1], second[:1]).one_seed
    assert not compare(first, second).one_seed


def test_one_seed_on_one_image_decides_nothing() -> None:
    comparison = compare(np.array([[1.0]]), np.array([[2.0]]), margin=10)
    assert comparison.verdict == "undecided"
    assert comparison.p_value == 1
    assert math.isinf(comparison.difference.high)


def test_errors_of_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        compare(crossed((3, 5)), crossed((3, 6)))


def test_a_margin_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="margin"):
        compare(crossed(), crossed(), margin=-0.1)


@pytest.mark.parametrize("images", [2, 7, 11])
def test_all_patterns_of_few_images_give_scipys_permutation_test(images: int) -> None:
    differences = crossed((1, images))[0] - 1.8
    expected = stats.permutation_test(
        [differences],
        lambda sample: float(np.mean(sample)),
        permutation_type="samples",
        vectorized=False,
        n_resamples=2**11,  # all of them
    )
    assert sign_flip_p(differences) == pytest.approx(expected.pvalue)


def test_one_image_may_have_either_sign() -> None:
    assert sign_flip_p(np.array([3.0])) == 1


def test_signs_of_ranks_give_the_exact_wilcoxon_test() -> None:
    differences = np.random.default_rng(2).normal(0.4, 1, 12)
    ranks = np.sign(differences) * stats.rankdata(np.abs(differences))
    expected = stats.wilcoxon(differences, method="exact").pvalue
    assert sign_flip_p(ranks) == pytest.approx(expected)


def test_random_patterns_agree_with_the_t_test_on_many_images() -> None:
    differences = np.random.default_rng(1).normal(0.2, 1, 100)
    expected = float(stats.ttest_1samp(differences, 0).pvalue)
    # Of 9999 patterns the share of such a p is known to 0.0025.
    assert sign_flip_p(differences) == pytest.approx(expected, abs=0.012)


def test_random_patterns_never_give_zero() -> None:
    assert sign_flip_p(np.full(50, 1.0), replicates=99) == pytest.approx(0.01)


def test_all_pairs_at_once_are_the_pairs_one_by_one() -> None:
    differences = crossed((6, 40)) - 1.9
    together = sign_flip_p_values(differences)
    assert together == pytest.approx([sign_flip_p(row) for row in differences])
    assert len(set(together)) > 3


@pytest.mark.parametrize("differences", [np.ones((2, 0)), np.array([[np.nan]]), np.ones(3)])
def test_differences_that_are_no_table_are_refused(differences: np.ndarray) -> None:
    with pytest.raises(ValueError, match="pairs x images"):
        sign_flip_p_values(differences)


@pytest.mark.parametrize(
    "p_values", [[0.04], [0.01, 0.04, 0.03, 0.005], [0.02, 0.02, 0.9, 0.6, 0.0, 1.0]]
)
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_holm_keeps_nan_and_does_not_count_it() -> None:
    adjusted = holm([0.01, np.nan, 0.02])
    assert adjusted[[0, 2]] == pytest.approx([0.02, 0.02])
    assert np.isnan(adjusted[1])
    assert holm([]).size == 0


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8))
def test_holm_keeps_the_order_of_p_values(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert (adjusted >= np.asarray(p_values)).all()
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0).all()
