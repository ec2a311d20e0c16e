"""Annotators who disagree far more than they usually do, or always by one pixel."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from benchmark.audit.findings import Finding
from benchmark.audit.inquiry import Inquiry
from benchmark.audit.shapes import usual_spread

DISAGREEING = 7.0
"""From so many times the usual distance on, two annotators hardly meant one place."""

SURELY_DISAGREEING = 12.0

LEAST_SHARE = 0.05
"""Disagreements below this share of the shape's size (its root mean square radius) are left."""

_FEWEST_IMAGES = 8
_SPEAKING = 3.0
_SHIFTS = (0.5, 1.0)
_STEADY = 0.05


def disagreements(inquiry: Inquiry) -> list[Finding]:
    """Landmarks on which two annotators are far more apart than they usually are."""
    found = []
    for first, second in combinations(range(len(inquiry.material.annotators)), 2):
        cases, partners = _pairs(inquiry, first, second)
        if len(cases) >= _FEWEST_IMAGES:
            found += _of_pair(inquiry, cases, partners)
    return found


def offsets(inquiry: Inquiry) -> list[Finding]:
    """Images in which one annotator's points are those of another, moved by a pixel or half."""
    found = []
    names = inquiry.material.annotators
    for first, second in combinations(range(len(names)), 2):
        for case, partner in zip(*_pairs(inquiry, first, second), strict=True):
            apart = inquiry.points[partner] - inquiry.points[case]
            apart = apart[np.isfinite(apart[:, 0])]
            if len(apart) < 3 or np.ptp(apart, axis=0).max() > _STEADY:
                continue
            shift = apart.mean(axis=0)
            size = next((s for s in _SHIFTS if np.allclose(np.abs(shift), s, atol=_STEADY)), None)
            if size is None or shift[0] * shift[1] < 0:
                continue
            late, early = (second, first) if shift[0] > 0 else (first, second)
            found.append(
                Finding(
                    "one-based",
                    "certain",
                    (inquiry.material.id(int(inquiry.rows[case])),),
                    f"all {len(apart)} points are those of {names[early]}, moved by {size:g} px "
                    "along x and y: the two count pixels from different places",
                    annotator=names[late],
                )
            )
    return found


def _pairs(inquiry: Inquiry, first: int, second: int) -> tuple[np.ndarray, np.ndarray]:
    """The cases of two annotators in the images that both labelled and that are not explained."""
    place = np.full((len(inquiry.material.index.samples), 2), -1)
    for column, who in enumerate((first, second)):
        cases = np.flatnonzero((inquiry.who == who) & ~inquiry.explained)
        place[inquiry.rows[cases], column] = cases
    both = place[(place >= 0).all(axis=1)]
    return both[:, 0], both[:, 1]


def _of_pair(inquiry: Inquiry, cases: np.ndarray, partners: np.ndarray) -> list[Finding]:
    """The disagreements of two annotators, after taking out what they always disagree by."""
    relative = (inquiry.points[partners] - inquiry.points[cases]) / _radius(inquiry.points[cases])
    both = np.isfinite(relative[..., 0])
    always = np.zeros(relative.shape[1:])
    known = both.any(axis=0)
    always[known] = np.nanmedian(relative[:, known], axis=0)
    length = np.hypot(*np.moveaxis(relative - always, -1, 0))
    spread = np.maximum(usual_spread(length), 1e-6)
    multiple = np.nan_to_num(length / spread, nan=0.0)
    far = (multiple > DISAGREEING) & (np.nan_to_num(length, nan=0.0) > LEAST_SHARE)
    return [
        _finding(inquiry, (int(cases[row]), int(partners[row])), landmark, multiple[row, landmark])
        for row, landmark in np.argwhere(far)
    ]


def _finding(inquiry: Inquiry, pair: tuple[int, int], landmark: int, multiple: float) -> Finding:
    material = inquiry.material
    first, second = pair
    inquiry.told[[first, second], landmark] = True
    names = [material.annotators[inquiry.who[case]] for case in pair]
    apart = inquiry.points[second, landmark] - inquiry.points[first, landmark]
    length = f"{np.hypot(*apart):.3g} px"
    if material.index.unit == "mm":
        length += f" ({np.hypot(*(apart * material.spacing[inquiry.rows[first]])):.3g} mm)"
    return Finding(
        "annotators",
        "likely" if multiple > SURELY_DISAGREEING else "possible",
        (material.id(int(inquiry.rows[first])),),
        f"{names[0]} and {names[1]} are {length} apart, {multiple:.0f} times their usual spread"
        f"{_suspect(inquiry, pair, landmark, names)}",
        material.index.landmark_names[landmark],
    )


def _suspect(inquiry: Inquiry, pair: tuple[int, int], landmark: int, names: list[str]) -> str:
    """Whose point the other landmarks of the image speak against, where they do."""
    multiple = inquiry.surprise(inquiry.points[list(pair)]).multiple[:, landmark]
    less, more = np.sort(np.nan_to_num(multiple, nan=0.0))
    if more < _SPEAKING or more < 2 * less:
        return ""
    return f"; the other landmarks speak against the point of {names[int(np.argmax(multiple))]}"


def _radius(points: np.ndarray) -> np.ndarray:
    """(images, 1, 1) root mean square radius in px, 1 at least."""
    apart = points - np.nanmean(points, axis=1, keepdims=True)
    radius = np.sqrt(np.nanmean((apart**2).sum(axis=2), axis=1))
    return np.asarray(np.maximum(radius, 1.0)[:, None, None])
