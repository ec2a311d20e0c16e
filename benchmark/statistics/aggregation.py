"""Aggregation over blocks, each a dataset at one number of shots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.statistics.bootstrap import (
    Resamples,
    bootstrap_means,
    percentile_interval,
    resample,
)
from benchmark.statistics.proportions import checked_pair
from benchmark.statistics.results import Interval

TRIMMED = 0.25
"""Share left out at each end of an interquartile mean."""


@dataclass(frozen=True, eq=False)
class Block:
    """Errors of a method and of its control on one dataset at one number of shots.

    Attributes:
        method: (seeds, images) errors.
        control: (seeds, images) errors on the same seeds and images.
        weights: (images,) number of known landmarks of each image; all alike where None.
        draw: Blocks with the same text have the same seeds and images, such as those of one
            dataset at several numbers of shots, and are drawn again together; a block without a
            text is drawn on its own.
    """

    method: np.ndarray
    control: np.ndarray
    weights: np.ndarray | None = None
    draw: str = ""


def geometric_mean(ratios: Sequence[float] | np.ndarray) -> float:
    """The mean of ratios: twice and half as large make one.

    Raises:
        ValueError: If there is no ratio, or one is not above zero.
    """
    given = np.asarray(ratios, dtype=float)
    if given.size == 0 or not (np.isfinite(given) & (given > 0)).all():
        raise ValueError("a geometric mean needs ratios above zero")
    return float(np.exp(np.log(given).mean()))


def interquartile_mean(values: Sequence[float] | np.ndarray) -> float:
    """Mean of the middle half: a quarter of the values is left out at each end.

    As in rliable (Agarwal et al., Deep reinforcement learning at the edge of the statistical
    precipice, NeurIPS 2021): the number left out is rounded down.

    Args:
        values: Of any shape; runs of all blocks together.

    Raises:
        ValueError: If there is no value.
    """
    ordered = np.sort(np.asarray(values, dtype=float), axis=None)
    if ordered.size == 0:
        raise ValueError("an interquartile mean needs values")
    cut = int(TRIMMED * ordered.size)
    return float(ordered[cut : ordered.size - cut].mean())


def performance_profile(
    values: Sequence[float] | np.ndarray, thresholds: Sequence[float] | np.ndarray
) -> np.ndarray:
    """Share of the values at or below each threshold (Agarwal et al., NeurIPS 2021, section 4.1).

    Theirs is the share of scores above a threshold; errors are better below.

    Args:
        values: Of any shape; runs of all blocks together.
        thresholds: (points,) thresholds.

    Returns:
        (points,) fractions, 0 to 1.

    Raises:
        ValueError: If there is no value.
    """
    ordered = np.sort(np.asarray(values, dtype=float), axis=None)
    if ordered.size == 0:
        raise ValueError("a performance profile needs values")
    below = np.searchsorted(ordered, np.asarray(thresholds, dtype=float), side="right")
    return np.asarray(below / ordered.size)


def probability_of_improvement(
    a_runs: Sequence[float] | np.ndarray, b_runs: Sequence[float] | np.ndarray
) -> float:
    """Probability that a run of A has a lower error than one of B, ties counting half.

    The Mann-Whitney statistic over the number of pairs, as in rliable (Agarwal et al., NeurIPS
    2021); over several blocks, take the mean of theirs.

    Args:
        a_runs: (runs,) errors of A on one block.
        b_runs: (runs,) errors of B on the same block; numbers of runs may differ.

    Raises:
        ValueError: If one of them has no run.
    """
    one, other = np.asarray(a_runs, dtype=float)[:, None], np.asarray(b_runs, dtype=float)[None]
    if one.size == 0 or other.size == 0:
        raise ValueError("the probability of improvement needs runs of both")
    return float(((one < other) + 0.5 * (one == other)).mean())


def ratio_to_control(
    blocks: Sequence[Block], replicates: int = 2000, seed: int = 0, level: float = 0.95
) -> Interval:
    """Geometric mean over the blocks of the method's mean error over that of its control.

    The interval lies between percentiles of the two-way bootstrap within each block. It speaks
    of new seeds and images on these blocks, not of new datasets.

    Args:
        blocks: At least one. Those with the same ``draw`` and the same numbers of seeds and
            images share their draws.
        replicates: Number of draws.
        seed: Of the random numbers.
        level: Nominal coverage.

    Raises:
        ValueError: If there is no block, shapes do not match, or a mean error is not above zero.
    """
    drawn: dict[tuple[str | int, int, int], Resamples] = {}
    ratios, logs = [], np.zeros(replicates)
    for number, block in enumerate(blocks):
        both = np.stack(checked_pair(block.method, block.control))
        own, control = np.average(both, axis=-1, weights=block.weights).mean(-1)
        ratios.append(own / control if control > 0 else np.nan)
        key = (block.draw or number, both.shape[1], both.shape[2])
        if key not in drawn:
            # Labels differ by their place among the draws, so that none copies another's.
            drawn[key] = resample(both.shape[1], both.shape[2], replicates, seed + len(drawn))
        means = bootstrap_means(both, drawn[key], block.weights)
        logs += np.log(means[0] / means[1]) / len(blocks)
    return percentile_interval(geometric_mean(ratios), np.exp(logs), level)
