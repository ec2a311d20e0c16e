"""Landmarks in another order: the same places under exchanged names."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from benchmark.audit.findings import Finding
from benchmark.audit.inquiry import Inquiry
from benchmark.audit.shapes import ShapeModel

EXPECTED = 4.0
"""After putting the names right, no landmark concerned may be farther off than this."""

_NAMED = 4


def order(inquiry: Inquiry) -> list[Finding]:
    """Annotations whose points all fit once their names are exchanged."""
    model = inquiry.model
    if model is None:
        return []
    found = []
    for case in inquiry.odd():
        points = inquiry.points[case]
        mended = best_order(model, points) if inquiry.distance[case] > model.limit else None
        places = mended if mended is not None else _exchanged(inquiry, points)
        if places is None:
            continue
        inquiry.explained[case] = True
        found.append(
            inquiry.finding(
                int(case),
                "order",
                "likely",
                f"{_describe(places, inquiry.material.index.landmark_names)}; put so, the points "
                "fit the other images",
            )
        )
    return found


def best_order(model: ShapeModel, points: np.ndarray) -> np.ndarray | None:
    """The order in which points fit best, where that explains a shape that does not fit.

    Middle and size of a shape do not depend on the order, so it is laid over the reference by
    these, each point is given to a place so that the squared distances are least, and it is laid
    again by what was given.

    Args:
        model: With at least as many landmarks as are known.
        points: (landmarks, 2) px; NaN where missing.

    Returns:
        (landmarks,) where each landmark's point stands in ``points``, or None where no order
        fits, or the present one does.
    """
    known = np.flatnonzero(np.isfinite(points[:, 0]))
    here = points[known, 0] + 1j * points[known, 1]
    there = model.reference[known]
    size = np.sqrt(np.mean(np.abs(here - here.mean()) ** 2))
    if len(known) < 3 or size < 1e-9:
        return None
    radius = np.sqrt(np.mean(np.abs(there - there.mean()) ** 2))
    laid = (here - here.mean()) * radius / size + there.mean()
    places = np.arange(len(points))
    for _ in range(6):
        _, given = linear_sum_assignment(np.abs(there[:, None] - laid[None, :]) ** 2)
        if (places[known] == known[given]).all():
            break
        places[known] = known[given]
        both = model.lay(points[places][None])
        laid = np.empty(len(known), dtype=complex)
        laid[given] = both.places[0, known]
    before, after = model.distance(np.stack([points, points[places]]))
    unchanged = (places == np.arange(len(points))).all()
    return None if unchanged or after > model.limit or after > before / 2 else places


def _exchanged(inquiry: Inquiry, points: np.ndarray) -> np.ndarray | None:
    """The order with two landmarks exchanged, where that makes both expected."""
    multiple = inquiry.surprise(points[None]).multiple[0]
    if not np.isfinite(multiple).any() or np.nanmax(multiple) <= inquiry.surprising:
        return None
    first = int(np.nanargmax(multiple))
    others = [k for k in np.flatnonzero(np.isfinite(multiple)) if k != first]
    orders = np.tile(np.arange(len(points)), (len(others), 1))
    for row, other in enumerate(others):
        orders[row, first], orders[row, other] = other, first
    after = inquiry.surprise(points[orders]).multiple
    both = np.array([max(after[row, first], after[row, k]) for row, k in enumerate(others)])
    best = int(np.argmin(both))
    return orders[best] if both[best] <= EXPECTED else None


def _describe(places: np.ndarray, names: tuple[str, ...]) -> str:
    """Which names were exchanged."""
    moved = np.flatnonzero(places != np.arange(len(places)))
    if len(moved) == 2:
        first, second = moved
        return f"{names[first]} and {names[second]} are exchanged"
    shown = ", ".join(f"{names[k]} stands as {names[places[k]]}" for k in moved[:_NAMED])
    more = f" and {len(moved) - _NAMED} more" if len(moved) > _NAMED else ""
    return f"the order of {len(moved)} landmarks is another ({shown}{more})"
