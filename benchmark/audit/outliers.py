"""Single landmarks, and whole shapes, that are unlike those of the other images."""

from __future__ import annotations

import numpy as np

from benchmark.audit.findings import Finding
from benchmark.audit.inquiry import FEWEST_TO_EXPECT, Inquiry
from benchmark.audit.poses import placement

MISTAKEN = 1.5
"""From so many times what is worth a look on, hardly anything but a mistake explains it."""

APART = 8.0
"""From so many spreads on, the place, the size or the turn of a shape in its frame is unusual."""

_LEAST_SPREADS = np.array([0.02, 0.02, 0.04, 0.035])
"""Of middle x and y as shares of the frame, of the logarithm of the size, and of the turn."""

_LARGEST_SHARE = 1 / 3
"""Where more of the landmarks are off, it is the shape that is unusual and not its landmarks."""


def outliers(inquiry: Inquiry) -> list[Finding]:
    """Landmarks that do not lie where the others of their image put them."""
    found = []
    model = inquiry.model
    if model is None:
        return []
    for case in inquiry.odd():
        single = _single(inquiry, int(case))
        if single is not None:
            found += single
        else:
            found.append(
                inquiry.finding(
                    int(case),
                    "outlier",
                    "possible",
                    f"the shape is unlike the others: {inquiry.distance[case]:.2f} from what they "
                    f"share, where {model.limit:.2f} is the most to expect",
                )
            )
    return found


def _single(inquiry: Inquiry, case: int) -> list[Finding] | None:
    """The landmarks that are off, the worst first; None where the rest is off without them too."""
    model = inquiry.model
    assert model is not None
    points = inquiry.points[case].copy()
    known = len(inquiry.known(case))
    # What is known to be wrong would draw the others with it.
    points[inquiry.told[case]] = np.nan
    found: list[Finding] = []
    off = int(inquiry.told[case].sum())
    if off and known - off < FEWEST_TO_EXPECT:
        return []
    while known - off > FEWEST_TO_EXPECT:
        surprise = inquiry.surprise(points[None])
        multiple = surprise.multiple[0]
        if not np.isfinite(multiple).any() or np.nanmax(multiple) <= inquiry.surprising:
            break
        worst = int(np.nanargmax(multiple))
        off += 1
        if off > _LARGEST_SHARE * known:
            return None
        points[worst] = np.nan
        pixels = surprise.distance[0, worst] / model.lay(points[None]).scale[0]
        found.append(
            inquiry.finding(
                case,
                "outlier",
                "likely" if multiple[worst] > MISTAKEN * inquiry.surprising else "possible",
                f"it lies {pixels:.3g} px from where the other landmarks put it, "
                f"{multiple[worst]:.0f} times what is usual",
                inquiry.material.index.landmark_names[worst],
            )
        )
    return found if model.distance(points[None])[0] <= model.limit else None


def displaced(inquiry: Inquiry) -> list[Finding]:
    """Shapes as the others have them, at another place, of another size or turn in their frame."""
    model = inquiry.model
    if model is None:
        return []
    middle, size = placement(inquiry)
    turn = model.lay(inquiry.points).turn
    features = np.column_stack([middle, np.log(size), turn])
    usual = (np.nan_to_num(inquiry.distance, nan=np.inf) <= model.limit) & ~inquiry.explained
    if not usual.any():
        return []
    centre = np.median(features[usual], axis=0)
    spread = 1.4826 * np.median(np.abs(features[usual] - centre), axis=0)
    apart = np.abs(features - centre) / np.maximum(spread, _LEAST_SPREADS)
    names = inquiry.material.index.landmark_names
    found = []
    for case in np.flatnonzero((apart > APART).any(axis=1) & usual):
        if len(inquiry.known(int(case))) * 2 < len(names):
            continue  # what is left of a shape may lie elsewhere than its whole
        what = int(apart[case].argmax())
        inquiry.explained[case] = True
        found.append(
            inquiry.finding(
                int(case),
                "displaced",
                "likely" if apart[case, what] > 2 * APART else "possible",
                f"{_deviation(what, features[case], centre)}, {apart[case, what]:.0f} spreads from "
                "the other images",
            )
        )
    return found


def _deviation(what: int, own: np.ndarray, usual: np.ndarray) -> str:
    if what < 2:
        side, edge = (("width", "left"), ("height", "top"))[what]
        return (
            f"the landmarks lie around {own[what]:.0%} of the {side} from the {edge}, not "
            f"{usual[what]:.0%}"
        )
    if what == 2:
        return f"the landmarks are {np.exp(own[2] - usual[2]):.2g} times as far apart as usual"
    return f"the landmarks are turned by {np.degrees(own[3] - usual[3]):.0f} degrees"
