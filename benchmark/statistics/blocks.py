"""Ranks over many blocks: Friedman's test and Nemenyi's critical difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MINIMUM_BLOCKS = 8
"""Fewer blocks tell ranks apart only in the grossest cases, and no diagram is drawn."""


@dataclass(frozen=True)
class CriticalDifference:
    """Average ranks over the blocks, and how far apart two must be.

    Attributes:
        average_ranks: Of each method, in the order given; 1 is the lowest error.
        critical_difference: Two average ranks that differ by more can be told apart (Nemenyi).
        p: Of Friedman's test that all methods are alike.
        cliques: The largest groups of at least two methods, as places in the order given, best
            first, whose ranks differ by no more than the critical difference.
        blocks: Number of blocks.
        level: One minus the error rate over all pairs.
    """

    average_ranks: tuple[float, ...]
    critical_difference: float
    p: float
    cliques: tuple[tuple[int, ...], ...]
    blocks: int
    level: float = 0.95


def average_ranks(errors: np.ndarray) -> np.ndarray:
    """(methods,) mean over the blocks of each method's rank, 1 the lowest error, ties averaged.

    Args:
        errors: (blocks, methods).

    Raises:
        ValueError: If the errors are no table, have fewer than two methods, or are not finite.
    """
    return np.asarray(_ranks(errors).mean(0))


def friedman(errors: np.ndarray) -> tuple[float, float]:
    """Friedman's test that all methods have the same ranks (JASA 32, 1937), corrected for ties.

    Args:
        errors: (blocks, methods).

    Returns:
        The statistic and its p value by the chi-squared distribution; 0 and 1 where all methods
        tie in all blocks.

    Raises:
        ValueError: If the errors are no table, have fewer than two methods, or are not finite.
    """
    from scipy import special

    ranks = _ranks(errors)
    blocks, methods = ranks.shape
    # Without ties the ranks of a block have the variance methods (methods + 1) / 12.
    spread = ranks.var(axis=1, ddof=1).sum()
    if spread == 0:
        return 0.0, 1.0
    statistic = blocks**2 * ((ranks.mean(0) - (methods + 1) / 2) ** 2).sum() / spread
    return float(statistic), float(special.chdtrc(methods - 1, statistic))


def nemenyi_critical_difference(methods: int, blocks: int, level: float = 0.95) -> float:
    """How far apart two average ranks must be (Demšar, JMLR 7, 2006, section 3.2.2).

    ``q * sqrt(methods (methods + 1) / (6 blocks))``, where q is the quantile of the studentised
    range for infinitely many degrees of freedom, over the square root of 2.

    Args:
        methods: Number of methods, at least 2.
        blocks: Number of blocks, at least 1.
        level: One minus the error rate over all pairs.
    """
    from scipy import stats

    quantile = float(stats.studentized_range.ppf(level, methods, np.inf)) / np.sqrt(2)
    return float(quantile * np.sqrt(methods * (methods + 1) / (6 * blocks)))


def critical_difference(errors: np.ndarray, level: float = 0.95) -> CriticalDifference | None:
    """Average ranks with their critical difference, or None below ``MINIMUM_BLOCKS`` blocks.

    Args:
        errors: (blocks, methods) errors.
        level: One minus the error rate over all pairs.

    Raises:
        ValueError: If the errors are no table, have fewer than two methods, or are not finite.
    """
    ranks = average_ranks(errors)
    blocks, methods = np.shape(errors)
    if blocks < MINIMUM_BLOCKS:
        return None
    distance = nemenyi_critical_difference(methods, blocks, level)
    return CriticalDifference(
        average_ranks=tuple(float(rank) for rank in ranks),
        critical_difference=distance,
        p=friedman(errors)[1],
        cliques=_cliques(ranks, distance),
        blocks=blocks,
        level=level,
    )


def _cliques(ranks: np.ndarray, distance: float) -> tuple[tuple[int, ...], ...]:
    """Runs of neighbouring ranks within the distance that lie in no longer run."""
    order = np.argsort(ranks, kind="stable")
    placed = ranks[order]
    last = np.searchsorted(placed, placed + distance, side="right")
    found = []
    for first, end in enumerate(last):
        if end - first > 1 and (first == 0 or end > last[first - 1]):
            found.append(tuple(int(method) for method in order[first:end]))
    return tuple(found)


def _ranks(errors: np.ndarray) -> np.ndarray:
    """(blocks, methods) ranks within each block."""
    from scipy import stats

    table = np.asarray(errors, dtype=float)
    if table.ndim != 2 or table.shape[0] < 1 or table.shape[1] < 2:
        raise ValueError(f"errors must be blocks x methods, two or more, not {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError("ranks need an error of every method in every block")
    return np.asarray(stats.rankdata(table, axis=1))
