"""Where a landmark should be by all the others of its image, and how far from there it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmark.audit.shapes import ShapeModel, usual_spread

_LEAST_VARIANCE = 0.01**2
"""Of each landmark on its own, in units of the reference: no two are tied to each other exactly."""

_CLIPPED_AT = 4.0
_FITTED_AT_MOST = 4000


@dataclass(frozen=True, eq=False)
class Surprise:
    """How unexpected the landmarks of some shapes are.

    Attributes:
        multiple: (shapes, landmarks) distance from the expected place, in multiples of what is
            usual for the landmark; NaN where missing.
        distance: (shapes, landmarks) the same in units of the reference.
    """

    multiple: np.ndarray
    distance: np.ndarray


class Expectation:
    """A normal model of all landmarks together, from which each is predicted by the others.

    Fingers spread, jaws open and lungs fill, so a landmark varies more over all images than it
    does once the others are known: about twice as much in cephalograms and hands. The
    covariance is that of shapes laid over the reference, with deviations clipped at four times
    their spread, and is shrunk towards independent landmarks, the more the fewer images there are.
    Place, size and turn of a shape count as unknown, so that a shape of which half is missing is
    judged as well as a whole one.

    Args:
        model: What the shapes are laid over.
        points: (shapes, landmarks, 2) px; NaN where missing.
    """

    def __init__(self, model: ShapeModel, points: np.ndarray) -> None:
        self.model = model
        self._landmarks = len(model.reference)
        own = points[:: max(1, len(points) // _FITTED_AT_MOST)]
        own = own[model.distance(own) <= model.limit]
        size = 2 * self._landmarks
        shrink = size / (size + len(own))
        independent = np.diag(np.tile(model.spread**2, 2) + _LEAST_VARIANCE)
        self._covariance = independent + self._of_pose()
        complete = np.isfinite(own).all(axis=(1, 2)).all()
        for _ in range(1 if complete else 3):
            apart = self._completed(own)
            reach = _CLIPPED_AT * model.spread
            apart *= np.minimum(1.0, reach / np.maximum(np.abs(apart), 1e-12))
            stacked = _stacked(apart)
            together = stacked.T @ stacked / len(stacked)
            self._covariance = (1 - shrink) * together + shrink * independent + self._of_pose()
            self._covariance += _LEAST_VARIANCE * np.eye(size)
        self._usual = np.ones(self._landmarks)
        self._usual = usual_spread(self.of(own).multiple)

    def of(self, points: np.ndarray) -> Surprise:
        """The surprise of each landmark, given all the others of its shape.

        Args:
            points: (shapes, landmarks, 2) px; NaN where missing.
        """
        apart = self.model.lay(points).places - self.model.reference
        multiple = np.full(apart.shape, np.nan)
        distance = np.full(apart.shape, np.nan)
        for rows, here in _patterns(apart):
            place = np.ix_(rows, here)
            multiple[place], distance[place] = self._given_the_others(apart[place], here)
        return Surprise(multiple / self._usual, distance)

    def _given_the_others(
        self, apart: np.ndarray, here: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Conditional deviations from the precision matrix (Bishop 2006, equations 2.73, 2.75)."""
        both = np.concatenate([here, here + self._landmarks])
        precision = np.linalg.inv(self._covariance[np.ix_(both, both)])
        pulled = _stacked(apart) @ precision
        count = len(here)
        multiple, distance = np.empty(apart.shape), np.empty(apart.shape)
        for landmark in range(count):
            own = [landmark, landmark + count]
            covariance = np.linalg.inv(precision[np.ix_(own, own)])
            deviation = pulled[:, own] @ covariance
            distance[:, landmark] = np.hypot(*deviation.T)
            multiple[:, landmark] = np.sqrt((deviation * pulled[:, own]).sum(axis=1))
        return multiple, distance

    def _of_pose(self) -> np.ndarray:
        """The covariance of moves, turns and changes of size: large beside all else."""
        reference, one = self.model.reference, np.ones(self._landmarks)
        directions = _stacked(np.stack([one, 1j * one, reference, 1j * reference]))
        return np.asarray(directions.T @ directions)

    def _completed(self, points: np.ndarray) -> np.ndarray:
        """(shapes, landmarks) deviations, missing landmarks being put where the others say."""
        places = self.model.lay(points).places
        apart = places - self.model.reference
        for rows, here in _patterns(apart):
            gone = np.setdiff1d(np.arange(self._landmarks), here)
            if not len(gone):
                continue
            known = np.concatenate([here, here + self._landmarks])
            lost = np.concatenate([gone, gone + self._landmarks])
            known_cov = self._covariance[np.ix_(known, known)]
            weights = np.linalg.solve(known_cov, self._covariance[np.ix_(known, lost)])
            filled = _stacked(apart[np.ix_(rows, here)]) @ weights
            apart[np.ix_(rows, gone)] = filled[:, : len(gone)] + 1j * filled[:, len(gone) :]
        whole = apart + self.model.reference
        laid = self.model.lay(np.stack([whole.real, whole.imag], axis=-1)).places
        return np.asarray(laid - self.model.reference)


def _stacked(places: np.ndarray) -> np.ndarray:
    """(shapes, 2 landmarks): all x, then all y."""
    return np.concatenate([places.real, places.imag], axis=1)


def _patterns(places: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of shapes that know the same landmarks, and those landmarks."""
    patterns, rows = np.unique(np.isfinite(places), axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        if pattern.any():
            yield np.flatnonzero(rows.ravel() == number), np.flatnonzero(pattern)
