"""Two-way bootstrap: seeds and images are drawn again, independently of each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmark.statistics.components import checked_table, checked_weights
from benchmark.statistics.results import Interval


@dataclass(frozen=True, eq=False)
class Resamples:
    """How often each seed and each image was drawn; share them between whatever is compared.

    Attributes:
        seed_counts: (replicates, seeds) integers, each row with the sum ``seeds``.
        image_counts: (replicates, images) integers, each row with the sum ``images``.
    """

    seed_counts: np.ndarray
    image_counts: np.ndarray


def resample(seeds: int, images: int, replicates: int = 2000, seed: int = 0) -> Resamples:
    """Draw seeds and images with replacement, independently of each other.

    A seed that was drawn brings all images that were drawn, so that what is common to a seed or
    to an image stays common: the pigeonhole bootstrap (Owen, Annals of Applied Statistics 1,
    2007). With one seed only the images vary.

    Args:
        seeds: Number of seeds.
        images: Number of images.
        replicates: Number of draws.
        seed: Of the random numbers; the same seed and sizes give the same draws.

    Raises:
        ValueError: If one of the numbers is below 1.
    """
    if min(seeds, images, replicates) < 1:
        raise ValueError(
            f"nothing to draw from {seeds} seeds and {images} images in {replicates} replicates"
        )
    random = np.random.default_rng(seed)
    return Resamples(
        random.multinomial(seeds, np.full(seeds, 1 / seeds), replicates),
        random.multinomial(images, np.full(images, 1 / images), replicates),
    )


def bootstrap_means(
    values: np.ndarray, resamples: Resamples, weights: np.ndarray | None = None
) -> np.ndarray:
    """The weighted mean of the values in each replicate.

    Args:
        values: (..., seeds, images).
        resamples: Of as many seeds and images.
        weights: (images,) number of known landmarks of each image; all alike where None.

    Returns:
        (..., replicates) means.

    Raises:
        ValueError: If the shapes do not match, or a value is not finite.
    """
    table = np.asarray(values, dtype=float)
    seeds, images = resamples.seed_counts.shape[1], resamples.image_counts.shape[1]
    if table.shape[-2:] != (seeds, images):
        raise ValueError(
            f"values of shape {table.shape} do not fit draws of {seeds} seeds and {images} images"
        )
    if not np.isfinite(table).all():
        raise ValueError("values must be finite: leave out what is missing before")
    drawn = resamples.image_counts.astype(float)
    if weights is not None:
        drawn = drawn * checked_weights(weights, images)
    by_seed = table @ drawn.T / drawn.sum(1)
    return np.asarray(np.einsum("...sb,bs->...b", by_seed, resamples.seed_counts / seeds))


def percentile_interval(estimate: float, draws: np.ndarray, level: float = 0.95) -> Interval:
    """The interval between two percentiles of the replicates.

    Args:
        estimate: From the data themselves.
        draws: (replicates,) the same from each replicate.
        level: Nominal coverage.
    """
    low, high = np.quantile(draws, ((1 - level) / 2, (1 + level) / 2))
    return Interval(estimate, float(low), float(high), level)


def two_way_bootstrap_interval(
    values: np.ndarray,
    weights: np.ndarray | None = None,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> Interval:
    """Percentile interval of the mean, the twin without a model of ``two_way_interval``.

    It is narrow where most of the variance is between few seeds: three seeds have only ten
    different draws, none beyond the lowest and the highest. docs/statistics.md has the figures.

    Args:
        values: (seeds, images).
        weights: (images,) number of known landmarks of each image; all alike where None.
        level: Nominal coverage.
        replicates: Number of draws.
        seed: Of the random numbers.

    Raises:
        ValueError: If the values are no table, or not all finite.
    """
    table = checked_table(values)
    seeds, images = table.shape
    draws = bootstrap_means(table, resample(seeds, images, replicates, seed), weights)
    known = None if weights is None else np.broadcast_to(weights, table.shape)
    return percentile_interval(float(np.average(table, weights=known)), draws, level)
