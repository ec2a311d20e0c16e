from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.statistics.bootstrap import bootstrap_means, resample
from benchmark.statistics.ranks import letter, letters, rank_intervals
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


PAIRS = st.integers(1, 9).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.sets(st.sampled_from(list(combinations(range(count), 2))))
        if count > 1
        else st.just(set()),
    )
)


@given(PAIRS)
def test_items_share_a_letter_exactly_where_they_cannot_be_told_apart(
    given_pairs: tuple[int, set[tuple[int, int]]],
) -> None:
    count, separable = given_pairs
    shown = letters(count, separable)
    assert len(shown) == count
    for first, second in combinations(range(count), 2):
        shared = set(shown[first]) & set(shown[second])
        assert bool(shared) == ((first, second) not in separable)
    assert all(shown)


@given(PAIRS)
def test_no_letter_can_be_left_out(given_pairs: tuple[int, set[tuple[int, int]]]) -> None:
    count, separable = given_pairs
    shown = [set(text) for text in letters(count, separable)]
    alike = set(combinations(range(count), 2)) - separable
    for name in set().union(*shown):
        rest = [text - {name} for text in shown]
        still = all(rest[first] & rest[second] for first, second in alike)
        assert not (still and all(rest)), f"{name} says nothing new"


@given(PAIRS)
def test_letters_follow_the_leaderboard(given_pairs: tuple[int, set[tuple[int, int]]]) -> None:
    shown = letters(*given_pairs)
    assert shown[0][0] == "a"
    firsts = [
        min(place for place, text in enumerate(shown) if name in text)
        for name in sorted(set("".join(shown)))
    ]
    assert firsts == sorted(firsts)


@pytest.mark.parametrize(
    ("count", "separable", "expected"),
    [
        (0, [], ()),
        (3, [], ("a", "a", "a")),
        (3, [(0, 1), (1, 2), (0, 2)], ("a", "b", "c")),
        (3, [(2, 0)], ("a", "ab", "b")),
        # Pairs need not follow the order: the second differs from its neighbours alone.
        (4, [(0, 1), (1, 2)], ("a", "b", "a", "ab")),
    ],
)
def test_letters_of_known_cases(
    count: int, separable: list[tuple[int, int]], expected: tuple[str, ...]
) -> None:
    assert letters(count, separable) == expected


def test_more_groups_than_letters_get_two_each() -> None:
    shown = letters(30, list(combinations(range(30), 2)))
    assert shown[25:28] == ("z", "aa", "ab")
    assert len(set(shown)) == 30


def test_names_of_two_letters_are_parted_by_commas() -> None:
    # Only neighbours are alike: item n shares one group with each of them.
    apart = [pair for pair in combinations(range(30), 2) if pair[1] - pair[0] > 1]
    shown = letters(30, apart)
    assert shown[1] == "a,b"
    assert shown[27] == "aa,ab"
    assert set(shown[26].split(",")) & set(shown[27].split(",")) == {"aa"}


def test_names_go_on_after_zz() -> None:
    assert [letter(number) for number in (0, 25, 26, 701, 702)] == ["a", "z", "aa", "zz", "aaa"]


@pytest.mark.parametrize("pair", [(0, 3), (1, 1), (-1, 0)])
def test_pairs_of_items_that_are_not_there_are_refused(pair: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no pair of 3 items"):
        letters(3, [pair])
