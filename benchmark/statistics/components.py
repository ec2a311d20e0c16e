"""Variance components of a mean over seeds and images, and its interval for new ones of both."""

from __future__ import annotations

import numpy as np

from benchmark.statistics.mean_squares import (
    HIDDEN,
    Precision,
    critical_value,
    mean_squares,
    precision_of_mean,
    two_sided,
)
from benchmark.statistics.results import Components, Interval


def linearised(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Values whose plain mean is the weighted mean of the given ones, and varies as it does.

    The mean error over all known landmarks is a ratio, the sum of ``weights * values`` over the
    sum of ``weights``, and new images bring both anew. Its first-order expansion around the mean
    M is the mean of ``M + weights / mean(weights) * (values - M)`` (Cochran, Sampling Techniques,
    3rd edition, section 6.3).

    Args:
        values: (..., seeds, images).
        weights: (images,) numbers above zero, such as the number of known landmarks.
    """
    checked = checked_weights(weights, values.shape[-1])
    share = checked / checked.mean()
    mean = (values * share).mean((-2, -1), keepdims=True)
    return np.asarray(mean + share * (values - mean))


def two_way_components(values: np.ndarray, weights: np.ndarray | None = None) -> Components:
    """Where the variance of the mean of all values comes from.

    One seed alone tells nothing of seeds: the standard error is then that of the images, under
    this very training. One image alone tells nothing of images: the standard error is that of
    the seeds, on this very image. One of both has an infinite standard error.

    Args:
        values: (seeds, images) errors, or differences of errors.
        weights: (images,) number of known landmarks of each image; all alike where None.

    Raises:
        ValueError: If the values are not a table, are empty, or not all finite.
    """
    checked = checked_table(values, weights)
    mean = float(checked.mean())
    seeds, images = checked.shape
    if min(seeds, images) == 1:
        return _one_way(checked, mean)
    found = mean_squares(checked)
    precision = precision_of_mean(found)
    residual = float(found.of_residual)
    return Components(
        mean=mean,
        seeds=seeds,
        images=images,
        seed_variance=max(0.0, (float(found.of_seeds) - residual) / images),
        image_variance=max(0.0, (float(found.of_images) - residual) / seeds),
        residual_variance=residual,
        standard_error=float(precision.standard_error),
        degrees_of_freedom=float(precision.degrees_of_freedom),
    )


def two_way_interval(
    values: np.ndarray, weights: np.ndarray | None = None, level: float = 0.95
) -> Interval:
    """Interval of the mean of all values for new seeds and new images.

    Args:
        values: (seeds, images) errors.
        weights: (images,) number of known landmarks of each image; all alike where None.
        level: Nominal coverage.

    Raises:
        ValueError: If the values are not a table, are empty, or not all finite.
    """
    return interval_of(two_way_components(values, weights), level)


def interval_of(components: Components, level: float = 0.95) -> Interval:
    """The interval of the mean whose variance the components describe."""
    mean, error = components.mean, components.standard_error
    if not np.isfinite(error):
        return Interval(mean, -np.inf, np.inf, level)
    half = error * float(critical_value(precision_of(components), level))
    return Interval(mean, mean - half, mean + half, level)


def p_value_of(components: Components) -> float:
    """Two-sided p value of a true mean of zero; the dual of the interval.

    A mean without any spread has p = 1 where it is zero and p = 0 elsewhere; a single value has
    p = 1.
    """
    if not np.isfinite(components.standard_error):
        return 1.0
    return float(two_sided(precision_of(components), components.mean))


def precision_of(components: Components) -> Precision:
    """The precision of a mean, as ``precision_of_mean`` finds it, from its components."""
    variance = components.standard_error**2
    hidden = HIDDEN * components.residual_variance / (components.seeds * components.images)

    def share(of_mean: float) -> np.ndarray:
        known = variance > 0 and np.isfinite(of_mean + hidden)
        return np.asarray(min(1.0, max(of_mean, hidden) / variance) if known else 0.0)

    return Precision(
        standard_error=np.asarray(components.standard_error),
        degrees_of_freedom=np.asarray(components.degrees_of_freedom),
        seed_share=share(components.seed_variance / components.seeds),
        image_share=share(components.image_variance / components.images),
        seeds=components.seeds,
        images=components.images,
    )


def checked_table(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """The values as a table of floats, linearised where weights are given.

    Raises:
        ValueError: If they are not a table, are empty, or not all finite.
    """
    table = np.asarray(values, dtype=float)
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"values must be a table of seeds x images, and have shape {table.shape}")
    if not np.isfinite(table).all():
        bad = int((~np.isfinite(table)).sum())
        raise ValueError(
            f"{bad} of {table.size} values are not finite: leave out images without a known "
            "landmark, and seeds that failed, before"
        )
    return table if weights is None else linearised(table, weights)


def checked_weights(weights: np.ndarray, images: int) -> np.ndarray:
    """The weights as (images,) floats.

    Raises:
        ValueError: If there are not as many as images, or not all are above zero.
    """
    checked = np.asarray(weights, dtype=float)
    if checked.shape != (images,):
        raise ValueError(f"{images} images need as many weights, and got shape {checked.shape}")
    if not (np.isfinite(checked).all() and (checked > 0).all()):
        raise ValueError("weights must be above zero: leave out images without a known landmark")
    return checked


def _one_way(values: np.ndarray, mean: float) -> Components:
    """Components of a single row or column, the spread of which is all that there is."""
    seeds, images = values.shape
    many = values.size
    variance = float(values.var(ddof=1)) if many > 1 else np.nan
    return Components(
        mean=mean,
        seeds=seeds,
        images=images,
        seed_variance=variance if seeds > 1 else np.nan,
        image_variance=variance if images > 1 else np.nan,
        residual_variance=np.nan,
        standard_error=float(np.sqrt(variance / many)) if many > 1 else np.inf,
        degrees_of_freedom=float(many - 1),
    )
