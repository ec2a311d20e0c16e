"""Ranks with their intervals, and places that ties share."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from benchmark.statistics.bootstrap import Resamples, bootstrap_means


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


def places(count: int, better: Collection[tuple[int, int]]) -> tuple[int, ...]:
    """One more than the number of items that are surely better, so that ties share a place.

    As Chatbot Arena ranks (Chiang et al., ICML 2024). A compact display of letters says more, who
    differs from whom, but grows beyond reading where items differ in their spread.

    Args:
        count: Number of items.
        better: Pairs of places of items, of which the first is better by more than chance.

    Raises:
        ValueError: If a pair names an item that is not there, or one twice.
    """
    found = [1] * count
    for first, second in set(better):
        if not (0 <= first < count and 0 <= second < count) or first == second:
            raise ValueError(f"{first} and {second} are no two of {count} items")
        found[second] += 1
    return tuple(found)
