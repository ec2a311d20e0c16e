"""Coordinates that cannot be, whatever the anatomy: outside, ratios, counted from one."""

from __future__ import annotations

import numpy as np

from benchmark.audit.findings import Finding
from benchmark.audit.inquiry import Inquiry

_HALF = 0.5
"""Half a pixel beyond the outermost centres belongs to the image."""

_TOLERANCE = 1e-6


def ratios(inquiry: Inquiry) -> list[Finding]:
    """Annotations that lie within the first pixel: shares of width and height taken for pixels."""
    found = []
    points, known = inquiry.points, np.isfinite(inquiry.points)
    small = ((np.abs(points - _HALF) <= 0.55) | ~known).all(axis=(1, 2))
    several = known[..., 0].sum(axis=1) >= 2
    large = inquiry.sizes.min(axis=1) >= 16
    for case in np.flatnonzero(small & several & large):
        own = points[case, inquiry.known(int(case))]
        if np.ptp(own, axis=0).max() < 1e-3:
            continue
        width, height = inquiry.sizes[case]
        inquiry.explained[case] = True
        found.append(
            inquiry.finding(
                int(case),
                "ratios",
                "certain",
                f"all coordinates lie between {own.min():.3g} and {own.max():.3g} in an image of "
                f"{width:g} x {height:g} px: shares of width and height taken for pixels",
            )
        )
    return found


def placeholders(inquiry: Inquiry) -> list[Finding]:
    """Points at exactly (0, 0) or (-1, -1): missing landmarks that were written as numbers."""
    material = inquiry.material
    found = []
    for row, who, landmark in inquiry.placeholders:
        x, y = material.drawings[row, who, landmark]
        found.append(
            Finding(
                "placeholder",
                "likely",
                (material.id(int(row)),),
                f"the point is ({x:g}, {y:g}): a missing landmark written as a number; leave it "
                "out or empty",
                material.index.landmark_names[landmark],
                material.annotators[int(who)],
            )
        )
    return found


def outside(inquiry: Inquiry) -> list[Finding]:
    """Points beyond the edges of their image, by more than counting from one explains."""
    found = []
    names = inquiry.material.index.landmark_names
    beyond = _beyond(inquiry)
    late = inquiry.points - inquiry.sizes[:, None] > _TOLERANCE
    early = inquiry.points < -_HALF - _TOLERANCE
    for case in np.flatnonzero((late | early).any(axis=(1, 2)) & ~inquiry.explained):
        landmarks = np.flatnonzero((late | early)[case].any(axis=1))
        inquiry.told[case, landmarks] = True
        worst = landmarks[np.argmax(beyond[case, landmarks])]
        x, y = inquiry.points[case, worst]
        width, height = inquiry.sizes[case]
        more = f", and {len(landmarks) - 1} more" if len(landmarks) > 1 else ""
        found.append(
            inquiry.finding(
                int(case),
                "outside",
                "certain",
                f"({x:g}, {y:g}) lies {beyond[case, worst]:.3g} px outside the image of "
                f"{width:g} x {height:g} px{more}",
                names[worst],
            )
        )
    return found


def one_based(inquiry: Inquiry) -> list[Finding]:
    """Points just behind the last pixel, as they stand where pixels are counted from one."""
    found: list[Finding] = []
    names = inquiry.material.index.landmark_names
    free = ~inquiry.explained[:, None, None]
    behind = inquiry.points - inquiry.sizes[:, None] + 1.0
    late = (behind > _HALF + _TOLERANCE) & (behind <= 1.0 + _TOLERANCE) & free
    if not late.any():
        return found
    least = float(np.nanmin(np.where(free, inquiry.points, np.nan)))
    exact = bool((np.abs(behind[late] - 1.0) <= _TOLERANCE).all())
    sure = exact and least >= 1.0 - _TOLERANCE
    for case in np.flatnonzero(late.any(axis=(1, 2))):
        landmark = int(np.flatnonzero(late[case].any(axis=1))[0])
        inquiry.told[case, landmark] = True
        axis = int(np.flatnonzero(late[case, landmark])[0])
        side, name = inquiry.sizes[case, axis], "xy"[axis]
        value = inquiry.points[case, landmark, axis]
        why = "; no coordinate of the set is below 1" if sure else ""
        found.append(
            inquiry.finding(
                int(case),
                "one-based",
                "likely" if sure else "possible",
                f"{name} = {value:g}, but the last pixel of {side:g} is {side - 1:g}{why}: pixels "
                "were counted from one; take 1 from all coordinates",
                names[landmark],
            )
        )
    return found


def _beyond(inquiry: Inquiry) -> np.ndarray:
    """(cases, landmarks) px by which each point lies outside; 0 inside or where missing."""
    late = inquiry.points - (inquiry.sizes[:, None] - _HALF)
    early = -_HALF - inquiry.points
    return np.asarray(np.nan_to_num(np.maximum(late, early), nan=0.0).max(axis=2).clip(0.0))
