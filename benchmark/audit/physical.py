"""Spacing under which an anatomy, or a detector, would have an impossible size."""

from __future__ import annotations

import numpy as np

from benchmark.audit.findings import Certainty, Finding
from benchmark.audit.inquiry import Inquiry
from benchmark.audit.material import Material

LARGEST_FIELD, SMALLEST_FIELD = 1500.0, 15.0
"""Longer side of a field in mm: stitched films of both legs have 1,300, dental sensors 30."""

UNEQUAL = 1.25
"""A ratio of the spacings along x and y that detectors do not have."""

APART = 6.0
LEAST_FACTOR = 1.5
_LEAST_SPREAD = 0.04


def spacing(inquiry: Inquiry) -> list[Finding]:
    """Images whose spacing makes the anatomy larger or smaller than it can be."""
    material = inquiry.material
    if material.index.unit != "mm":
        return []
    fields = (material.sizes * material.spacing).max(axis=1)
    impossible = (fields > LARGEST_FIELD) | (fields < SMALLEST_FIELD)
    found = [
        Finding(
            "spacing",
            "certain",
            (material.id(int(row)),),
            f"{_shown(material.spacing[row])} mm per px makes a field of {fields[row]:.4g} mm, "
            "which no radiograph has",
        )
        for row in np.flatnonzero(impossible)
    ]
    return [*found, *_unequal(material), *_unlike_the_others(inquiry, impossible)]


def _unlike_the_others(inquiry: Inquiry, impossible: np.ndarray) -> list[Finding]:
    """Anatomies of another size in mm than those of the other images."""
    model = inquiry.model
    if model is None:
        return []
    own = inquiry.material.spacing[inquiry.rows]
    logs = -np.log(model.lay(inquiry.points * own[:, None]).scale)
    usual = np.nan_to_num(inquiry.distance, nan=np.inf) <= model.limit
    usual &= ~inquiry.explained & ~impossible[inquiry.rows]
    if not usual.any():
        return []
    centre = np.median(logs[usual])
    spread = max(1.4826 * float(np.median(np.abs(logs[usual] - centre))), _LEAST_SPREAD)
    most_used = np.median(own[usual], axis=0)
    found, told = [], set()
    for case in np.flatnonzero(usual):
        apart, row = float(logs[case] - centre), int(inquiry.rows[case])
        if abs(apart) <= max(APART * spread, np.log(LEAST_FACTOR)) or row in told:
            continue
        told.add(row)
        other = not np.allclose(own[case], most_used, rtol=0.02)
        certainty: Certainty = "likely" if other else "possible"
        usually = f", where the others have {_shown(most_used)}" if other else ""
        found.append(
            Finding(
                "spacing",
                certainty,
                (inquiry.material.id(row),),
                f"{_shown(own[case])} mm per px{usually} makes this anatomy "
                f"{np.exp(apart):.2g} times as large as theirs",
            )
        )
    return found


def _unequal(material: Material) -> list[Finding]:
    """Pixels much longer than wide: in one finding where many images have them."""
    ratio = material.spacing[:, 0] / material.spacing[:, 1]
    rows = np.flatnonzero((ratio > UNEQUAL) | (ratio < 1 / UNEQUAL))
    if not len(rows):
        return []
    first = int(rows[0])
    longer = max(ratio[first], 1 / ratio[first])
    more = f"; {len(rows) - 1} more images have such pixels" if len(rows) > 1 else ""
    sentence = (
        f"{_shown(material.spacing[first])} mm per px: pixels {longer:.2g} times as long one way "
        f"as the other{more}"
    )
    return [Finding("spacing", "possible", (material.id(first),), sentence)]


def _shown(values: np.ndarray | tuple[float, float]) -> str:
    x, y = map(float, values)
    return f"{x:.4g}" if np.isclose(x, y) else f"{x:.4g} x {y:.4g}"
