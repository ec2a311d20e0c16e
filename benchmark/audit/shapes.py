"""Laying shapes over one another: what most images agree on, and how far each is from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEWEST_LANDMARKS = 3
"""A similarity lays any two points on any others; a third is the first that can disagree."""

FEWEST_SHAPES = 8
"""With fewer, nobody can say which of them is unlike the others."""

LARGEST_TURN = np.pi / 4
"""Radiographs are upright within this, in radians; what needs more is turned or mirrored."""

SMALLEST_SPREAD = 0.005
"""Nobody sets a point better than to this share of the shape's size."""

_MISSING = complex(np.nan, np.nan)
"""With a NaN in both parts, or the median of the other part would count it."""

_FITTED_AT_MOST = 4000
_CANDIDATES = 48
_JUDGES = 200
_LIKE_THE_REST = 3.0
"""Shapes within this many times the distance of the best third make up what is agreed on."""

_LOG_WIDTHS = (0.1, 0.35)
"""Least and largest spread of the logarithm of the distances that is believed."""

_MEDIAN, _NINETIETH = 1.1774, 2.1460
"""Quantiles of the length of a vector whose two coordinates are normal with unit variance."""


@dataclass(frozen=True, eq=False)
class Laid:
    """Shapes laid over the reference.

    Attributes:
        places: (shapes, landmarks) complex, in units of the reference; NaN where missing.
        scale: (shapes,) units of the reference a px.
        turn: (shapes,) radians by which each was turned.
    """

    places: np.ndarray
    scale: np.ndarray
    turn: np.ndarray


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """The shape that most images share.

    Shapes are compared after moving, scaling and turning them onto the reference, never after
    mirroring (Dryden and Mardia, Statistical Shape Analysis, 2nd edition 2016, chapter 7, with
    medians in place of means).

    Attributes:
        reference: (landmarks,) complex x + iy, around 0, with a root mean square radius of 1.
        spread: (landmarks,) usual distance of a landmark from its place in the reference, as the
            standard deviation a coordinate that it would have, were it normal.
        limit: The root mean square distance within which shapes of this kind lie.
    """

    reference: np.ndarray
    spread: np.ndarray
    limit: float

    def lay(self, points: np.ndarray) -> Laid:
        """Lay shapes over the reference by least squares.

        Args:
            points: (shapes, landmarks, 2) px; NaN where missing.
        """
        return _lay(_complex(points), self.reference)

    def distance(self, points: np.ndarray) -> np.ndarray:
        """(shapes,) root mean square distance from the reference, NaN below three landmarks."""
        return _rms(np.abs(self.lay(points).places - self.reference))


def fit_shapes(points: np.ndarray) -> ShapeModel | None:
    """Find what most shapes agree on, however the others disagree.

    Args:
        points: (shapes, landmarks, 2) px; NaN where missing.

    Returns:
        None where there are too few landmarks or shapes.
    """
    shapes = _complex(points)
    enough = np.isfinite(shapes).sum(axis=1) >= FEWEST_LANDMARKS
    shapes = shapes[enough]
    if len(shapes) < FEWEST_SHAPES:
        return None
    shapes = shapes[_spread_out(len(shapes), _FITTED_AT_MOST)]
    reference = _most_agreed_on(shapes)
    for _ in range(5):
        laid = _lay(shapes, reference).places
        distance = _rms(np.abs(laid - reference))
        core = distance <= _LIKE_THE_REST * np.nanquantile(distance, 0.3)
        reference = _normalised(_median(laid[core]), reference)
    laid = _lay(shapes[core], reference).places
    if len(laid) < FEWEST_SHAPES or not np.isfinite(reference).all() or not reference.any():
        return None
    spread = usual_spread(np.abs(laid - reference))
    logs = np.log(np.maximum(_rms(np.abs(laid - reference)), 1e-9))
    middle = np.median(logs)
    width = float(np.clip(1.4826 * np.median(np.abs(logs - middle)), *_LOG_WIDTHS))
    limit = max(float(np.exp(middle + 4.0 * width)), 4.0 * SMALLEST_SPREAD)
    return ShapeModel(reference, np.maximum(spread, SMALLEST_SPREAD), limit)


def usual_spread(lengths: np.ndarray) -> np.ndarray:
    """The spread of vectors by their lengths, deaf to the worst of them.

    Distances have long tails, so the larger one counts of what the median says and what the 90th
    percentile says; the latter needs more than a few images to be deaf to their worst.

    Args:
        lengths: (images, landmarks); NaN where missing.

    Returns:
        (landmarks,) standard deviation a coordinate; NaN where no length is known.
    """
    known = np.isfinite(lengths).any(axis=0)
    spread = np.full(lengths.shape[1], np.nan)
    spread[known] = np.nanmedian(lengths[:, known], axis=0) / _MEDIAN
    if len(lengths) >= 20:
        tail = np.nanquantile(lengths[:, known], 0.9, axis=0) / _NINETIETH
        spread[known] = np.maximum(spread[known], tail)
    return np.asarray(spread)


def _complex(points: np.ndarray) -> np.ndarray:
    return np.asarray(points[..., 0] + 1j * points[..., 1])


def _spread_out(count: int, at_most: int) -> np.ndarray:
    """Rows all over a set, not more than so many."""
    return np.unique(np.linspace(0, count - 1, min(count, at_most)).round().astype(int))


def _most_agreed_on(shapes: np.ndarray) -> np.ndarray:
    """The shape to which the nearest third of the others is nearest; (landmarks,) complex."""
    known = np.isfinite(shapes).sum(axis=1)
    complete = np.flatnonzero(known == known.max())
    judges = shapes[_spread_out(len(shapes), _JUDGES)]
    best, least = np.asarray(shapes[complete[0]]), np.inf
    for row in complete[_spread_out(len(complete), _CANDIDATES)]:
        candidate = _normalised(shapes[row], np.zeros_like(shapes[row]))
        apart = _rms(np.abs(_lay(judges, candidate).places - candidate))
        apart = apart[np.isfinite(apart)]
        if len(apart) and (third := float(np.quantile(apart, 0.3))) < least:
            best, least = candidate, third
    return best


def _normalised(shape: np.ndarray, instead: np.ndarray) -> np.ndarray:
    """Around 0 with a root mean square radius of 1; ``instead`` where all points coincide."""
    centred = shape - np.nanmean(shape)
    size = np.sqrt(np.nanmean(np.abs(centred) ** 2))
    return np.asarray(centred / size) if size > 1e-9 else instead


def _median(shapes: np.ndarray) -> np.ndarray:
    known = np.isfinite(shapes).any(axis=0)
    middle = np.full(shapes.shape[1], _MISSING)
    middle[known] = np.nanmedian(shapes.real[:, known], axis=0) + 1j * np.nanmedian(
        shapes.imag[:, known], axis=0
    )
    return middle


def _rms(lengths: np.ndarray) -> np.ndarray:
    known = np.isfinite(lengths)
    count = known.sum(axis=1)
    total = np.where(known, lengths, 0.0) ** 2
    mean = total.sum(axis=1) / np.maximum(count, 1)
    return np.asarray(np.where(count >= FEWEST_LANDMARKS, np.sqrt(mean), np.nan))


def _lay(shapes: np.ndarray, reference: np.ndarray) -> Laid:
    """Least squares over moves, scales and turns up to `LARGEST_TURN`."""
    known = np.isfinite(shapes) & np.isfinite(reference)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    there, here = np.where(known, reference, 0.0), np.where(known, shapes, 0.0)
    middle_there = there.sum(axis=1, keepdims=True) / count
    middle_here = here.sum(axis=1, keepdims=True) / count
    to = np.where(known, there - middle_there, 0.0)
    of = np.where(known, here - middle_here, 0.0)
    power = np.maximum((np.abs(of) ** 2).sum(axis=1), 1e-12)
    best = (np.conj(of) * to).sum(axis=1) / power
    turn = np.clip(np.angle(best), -LARGEST_TURN, LARGEST_TURN)
    # With the turn held, the best scale is what is left of the product along it.
    scale = np.maximum((best * np.exp(-1j * turn)).real, 1e-12)
    places = of * (scale * np.exp(1j * turn))[:, None] + middle_there
    return Laid(np.where(np.isfinite(shapes), places, _MISSING), scale, turn)
