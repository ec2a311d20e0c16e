from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.statistics.bootstrap import bootstrap_means, resample
from benchmark.statistics.ranks import places, rank_intervals
from tests.statistics.tables import crossed


def test_methods_far_apart_have_their_rank_alone() -> None:
    base = crossed()
    values = np.stack([base + 20, base, base + 10])
    assert rank_intervals(values, resample(4, 12)) == ((3, 3), (1, 1), (2, 2))


def test_alike_methods_share_all_their_ranks() -> None:
    base = crossed()
    values = np.stack([base, base + 20, base])
    assert rank_intervals(values, resample(4, 12)) == ((1, 2), (3, 3), (1, 2))


def test_ranks_are_the_percentiles_of_those_in_the_replicates() -> None:
    values = np.stack([crossed((4, 30), number=number) for number in range(5)])
    drawn = resample(4, 30, replicates=500)
    ranks = 1 + np.argsort(np.argsort(bootstrap_means(values, drawn), axis=0), axis=0)
    ordered = np.sort(ranks, axis=1)
    expected = tuple((int(row[49]), int(row[449])) for row in ordered)
    assert rank_intervals(values, drawn, level=0.8) == expected
    assert len(set(expected)) > 2


def test_what_all_methods_share_does_not_blur_the_ranks() -> None:
    hard = np.random.default_rng(0).normal(0, 100, (1, 30))
    values = np.stack([crossed((4, 30), number=number) for number in range(3)])
    drawn = resample(4, 30)
    assert rank_intervals(values + hard, drawn) == rank_intervals(values, drawn)


def test_weights_decide_which_method_is_first() -> None:
    first, second = np.tile([0.0, 3.0], (2, 1)), np.tile([2.0, 0.0], (2, 1))
    values = np.stack([first, second])
    drawn = resample(2, 2, replicates=200)
    means = bootstrap_means(values, drawn, np.array([100, 1]))
    assert rank_intervals(values, drawn, np.array([100, 1]), level=0.2)[0] == (1, 1)
    assert np.median(means[0] - means[1]) < 0
    assert rank_intervals(values, drawn, np.array([1, 100]), level=0.2)[0] == (2, 2)


ORDERS = st.integers(1, 9).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.sets(st.sampled_from(list(combinations(range(count), 2))))
        if count > 1
        else st.just(set()),
    )
)


@given(ORDERS)
def test_a_place_counts_the_items_that_are_better(order: tuple[int, set[tuple[int, int]]]) -> None:
    count, better = order
    found = places(count, better)
    for item in range(count):
        assert found[item] == 1 + sum(second == item for _, second in better)
    assert found[0] == 1


@pytest.mark.parametrize(
    ("better", "expected"),
    [
        ([], (1, 1, 1)),
        ([(0, 1), (0, 2), (1, 2)], (1, 2, 3)),
        ([(0, 2)], (1, 1, 2)),
        ([(2, 0), (2, 0)], (2, 1, 1)),
    ],
)
def test_places_of_known_cases(better: list[tuple[int, int]], expected: tuple[int, ...]) -> None:
    assert places(3, better) == expected


@pytest.mark.parametrize("pair", [(0, 3), (-1, 0), (1, 1)])
def test_pairs_of_items_that_are_not_there_are_refused(pair: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no two of 3 items"):
        places(3, [pair])
