"""Ranks with their intervals, and letters for groups that cannot be told apart."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from benchmark.statistics.bootstrap import Resamples, bootstrap_means

ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def rank_intervals(
    values: np.ndarray,
    resamples: Resamples,
    weights: np.ndarray | None = None,
    level: float = 0.95,
) -> tuple[tuple[int, int], ...]:
    """First and last plausible rank of each method, rank 1 having the lowest mean error.

    The ranks are those in the replicates of the two-way bootstrap; the interval lies between
    their percentiles. Methods with equal means share their ranks: both have the best of them as
    low end and the worst as high end.

    Args:
        values: (methods, seeds, images) errors on the same seeds and images.
        resamples: Of as many seeds and images.
        weights: (images,) number of known landmarks of each image; all alike where None.
        level: Nominal coverage of each interval.

    Raises:
        ValueError: If the shapes do not match, or a value is not finite.
    """
    means = bootstrap_means(values, resamples, weights)
    best = 1 + (means[None] < means[:, None]).sum(1)
    worst = (means[None] <= means[:, None]).sum(1)
    low = np.quantile(best, (1 - level) / 2, axis=1, method="inverted_cdf")
    high = np.quantile(worst, (1 + level) / 2, axis=1, method="inverted_cdf")
    return tuple((int(first), int(last)) for first, last in zip(low, high, strict=True))


def letters(count: int, separable: Collection[tuple[int, int]]) -> tuple[str, ...]:
    """Compact letter display: items that share a letter cannot be told apart.

    Insert and absorb, then a sweep of letters that say nothing new (Piepho, J. Comput. Graph.
    Stat. 13, 2004). Two items share a letter exactly where they are not separable.

    Args:
        count: Number of items, in the order of the leaderboard.
        separable: Pairs of places, in either order, that can be told apart.

    Returns:
        One text of letters an item. The first item has the letter a; after z come aa, ab and so
        on, and where there are such, the letters of an item are parted by commas.

    Raises:
        ValueError: If a pair names an item that is not there, or one item twice.
    """
    apart = _symmetric(count, separable)
    groups: list[frozenset[int]] = [frozenset(range(count))] if count else []
    for first, second in sorted(pair for pair in apart if pair[0] < pair[1]):
        groups = _split(groups, first, second)
    groups = _swept(groups)
    groups.sort(key=sorted)
    names = [letter(number) for number in range(len(groups))]
    between = "," if len(groups) > len(ALPHABET) else ""
    return tuple(
        between.join(name for name, group in zip(names, groups, strict=True) if item in group)
        for item in range(count)
    )


def letter(number: int) -> str:
    """The name of a group: a to z, then aa, ab and so on."""
    name = ""
    while number >= 0:
        name = ALPHABET[number % len(ALPHABET)] + name
        number = number // len(ALPHABET) - 1
    return name


def _symmetric(count: int, separable: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    pairs = {(min(pair), max(pair)) for pair in separable}
    for first, second in pairs:
        if first == second or not 0 <= first < second < count:
            raise ValueError(f"({first}, {second}) is no pair of {count} items")
    return pairs


def _split(groups: list[frozenset[int]], first: int, second: int) -> list[frozenset[int]]:
    """Insert: no group may hold both. Absorb: drop groups that lie within another."""
    found: list[frozenset[int]] = []
    for group in groups:
        found += [group - {first}, group - {second}] if {first, second} <= group else [group]
    unique = list(dict.fromkeys(found))
    return [group for group in unique if not any(group < other for other in unique)]


def _swept(groups: list[frozenset[int]]) -> list[frozenset[int]]:
    """Drop the groups whose every pair, and every lone item, stands in another group too."""
    kept = sorted(groups, key=len)
    for group in list(kept):
        others = [other for other in kept if other is not group]
        pairs = [(first, second) for first in group for second in group if first <= second]
        if all(any({first, second} <= other for other in others) for first, second in pairs):
            kept = others
    return kept
