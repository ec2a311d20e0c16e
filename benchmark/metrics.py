"""Radial errors in a dataset's unit, MRE and SDR over them, and the mean shape as the floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Metrics:
    """Accuracy over a set of images; lengths are in the unit of the errors.

    Attributes:
        mre: Mean radial error over all known landmarks of all images.
        std: Standard deviation of the same errors, with divisor n, as the field prints it.
        median: Their median.
        p95: Their 95th percentile, linearly interpolated.
        sdr: Success detection rate by threshold: percent of errors at most the threshold.
        n_images: Number of images with at least one known landmark.
        n_points: Number of known landmarks.
        per_landmark: Mean error of each landmark; NaN where no image has it.
        image_mre: Mean error of each image, the unit of the statistics; NaN where it has none.
    """

    mre: float
    std: float
    median: float
    p95: float
    sdr: Mapping[float, float]
    n_images: int
    n_points: int
    per_landmark: tuple[float, ...]
    image_mre: tuple[float, ...]


def radial_errors(
    predicted: np.ndarray, truth: np.ndarray, spacing: np.ndarray | Sequence[float] = (1.0, 1.0)
) -> np.ndarray:
    """Distance between prediction and truth, each axis with its own spacing.

    Args:
        predicted: (N, L, 2) x and y in native px.
        truth: (N, L, 2) x and y in native px; NaN where a landmark is missing.
        spacing: Unit per px along x and along y, (2,) for all images or (N, 2); ones give px.

    Returns:
        (N, L) float64 in the unit; NaN where the truth is missing.

    Raises:
        ValueError: The shapes differ, or a known landmark has no finite prediction.
    """
    predicted = np.asarray(predicted, dtype=np.float64)
    truth = np.asarray(truth, dtype=np.float64)
    if predicted.shape != truth.shape or truth.ndim != 3 or truth.shape[-1] != 2:
        raise ValueError(f"Need two arrays (N, L, 2), got {predicted.shape} and {truth.shape}.")
    scale = np.asarray(spacing, dtype=np.float64)
    if scale.shape not in {(2,), (len(truth), 2)}:
        raise ValueError(f"Spacing must be (2,) or ({len(truth)}, 2), not {scale.shape}.")
    known = np.isfinite(truth).all(-1)
    if not np.isfinite(predicted[known]).all():
        raise ValueError("A known landmark has no finite prediction; leaving it out would flatter.")
    offset = (predicted - truth) * (scale if scale.ndim == 1 else scale[:, None, :])
    return np.where(known, np.hypot(offset[..., 0], offset[..., 1]), np.nan)


def summarise(errors: np.ndarray, thresholds: Sequence[float]) -> Metrics:
    """Summarise radial errors over all known landmarks.

    Args:
        errors: (N, L) in one unit; NaN where a landmark is missing.
        thresholds: Radii of the success detection rates, in the same unit.

    Returns:
        The metrics; all NaN where no landmark is known.
    """
    errors = np.asarray(errors, dtype=np.float64)
    known = ~np.isnan(errors)
    values = errors[known]
    empty = values.size == 0
    nan = float("nan")
    return Metrics(
        mre=nan if empty else float(values.mean()),
        std=nan if empty else float(values.std()),
        median=nan if empty else float(np.median(values)),
        p95=nan if empty else float(np.percentile(values, 95)),
        sdr={
            float(threshold): nan if empty else float((values <= threshold).mean() * 100)
            for threshold in thresholds
        },
        n_images=int(known.any(1).sum()),
        n_points=int(known.sum()),
        per_landmark=tuple(_means(errors, axis=0).tolist()),
        image_mre=tuple(_means(errors, axis=1).tolist()),
    )


def mean_shape(points: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The average landmarks of the shots, relative to their images: the floor of every run.

    Args:
        points: (S, L, 2) x and y in native px; NaN where a landmark is missing.
        sizes: (S, 2) width and height of each image in px.

    Returns:
        (L, 2) in [0, 1] from the left and upper edge. A landmark that no shot has gets the
        mean of the others, or the image's centre where there is none.
    """
    relative = (np.asarray(points, np.float64) + 0.5) / np.asarray(sizes, np.float64)[:, None, :]
    shape = _means(relative, axis=0)
    centre = _means(shape, axis=0)
    return np.where(np.isnan(shape), np.where(np.isnan(centre), 0.5, centre), shape)


def place_shape(shape: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Put a relative shape into images: the mean-shape prediction.

    Args:
        shape: (L, 2) from :func:`mean_shape`.
        sizes: (N, 2) width and height of each image in px.

    Returns:
        (N, L, 2) x and y in px; a pixel's centre has whole coordinates.
    """
    return np.asarray(shape)[None] * np.asarray(sizes, np.float64)[:, None, :] - 0.5


def _means(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of the values that are not NaN; NaN, without a warning, where all are."""
    known = ~np.isnan(values)
    count = known.sum(axis)
    total = np.where(known, values, 0.0).sum(axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
