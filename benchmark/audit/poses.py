"""Whole annotations that fit once they are mirrored, turned, transposed or scaled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmark.audit.appearance import CLEARLY, Appearance
from benchmark.audit.findings import Certainty, Finding
from benchmark.audit.inquiry import Inquiry
from benchmark.audit.order import best_order
from benchmark.audit.shapes import ShapeModel

UNLIKE = 0.35
"""A shape that is mirrored, turned or transposed is farther than this from the others'.

Mirrored, the farthest from that are hands with 0.64; as they are, films of the sets in
docs/audit.md reach 0.31.
"""

COMMON = 0.2
"""Where more than this share of the annotations is mirrored, it may be the way of the set."""

_SCALES_APART = 1.5
_PLACES_APART = 0.15

Points = np.ndarray


@dataclass(frozen=True)
class _Pose:
    """A way in which all landmarks of an image can be wrong together."""

    check: str
    mend: Callable[[Points], Points]
    words: str


_POSES = (
    _Pose("swapped", lambda p: p[..., ::-1], "with x and y exchanged"),
    _Pose("mirrored", lambda p: p * np.array([-1.0, 1.0]), "mirrored, left for right"),
    _Pose("turned", lambda p: -p, "turned by 180 degrees"),
    _Pose("turned", lambda p: np.stack([-p[..., 1], p[..., 0]], -1), "turned clockwise"),
    _Pose("turned", lambda p: np.stack([p[..., 1], -p[..., 0]], -1), "turned anticlockwise"),
    _Pose("turned", lambda p: p * np.array([1.0, -1.0]), "mirrored, top for bottom"),
)


def poses(inquiry: Inquiry) -> list[Finding]:
    """Annotations that are swapped, mirrored or turned against the others."""
    model = inquiry.model
    if model is None:
        return []
    far = np.nan_to_num(inquiry.distance, nan=0.0) > max(UNLIKE, model.limit)
    cases = np.flatnonzero(far & ~inquiry.explained)
    if not len(cases):
        return []
    mended = np.stack([model.distance(pose.mend(inquiry.points[cases])) for pose in _POSES])
    best, least = mended.argmin(axis=0), mended.min(axis=0)
    fits = (least <= model.limit) & (least < inquiry.distance[cases] / 2)
    often = np.bincount(best[fits], minlength=len(_POSES)) > COMMON * len(inquiry.rows)
    appearance = Appearance(inquiry.material)
    found = []
    for case, kind, after in zip(cases[fits], best[fits], least[fits], strict=True):
        pose = _POSES[kind]
        seen = appearance.mirrored(inquiry.material.id(int(inquiry.rows[case])))
        if pose.check == "mirrored" and _names_exchanged(model, inquiry.points[case], after, seen):
            continue
        inquiry.explained[case] = True
        certainty: Certainty = "possible" if often[kind] else "likely"
        found.append(
            inquiry.finding(
                int(case),
                pose.check,
                certainty,
                f"the landmarks fit the other images {pose.words} (distance from their shape "
                f"{inquiry.distance[case]:.2f} as they are, {after:.2f} so)"
                f"{_look(pose, seen)}{_usual(bool(often[kind]))}",
            )
        )
    return found


def _names_exchanged(model: ShapeModel, points: Points, mirrored: float, seen: float) -> bool:
    """Whether left and right have only changed names, in an image that is not mirrored itself."""
    places = best_order(model, points)
    if places is None or seen > CLEARLY:
        return False
    reordered = float(model.distance(points[places][None])[0])
    return reordered <= mirrored or seen < -CLEARLY


def _look(pose: _Pose, seen: float) -> str:
    if pose.check != "mirrored" or abs(seen) < CLEARLY:
        return ""
    return ", and so does the picture" if seen > 0 else ", but the picture does not"


def _usual(common: bool) -> str:
    return "; so many do that the set may hold both sides" if common else ""


def scales(inquiry: Inquiry) -> list[Finding]:
    """Annotations that fit an image of another size: labels of the original on a scaled copy."""
    if inquiry.model is None:
        return []
    middle, size = placement(inquiry)
    usual = (np.nan_to_num(inquiry.distance, nan=9.0) <= inquiry.model.limit) & ~inquiry.explained
    if usual.sum() < 2:
        return []
    found = []
    factor = np.median(size[usual]) / size
    expected = np.median(middle[usual], axis=0)
    apart = np.abs(np.log(factor)) > np.log(_SCALES_APART)
    there = np.abs(middle * factor[:, None] - expected).max(axis=1) < _PLACES_APART
    here = np.abs(middle - expected).max(axis=1) < _PLACES_APART
    for case in np.flatnonzero(usual & apart & there & ~here):
        width, height = inquiry.sizes[case]
        inquiry.explained[case] = True
        found.append(
            inquiry.finding(
                int(case),
                "scale",
                "likely",
                f"the points fit an image of about {width / factor[case]:.0f} x "
                f"{height / factor[case]:.0f} px, not {width:g} x {height:g}: they were set in a "
                "copy of another size",
            )
        )
    return found


def placement(inquiry: Inquiry) -> tuple[np.ndarray, np.ndarray]:
    """Where the shapes lie in their frames, and how large they are there.

    Returns:
        (cases, 2) middle as a share of width and height, and (cases,) root mean square radius as
        a share of the diagonal.
    """
    middle = np.nanmean(inquiry.points, axis=1)
    apart = inquiry.points - middle[:, None]
    radius = np.sqrt(np.nanmean((apart**2).sum(axis=2), axis=1))
    share = radius / np.hypot(*inquiry.sizes.T)
    return middle / inquiry.sizes, np.maximum(share, 1e-9)
