"""The ratio of two strategies' errors over several tables of one dataset, with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.statistics.aggregation import Block
from benchmark.statistics.components import checked_table, interval_of, two_way_components
from benchmark.statistics.proportions import checked_pair
from benchmark.statistics.results import Interval


def ratio_over(blocks: Sequence[Block], level: float = 0.95) -> Interval:
    """Geometric mean over blocks of the mean error of a method over that of another.

    The logarithm of a ratio of means A / B is to first order the mean over seeds and images of
    ``log(A / B) + a / A - b / B`` (the delta method; Cochran, Sampling Techniques, 3rd edition,
    section 6.3). The blocks share seeds and images, so that these values are averaged over the
    blocks, one for each seed and image, and their mean has the interval of
    :func:`benchmark.statistics.components.two_way_interval`, which holds its level with three
    seeds, where percentiles of a bootstrap are narrow.

    Args:
        blocks: At least one, all with the same seeds and images, such as one dataset at several
            numbers of shots.
        level: Nominal coverage.

    Raises:
        ValueError: If there is no block, shapes differ, an error is not finite, or a mean error
            is not above zero.
    """
    if not blocks:
        raise ValueError("a ratio over blocks needs at least one of them")
    values = [_log_ratio(block) for block in blocks]
    if len({table.shape for table in values}) > 1:
        raise ValueError(f"blocks differ in shape: {sorted({table.shape for table in values})}")
    logarithm = interval_of(two_way_components(np.mean(values, axis=0)), level)
    estimate, low, high = (
        float(np.exp(end)) for end in (logarithm.estimate, logarithm.low, logarithm.high)
    )
    return Interval(estimate, low, high, level)


def _log_ratio(block: Block) -> np.ndarray:
    """(seeds, images) values whose plain mean is the logarithm of the ratio."""
    both = [
        checked_table(side, block.weights) for side in checked_pair(block.method, block.control)
    ]
    own, other = (float(side.mean()) for side in both)
    if not (own > 0 and other > 0):
        raise ValueError(f"a ratio needs mean errors above zero, and these are {own} and {other}")
    return np.asarray(np.log(own / other) + both[0] / own - both[1] / other)
