"""How chests are built: both lungs with their landmarks, from shared latent variables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmark.datasets.phantom.curves import moved, spline


@dataclass(frozen=True)
class Habitus:
    """The latent variables of a chest, each standard normal unless said otherwise.

    Attributes:
        breath: Depth of inspiration: lowers both domes of the diaphragm and all lower angles.
        heart: Size of the heart: moves its borders and the cardiophrenic angles outwards.
        fat: Thickness of the chest wall.
        age: 0..1; unfolds the aorta and thins the bones.
        bosom: 0 or 1, shadows of the breasts.
        rib_slope: Steepness of the ribs.
    """

    breath: float
    heart: float
    fat: float
    age: float
    bosom: float
    rib_slope: float


@dataclass(frozen=True, eq=False)
class Lung:
    """One lung in mm of the chest's own frame, from the middle of the spine.

    Attributes:
        side: -1 for the right lung (at the viewer's left), 1 for the left lung.
        apex: (2,) its highest point.
        costophrenic: (2,) the angle between chest wall and diaphragm.
        cardiophrenic: (2,) the angle between heart and diaphragm.
        outline: (n, 2) through all three.
        wall: (m, 2) the part from apex to costophrenic angle.
    """

    side: int
    apex: np.ndarray
    costophrenic: np.ndarray
    cardiophrenic: np.ndarray
    outline: np.ndarray
    wall: np.ndarray


def sample_lung(side: int, habitus: Habitus, rng: np.random.Generator) -> Lung:
    """Draw the outline of a lung through its three landmarks."""
    left = side > 0
    own = np.clip(rng.standard_normal((8, 2)), -2.3, 2.3)
    out = np.array([float(side), 1.0])
    apex = np.array([46.0, -112.0]) + own[0] * (3.0, 4.0)
    drop = 13.0 * habitus.breath + (2.0 if left else -4.0)
    costophrenic = np.array([142.0, 112.0 + drop]) + own[1] * (4.0, 5.0)
    bulge = 8.0 * habitus.heart
    inner = 92.0 + bulge if left else 46.0 + 0.5 * bulge
    level = (88.0 if left else 80.0) + 0.85 * drop
    cardiophrenic = np.array([inner, level]) + own[2] * (3.0, 3.5)
    cardiophrenic[0] = min(cardiophrenic[0], costophrenic[0] - 30)
    vertical = costophrenic[1] - apex[1]
    shoulder = moved(apex, 24 + 2 * own[3, 0], 14)
    upper = moved(apex, 58 + 3 * own[3, 0], 0.22 * vertical)
    middle = np.array([132 + 3 * own[4, 0], apex[1] + 0.55 * vertical])
    dome_x = cardiophrenic[0] + np.array([0.45, 0.8]) * (costophrenic[0] - cardiophrenic[0])
    dome_y = cardiophrenic[1] + np.array([-7.0 if not left else -3.0, 4.0]) + own[5]
    diaphragm = [costophrenic, (dome_x[1], dome_y[1]), (dome_x[0], dome_y[0]), cardiophrenic]
    belly = moved(cardiophrenic, -3.0 if left else 4.0, -22.0)
    high = (0.42 * cardiophrenic[0] + 4, -2.0) if left else (33 + 0.4 * bulge, 20.0)
    border = [cardiophrenic, belly, high, (26 + own[6, 0], -35.0), (29.0 + own[6, 1], -62.0)]
    border += [(21 + own[7, 0], -82.0), moved(apex, -17.0, 11.0)]
    wall = [apex, shoulder, upper, middle, moved(costophrenic, 1.0, -24.0), costophrenic]
    # Sharp at the two lower angles, smooth at the apex.
    upwards = spline([*border, *wall], 5, False)
    outline = np.concatenate([upwards[:-1], spline(diaphragm, 5, False)[:-1]])
    return Lung(
        side,
        apex * out,
        costophrenic * out,
        cardiophrenic * out,
        outline * out,
        upwards[5 * len(border) :] * out,
    )
