"""Mean squares of seeds, images and residual, and how precisely they place a mean.

All functions take arrays with leading axes, so that a simulation runs thousands of tables at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

NEGLIGIBLE = 0.8
"""Below this ratio to the residual mean square, a mean square shows no effect of its own."""

ROUNDING = 1e-14
"""Relative size of what adding up many numbers leaves of a difference that is none."""

HIDDEN = 0.15
"""Share of the residual mean square within which an effect may hide without being seen."""


@dataclass(frozen=True, eq=False)
class MeanSquares:
    """The analysis of variance of tables of seeds x images, or what it is expected to find.

    Attributes:
        seeds: Number of seeds, at least 2.
        images: Number of images, at least 2.
        of_seeds: (...) mean square of the seeds' means.
        of_images: (...) mean square of the images' means.
        of_residual: (...) mean square of what is left.
    """

    seeds: int
    images: int
    of_seeds: np.ndarray
    of_images: np.ndarray
    of_residual: np.ndarray


@dataclass(frozen=True, eq=False)
class Precision:
    """How precisely a mean is known, and by which distribution it is judged.

    Attributes:
        standard_error: (...) of the mean.
        degrees_of_freedom: (...) of its t distribution.
        seed_share: (...) part of the variance that may be the seeds', 0 to 1.
        image_share: (...) part of the variance that may be the images', 0 to 1.
        seeds: Number of seeds.
        images: Number of images.
    """

    standard_error: np.ndarray
    degrees_of_freedom: np.ndarray
    seed_share: np.ndarray
    image_share: np.ndarray
    seeds: int
    images: int

    def shares(self) -> tuple[tuple[np.ndarray, int], ...]:
        """The share and the degrees of freedom of seeds and of images, where there are any."""
        both = ((self.seed_share, self.seeds - 1), (self.image_share, self.images - 1))
        return tuple((share, freedom) for share, freedom in both if freedom > 0)


def mean_squares(values: np.ndarray) -> MeanSquares:
    """Two-way analysis of variance without replication.

    Args:
        values: (..., seeds, images), at least two of each.
    """
    seeds, images = values.shape[-2:]
    mean = values.mean((-2, -1), keepdims=True)
    by_seed = values.mean(-1, keepdims=True) - mean
    by_image = values.mean(-2, keepdims=True) - mean
    residual = values - mean - by_seed - by_image
    # What rounding leaves of equal values is no spread, and its ratios would mean nothing.
    rounding = seeds * images * (ROUNDING * np.abs(values).max((-2, -1), initial=0.0)) ** 2

    def spread(square: np.ndarray) -> np.ndarray:
        return np.where(square > rounding, square, 0.0)

    return MeanSquares(
        seeds,
        images,
        spread(images * (by_seed**2).sum((-2, -1)) / (seeds - 1)),
        spread(seeds * (by_image**2).sum((-2, -1)) / (images - 1)),
        spread((residual**2).sum((-2, -1)) / ((seeds - 1) * (images - 1))),
    )


def precision_of_mean(found: MeanSquares) -> Precision:
    """Precision of the mean of all values for new seeds and new images.

    ``Var(mean) = (MS_seeds + MS_images - MS_residual) / (seeds * images)`` is unbiased, but may be
    small or negative by chance, so that it is kept at or above the largest of the three: the
    mean squares of seeds and of images are expected to be no smaller than the residual's.
    Its degrees of freedom are ``Var / (Var_seeds / (seeds - 1) + Var_images / (images - 1))``:
    Satterthwaite's (Biometrics Bulletin 2, 1946) with shares of the variance in place of their
    squares, and so never more than his, which are too many where three seeds carry nearly all.
    Where seeds or images show no effect of their own (a mean square below ``NEGLIGIBLE`` times
    the residual's), the other one alone carries them. docs/statistics.md has the simulation
    behind these rules.
    """
    seeds, images, residual = found.of_seeds, found.of_images, found.of_residual
    total = np.maximum(seeds + images - residual, np.maximum(seeds, images))
    total = np.maximum(total, residual)
    scale = np.where(total > 0, total, 1.0)
    return Precision(
        standard_error=np.sqrt(total / (found.seeds * found.images)),
        degrees_of_freedom=_freedom(found, scale),
        seed_share=np.clip(np.maximum(seeds - residual, HIDDEN * residual) / scale, 0.0, 1.0),
        image_share=np.clip(np.maximum(images - residual, HIDDEN * residual) / scale, 0.0, 1.0),
        seeds=found.seeds,
        images=found.images,
    )


def _freedom(found: MeanSquares, scale: np.ndarray) -> np.ndarray:
    """Degrees of freedom of the variance ``scale``, never below those of seeds and of images."""
    one, other = found.seeds - 1, found.images - 1
    parts = (found.of_seeds / one + found.of_images / other) / scale
    freedom = np.divide(1.0, parts, out=np.full_like(parts, max(one, other)), where=parts > 0)
    no_seeds = found.of_seeds < NEGLIGIBLE * found.of_residual
    no_images = found.of_images < NEGLIGIBLE * found.of_residual
    freedom = np.where(no_images, one, freedom)
    freedom = np.where(no_seeds, other, freedom)
    freedom = np.where(no_seeds & no_images, max(one, other), freedom)
    return np.asarray(np.maximum(freedom, min(one, other)))


def two_sided(precision: Precision, mean: ArrayLike) -> np.ndarray:
    """(...) two-sided p value of a true mean of zero.

    One t distribution fits the middle, but its tails are too thin where few seeds carry much of
    the variance: at 3 seeds, p below 0.001 would come up 15 times as often as it should. So p is
    never below the seeds' share of the variance times the p value of a t distribution with the
    seeds' own degrees of freedom; the same for the images.

    Args:
        precision: Of the mean.
        mean: (...) the mean. Without any spread, p is 1 for a mean of zero and else 0.
    """
    from scipy import special

    size = np.abs(np.asarray(mean, dtype=float))
    error = np.broadcast_to(precision.standard_error, size.shape)
    # With a standard error of zero, no step is too short for a difference.
    steps = np.divide(size, error, out=np.where(size > 0, np.inf, 0.0), where=error > 0)
    p_value = 2 * special.stdtr(precision.degrees_of_freedom, -steps)
    for share, freedom in precision.shares():
        p_value = np.maximum(p_value, share * 2 * special.stdtr(freedom, -steps))
    return np.asarray(p_value)


def critical_value(precision: Precision, level: float) -> np.ndarray:
    """(...) number of standard errors from a mean to the ends of its interval.

    The interval leaves out exactly the means whose p value in ``two_sided`` is below 1 - level.

    Args:
        precision: Of the mean.
        level: Nominal coverage of the interval, 0 to 1.
    """
    from scipy import special

    tail = (1 - level) / 2
    found = -special.stdtrit(precision.degrees_of_freedom, tail)
    for share, freedom in precision.shares():
        # A share that is no larger than the tails reaches no further than the mean.
        within = np.minimum(tail / np.maximum(share, tail), 0.5)
        found = np.maximum(found, -special.stdtrit(freedom, within))
    return np.asarray(found)
