"""Label efficiency: the area under the curve of errors, and labels saved against the control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.statistics.bootstrap import Resamples, bootstrap_means

CLOSE = 1e-9
"""Errors whose logarithms differ by less are one error."""


def area_under_curve(shots: Sequence[int], errors: np.ndarray) -> np.ndarray:
    """Mean error over the range of log(shots), by the trapezoid rule.

    Args:
        shots: (N,) numbers of labels, at least two, increasing.
        errors: (..., N) errors at them.

    Returns:
        (...) in the unit of the errors.

    Raises:
        ValueError: If shots do not increase, or are not as many as the errors.
    """
    places = np.log(_checked_shots(shots, np.shape(errors)[-1]))
    area = np.trapezoid(np.asarray(errors, dtype=float), places, axis=-1)
    return np.asarray(area / (places[-1] - places[0]))


def labels_needed(shots: Sequence[int], control: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Number of labels at which the control first reaches an error.

    Between the numbers measured, its curve is a straight line in log(shots) and log(error), as
    learning curves nearly are (Hestness et al., arXiv:1712.00409). It is not extended beyond.

    Args:
        shots: (N,) numbers of labels, at least two, increasing.
        control: (..., N) errors of the control at them, above zero.
        error: (...) errors to be reached, above zero.

    Returns:
        (...) numbers of labels, in general no whole ones; inf where the control does not reach
        the error within the range measured, -inf where it is below it from the start, so that
        fewer labels than the smallest number measured would do.

    Raises:
        ValueError: If shots do not increase, shapes do not match, or an error is not above zero.
    """
    curve, wanted = np.asarray(control, dtype=float), np.asarray(error, dtype=float)
    places = np.log(_checked_shots(shots, curve.shape[-1]))
    if not ((curve > 0).all() and (wanted > 0).all()):
        raise ValueError("errors must be above zero")
    height = np.log(curve)
    level = np.broadcast_to(np.log(wanted), curve.shape[:-1])[..., None]
    reached = height <= level + CLOSE
    after = np.maximum(reached.argmax(-1), 1)[..., None]
    high = np.take_along_axis(height, after - 1, -1)
    low = np.take_along_axis(height, after, -1)
    # Where the error is not crossed here, the fraction means nothing and is overwritten below.
    fraction = np.divide(high - level, high - low, out=np.zeros_like(high), where=high > low)
    place = places[after - 1] + np.clip(fraction, 0, 1) * (places[after] - places[after - 1])
    found = np.exp(place[..., 0])
    found = np.where(reached[..., 0], np.exp(places[0]), found)
    found = np.where(height[..., 0] < level[..., 0] - CLOSE, -np.inf, found)
    return np.asarray(np.where(reached.any(-1), found, np.inf))


@dataclass(frozen=True)
class LabelsSaved:
    """How many more labels the control needs for the same error.

    Attributes:
        estimate: Labels of the control minus labels of the method; below zero where the method
            is the worse one; inf and -inf where that lies beyond the range measured.
        low: Lower end of the interval, -inf likewise.
        high: Upper end of the interval, inf likewise.
        least: The smallest saving that the range of shots can show.
        most: The largest saving that it can show.
        level: The nominal coverage.
    """

    estimate: float
    low: float
    high: float
    least: float
    most: float
    level: float = 0.95

    @property
    def bounded_below(self) -> bool:
        """Whether the lower end lies within the range measured."""
        return bool(np.isfinite(self.low))

    @property
    def bounded_above(self) -> bool:
        """Whether the upper end lies within the range measured."""
        return bool(np.isfinite(self.high))

    @property
    def text(self) -> str:
        """Such as "15 (8 to 40)", "15 (8 to > 40)" or, where all lies beyond, "> 40"."""
        low, high = self._number(self.low), self._number(self.high)
        estimate = self._number(self.estimate)
        if low == high == estimate and not np.isfinite(self.estimate):
            return estimate
        return f"{estimate} ({low} to {high})"

    def _number(self, saved: float) -> str:
        if saved == np.inf:
            return f"> {_whole(self.most)}"
        return f"< {_whole(self.least)}" if saved == -np.inf else _whole(saved)


def labels_saved(
    shots: Sequence[int],
    control: np.ndarray,
    method: np.ndarray,
    at: int,
    resamples: Resamples,
    weights: np.ndarray | None = None,
    level: float = 0.95,
) -> LabelsSaved:
    """Labels that the control needs for the method's error, minus those of the method.

    The interval lies between percentiles of the two-way bootstrap; all numbers of shots and both
    strategies share each draw of seeds and images. It is never interpolated: an end beyond the
    range measured is infinite.

    Args:
        shots: (N,) numbers of labels, at least two, increasing.
        control: (N, seeds, images) errors of the control.
        method: (seeds, images) errors of the method.
        at: Number of labels that the method had.
        resamples: Of as many seeds and images.
        weights: (images,) number of known landmarks of each image; all alike where None.
        level: Nominal coverage.

    Raises:
        ValueError: If shots do not increase, shapes do not match, or a mean is not above zero.
    """
    both = np.concatenate([control, np.asarray(method)[None]])
    means = np.average(both, axis=-1, weights=weights).mean(-1)
    estimate = float(labels_needed(shots, means[:-1], means[-1])) - at
    draws = bootstrap_means(both, resamples, weights)
    needed = labels_needed(shots, draws[:-1].T, draws[-1])
    ends = ((1 - level) / 2, (1 + level) / 2)
    low, high = np.quantile(needed, ends, method="inverted_cdf") - at
    return LabelsSaved(
        estimate, float(low), float(high), float(shots[0] - at), float(shots[-1] - at), level
    )


def _whole(number: float) -> str:
    return f"{round(number)}".replace("-", "−")


def _checked_shots(shots: Sequence[int], count: int) -> np.ndarray:
    checked = np.asarray(shots, dtype=float)
    if checked.ndim != 1 or len(checked) != count or count < 2:
        raise ValueError(f"a curve needs two shots or more, as many as errors: {list(shots)}")
    if checked[0] <= 0 or (np.diff(checked) <= 0).any():
        raise ValueError(f"shots must increase and be above zero: {list(shots)}")
    return checked
