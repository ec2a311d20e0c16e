"""Intervals of proportions over seeds and images: success detection rates and win rates."""

from __future__ import annotations

import math

import numpy as np

from benchmark.statistics.components import (
    checked_table,
    checked_weights,
    precision_of,
    two_way_components,
)
from benchmark.statistics.mean_squares import critical_value
from benchmark.statistics.results import Interval


def proportion_interval(successes: np.ndarray, trials: np.ndarray, level: float = 0.95) -> Interval:
    """Wilson's interval of a proportion, for new seeds and new images.

    Points of one image, and one image under several seeds, succeed and fail together, so that
    they are worth fewer than as many coin tosses. The variance of the proportion from the
    two-way components says how many: ``n = p (1 - p) / Var(p)``, never more than there are
    trials. With that n and the t quantile of the components, the interval is that of Wilson
    (JASA 22, 1927). At p = 0 and p = 1 the variance cannot be seen; n is then the number of
    images, as if all points of an image, under all seeds, were one toss: the cautious end.

    Args:
        successes: (seeds, images) number of points within the threshold; halves are possible.
        trials: (images,) number of points, above zero.
        level: Nominal coverage.

    Returns:
        Estimate and ends as fractions, 0 to 1.

    Raises:
        ValueError: If shapes do not match, or successes do not lie within 0 and the trials.
    """
    counts = checked_table(successes)
    points = checked_weights(trials, counts.shape[1])
    if (counts < 0).any() or (counts > points).any():
        raise ValueError("successes must lie between zero and the number of trials of their image")
    seeds, images = counts.shape
    proportion = float(counts.sum() / (seeds * points.sum()))
    components = two_way_components(counts / points, points)
    if not np.isfinite(components.standard_error):
        return Interval(proportion, 0.0, 1.0, level)
    quantile = float(critical_value(precision_of(components), level))
    variance = components.standard_error**2
    tosses = float(images)
    if 0 < proportion < 1:
        most = seeds * float(points.sum())
        spread = proportion * (1 - proportion)
        tosses = most if variance * most <= spread else spread / variance
    low, high = _wilson(proportion, tosses, quantile)
    return Interval(proportion, low, high, level)


def win_rate(a: np.ndarray, b: np.ndarray, level: float = 0.95) -> Interval:
    """Share of seeds x images on which A has the lower error, ties counting half.

    Args:
        a: (seeds, images) errors.
        b: (seeds, images) errors on the same seeds and images.
        level: Nominal coverage.

    Raises:
        ValueError: If the shapes differ, or an error is not finite.
    """
    one, other = checked_pair(a, b)
    wins = (one < other) + 0.5 * (one == other)
    return proportion_interval(wins, np.ones(one.shape[1]), level)


def checked_pair(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two tables of errors on the same seeds and images.

    Raises:
        ValueError: If the shapes differ, or an error is not finite.
    """
    one, other = checked_table(a), checked_table(b)
    if one.shape != other.shape:
        raise ValueError(
            f"errors on the same seeds and images have one shape, not {one.shape} and {other.shape}"
        )
    return one, other


def _wilson(proportion: float, tosses: float, quantile: float) -> tuple[float, float]:
    """Both ends, for a proportion among so many independent tosses."""
    square = quantile**2 / tosses
    centre = (proportion + square / 2) / (1 + square)
    spread = proportion * (1 - proportion) / tosses + square / (4 * tosses)
    half = quantile * math.sqrt(spread) / (1 + square)
    # At 0 and 1 the ends are exact; rounding must not push the estimate out.
    return max(0.0, min(centre - half, proportion)), min(1.0, max(centre + half, proportion))
