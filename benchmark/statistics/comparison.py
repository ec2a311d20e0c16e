"""Two strategies on the same seeds and images: how sure a difference is, and how large."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from benchmark.statistics.components import interval_of, linearised, p_value_of, two_way_components
from benchmark.statistics.proportions import checked_pair, win_rate
from benchmark.statistics.results import Comparison, Components, Interval, Verdict

ENUMERATED_IMAGES = 14
"""Up to so many images all 2**images patterns of signs are tried."""


def compare(
    a: np.ndarray,
    b: np.ndarray,
    weights: np.ndarray | None = None,
    margin: float | None = None,
    level: float = 0.95,
) -> Comparison:
    """Compare two strategies by the differences of their errors on each seed and image.

    The verdict is ``lower`` or ``higher`` where the interval excludes zero. With a margin it is
    ``equivalent`` where the interval at level ``2 * level - 1`` lies within ``-margin`` to
    ``margin``, which is two one-sided tests at ``1 - level`` (Schuirmann, J. Pharmacokinet.
    Biopharm. 15, 1987). That wins over ``lower`` and ``higher``: a difference that is sure but
    smaller than the margin is of no practical use, as was declared before.

    Args:
        a: (seeds, images) errors of A.
        b: (seeds, images) errors of B on the same seeds and images.
        weights: (images,) number of known landmarks of each image; all alike where None.
        margin: Largest difference without practical meaning, in the unit of the errors.
        level: Nominal coverage of the interval.

    Raises:
        ValueError: If shapes differ, an error is not finite, or the margin is below zero.
    """
    if margin is not None and not margin >= 0:
        raise ValueError(f"the margin of equivalence must not be below zero, and is {margin}")
    one, other = checked_pair(a, b)
    differences = one - other
    if weights is not None:
        differences = linearised(differences, weights)
    components = two_way_components(differences)
    difference = interval_of(components, level)
    return Comparison(
        difference=difference,
        components=components,
        p_value=p_value_of(components),
        sign_flip_p=sign_flip_p(differences.mean(0)),
        win_rate=win_rate(one, other, level),
        margin=margin,
        verdict=_verdict(components, difference, margin),
    )


def _verdict(components: Components, difference: Interval, margin: float | None) -> Verdict:
    if margin is not None:
        inner = interval_of(components, 2 * difference.level - 1)
        if -margin <= inner.low and inner.high <= margin:
            return "equivalent"
    if difference.excludes_zero:
        return "lower" if difference.high < 0 else "higher"
    return "undecided"


def sign_flip_p(differences: np.ndarray, replicates: int = 9999, seed: int = 0) -> float:
    """Two-sided p value of the mean difference under random signs of the images' differences.

    It holds the trainings as they are: it speaks of new images, not of new seeds.

    Args:
        differences: (images,) differences, averaged over the seeds.
        replicates: Number of random patterns, where there are too many to try them all.
        seed: Of the random numbers.
    """
    return float(sign_flip_p_values(np.asarray(differences)[None], replicates, seed)[0])


def sign_flip_p_values(
    differences: np.ndarray, replicates: int = 9999, seed: int = 0
) -> np.ndarray:
    """``sign_flip_p`` of many pairs at once, under the same patterns of signs.

    All patterns are tried where there are at most ``ENUMERATED_IMAGES`` images. Else p is
    ``(1 + count) / (1 + replicates)``, which is never zero (Phipson & Smyth, Stat. Appl. Genet.
    Mol. Biol. 9, 2010).

    Args:
        differences: (pairs, images) differences, averaged over the seeds.
        replicates: Number of random patterns, where there are too many to try them all.
        seed: Of the random numbers.

    Returns:
        (pairs,) p values.

    Raises:
        ValueError: If the differences are no table, are empty, or not all finite.
    """
    table = np.asarray(differences, dtype=float)
    if table.ndim != 2 or table.shape[1] == 0 or not np.isfinite(table).all():
        raise ValueError(f"differences must be finite, of shape pairs x images, not {table.shape}")
    images = table.shape[1]
    signs = _all_signs(images) if images <= ENUMERATED_IMAGES else _signs(images, replicates, seed)
    sums = np.abs(table @ signs)
    # Patterns that tie with the data must count, whatever the order of summation did to them.
    slack = 1e-12 * np.abs(table).sum(1, keepdims=True)
    count = (sums >= np.abs(table.sum(1, keepdims=True)) - slack).sum(1)
    if images <= ENUMERATED_IMAGES:
        return np.asarray(count / signs.shape[1])
    return np.asarray((1 + count) / (1 + replicates))


@lru_cache(maxsize=2)
def _all_signs(images: int) -> np.ndarray:
    """(images, 2**images) every pattern of signs."""
    patterns = np.arange(2**images)
    return 1.0 - 2.0 * (patterns >> np.arange(images)[:, None] & 1)


@lru_cache(maxsize=1)
def _signs(images: int, replicates: int, seed: int) -> np.ndarray:
    """(images, replicates) random signs; kept, as one table after the other asks for them."""
    random = np.random.default_rng(seed)
    return 1.0 - 2.0 * random.integers(0, 2, (images, replicates), dtype=np.int8)


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """P values adjusted for their number (Holm, Scand. J. Stat. 6, 1979).

    Args:
        p_values: (pairs,) p values. NaN stays NaN and is not counted.

    Returns:
        (pairs,) adjusted p values, in the same order, at most 1.
    """
    given = np.asarray(p_values, dtype=float)
    adjusted = np.full(given.shape, np.nan)
    known = np.flatnonzero(~np.isnan(given))
    order = known[np.argsort(given[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * given[order]))
    return adjusted
