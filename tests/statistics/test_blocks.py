from __future__ import annotations

import math
from itertools import combinations

import baycomp
import numpy as np
import pytest
import scikit_posthocs
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from benchmark.statistics.blocks import (
    MINIMUM_BLOCKS,
    average_ranks,
    critical_difference,
    friedman,
    nemenyi_critical_difference,
)

TABLE = arrays(float, st.tuples(st.integers(2, 9), st.integers(3, 6)), elements=st.integers(0, 5))


def made(blocks: int = 12, methods: int = 5, step: float = 0.6) -> np.ndarray:
    """Errors that grow from method to method."""
    random = np.random.default_rng(0)
    return random.normal(size=(blocks, methods)) + step * np.arange(methods)


@given(TABLE)
def test_friedmans_test_is_that_of_scipy(errors: np.ndarray) -> None:
    if all(len(set(row)) == 1 for row in errors):
        assert friedman(errors) == (0, 1)
    else:
        expected = stats.friedmanchisquare(*errors.T)
        assert friedman(errors) == pytest.approx((expected.statistic, expected.pvalue))


@pytest.mark.parametrize(
    ("methods", "quantile"),
    list(enumerate((1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164), start=2)),
)
def test_the_critical_difference_has_the_quantiles_of_demsars_table_5(
    methods: int, quantile: float
) -> None:
    expected = quantile * math.sqrt(methods * (methods + 1) / (6 * 14))
    # His quantiles are rounded, two of them by a unit of the last place too far.
    assert nemenyi_critical_difference(methods, 14) == pytest.approx(expected, rel=0.0006)


def test_pairs_beyond_the_critical_difference_are_those_of_scikit_posthocs() -> None:
    errors = made()
    p_values = scikit_posthocs.posthoc_nemenyi_friedman(errors).to_numpy()
    ranks, distance = average_ranks(errors), nemenyi_critical_difference(5, 12)
    apart = {pair for pair in combinations(range(5), 2) if p_values[pair] < 0.05}
    assert 0 < len(apart) < 10
    assert apart == {
        pair
        for pair in combinations(range(5), 2)
        if abs(ranks[pair[0]] - ranks[pair[1]]) > distance
    }


def test_the_lowest_error_has_rank_one_and_ties_share_ranks() -> None:
    assert average_ranks(np.array([[3.0, 1.0, 2.0], [5.0, 4.0, 4.0]])).tolist() == [3, 1.25, 1.75]


def test_the_method_that_baycomp_prefers_has_the_lower_rank() -> None:
    errors = made()
    # baycomp takes higher scores as better, so that it gets errors below zero.
    first_better, _, last_better = baycomp.SignTest.probs(-errors[:, 0], -errors[:, 4], rope=0.1)
    assert first_better > 0.9 > last_better
    ranks = average_ranks(errors)
    assert ranks[0] < ranks[4]


def test_cliques_are_the_longest_runs_within_the_critical_difference() -> None:
    # Twelve blocks, the order of methods shuffled; ranks 1, 2, 3, 4 in every block.
    errors = np.tile([3.0, 1.0, 4.0, 2.0], (12, 1))
    found = critical_difference(errors)
    assert found is not None
    assert list(found.average_ranks) == [3, 1, 4, 2]
    assert found.critical_difference == pytest.approx(2.569 * math.sqrt(20 / 72), rel=1e-3)
    assert found.cliques == ((1, 3), (3, 0), (0, 2))
    assert found.p == pytest.approx(stats.chi2.sf(36, 3))


def test_a_clique_within_a_longer_one_is_left_out() -> None:
    found = critical_difference(made(8, 4, step=0.0))
    assert found is not None
    assert found.cliques == (tuple(np.argsort(found.average_ranks).tolist()),)


def test_methods_that_are_all_apart_have_no_clique() -> None:
    found = critical_difference(np.tile([1.0, 2.0, 3.0], (100, 1)))
    assert found is not None
    assert found.cliques == ()


@given(st.integers(0, 1000))
def test_every_pair_lies_in_a_clique_exactly_where_it_is_within_the_difference(seed: int) -> None:
    random = np.random.default_rng(seed)
    found = critical_difference(random.normal(size=(10, 6)) + random.normal(0, 1, 6))
    assert found is not None
    for first, second in combinations(range(6), 2):
        apart = abs(found.average_ranks[first] - found.average_ranks[second])
        together = any(first in clique and second in clique for clique in found.cliques)
        assert together == (apart <= found.critical_difference)


def test_too_few_blocks_make_no_diagram() -> None:
    assert critical_difference(made(MINIMUM_BLOCKS - 1)) is None
    assert critical_difference(made(MINIMUM_BLOCKS)) is not None


@pytest.mark.parametrize("errors", [np.ones(4), np.ones((4, 1)), np.array([[1.0, np.nan]])])
def test_errors_that_cannot_be_ranked_are_refused(errors: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"blocks x methods|every method"):
        average_ranks(errors)
