"""The labels of a set laid side by side, and which of them are explained already."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from benchmark.audit.expectation import Expectation, Surprise
from benchmark.audit.findings import Certainty, Finding
from benchmark.audit.material import Material
from benchmark.audit.shapes import ShapeModel, fit_shapes

SURPRISING = 7.0
"""From so many times the usual distance on, a landmark is worth a look; see docs/audit.md.

In a small set less is known of what is usual: with n shapes it takes ``1 + 5 / n`` times as much.
"""

_FEW = 5.0

FEWEST_TO_EXPECT = 4
"""Of three landmarks one that is off cannot be told from the other two."""

PLACEHOLDERS = ((0.0, 0.0), (-1.0, -1.0))
"""What programs write where a landmark is missing."""


class Inquiry:
    """What the checks ask about, one case an annotation of an image.

    Attributes:
        material: The dataset as it was read.
        rows: (cases,) the image of each case.
        who: (cases,) its annotator.
        points: (cases, landmarks, 2) px; NaN where missing; one at least is known.
        placeholders: (image, annotator, landmark) of points that only say that one is missing;
            they are NaN in ``points``.
        told: (cases, landmarks) whether a finding speaks of the landmark already.
        explained: (cases,) whether a fault of the whole annotation was found, which explains
            whatever else would be found in it.
    """

    def __init__(self, material: Material) -> None:
        drawings = material.drawings.copy()
        written = np.zeros(drawings.shape[:3], dtype=bool)
        for placeholder in PLACEHOLDERS:
            written |= (drawings == placeholder).all(axis=3)
        drawings[written] = np.nan
        present = np.isfinite(drawings[..., 0]).any(axis=2)
        self.material = material
        self.placeholders = np.argwhere(written)
        self.rows, self.who = np.nonzero(present)
        self.points = drawings[present]
        self.told = np.zeros(self.points.shape[:2], dtype=bool)
        self.explained = np.zeros(len(self.rows), dtype=bool)

    @cached_property
    def sizes(self) -> np.ndarray:
        """(cases, 2) width and height of the frame in px."""
        return self.material.sizes[self.rows]

    @cached_property
    def model(self) -> ShapeModel | None:
        """What most shapes agree on; None where there are too few."""
        return fit_shapes(self._inside)

    @cached_property
    def distance(self) -> np.ndarray:
        """(cases,) distance of each shape from the reference; NaN where it cannot be told."""
        if self.model is None:
            return np.full(len(self.rows), np.nan)
        return self.model.distance(self.points)

    @cached_property
    def expectation(self) -> Expectation | None:
        """Predicts each landmark from the others; None where there are too few of either."""
        if self.model is None or len(self.model.reference) < FEWEST_TO_EXPECT:
            return None
        return Expectation(self.model, self._inside)

    @cached_property
    def _inside(self) -> np.ndarray:
        """The points without those outside their image, which say nothing of an anatomy."""
        beyond = (self.points < -1.0) | (self.points > self.sizes[:, None])
        return np.where(beyond.any(axis=2, keepdims=True), np.nan, self.points)

    @cached_property
    def worst(self) -> np.ndarray:
        """(cases,) the largest surprise of a landmark, 0 where none can be told."""
        multiple = self.surprise(self.points).multiple
        return np.asarray(np.nan_to_num(multiple, nan=0.0).max(axis=1, initial=0.0))

    def surprise(self, points: np.ndarray) -> Surprise:
        """How unexpected landmarks are; NaN where the others are too few to tell."""
        if self.expectation is None:
            nothing = np.full(points.shape[:2], np.nan)
            return Surprise(nothing, nothing)
        found = self.expectation.of(points)
        few = np.isfinite(points[..., 0]).sum(axis=1) < FEWEST_TO_EXPECT
        found.multiple[few] = found.distance[few] = np.nan
        return found

    @cached_property
    def surprising(self) -> float:
        """`SURPRISING` for a set of this size."""
        return SURPRISING * (1.0 + _FEW / max(len(self.rows), 1))

    def odd(self) -> np.ndarray:
        """The cases, not explained so far, whose shape or one of whose landmarks is unusual."""
        limit = self.model.limit if self.model is not None else np.inf
        unlike = np.nan_to_num(self.distance, nan=0.0) > limit
        return np.flatnonzero((unlike | (self.worst > self.surprising)) & ~self.explained)

    def known(self, case: int) -> np.ndarray:
        """The landmarks of a case that are known."""
        return np.flatnonzero(np.isfinite(self.points[case, :, 0]))

    def finding(
        self, case: int, check: str, certainty: Certainty, sentence: str, landmark: str = ""
    ) -> Finding:
        """A finding about one case."""
        return Finding(
            check,
            certainty,
            (self.material.id(int(self.rows[case])),),
            sentence,
            landmark,
            self.material.annotators[int(self.who[case])],
        )
