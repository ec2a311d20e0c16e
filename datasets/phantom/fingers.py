"""How hands are built: names, average bones, and how lengths and pose vary together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_FINGERS = ("thumb", "index", "middle", "ring", "little")
_JOINTS: dict[str, tuple[str, ...]] = {"thumb": ("metacarpophalangeal", "interphalangeal")}
_JOINTS |= dict.fromkeys(
    _FINGERS[1:], ("metacarpophalangeal", "proximal interphalangeal", "distal interphalangeal")
)
_WRIST = (
    "distal ulna, ulnar corner",
    "ulnar styloid",
    "distal ulna, radial corner",
    "distal radius, ulnar corner",
    "distal radius, radial corner",
    "radial styloid",
)
_CARPALS = ("triquetrum", "lunate", "scaphoid", "hamate", "capitate", "trapezoid", "trapezium")
LANDMARKS = (
    *_WRIST,
    *(f"{bone}, proximal pole" for bone in _CARPALS),
    *(f"{finger} metacarpal base" for finger in reversed(_FINGERS)),
    *(
        f"{finger} {place}"
        for finger in _FINGERS
        for place in (*(f"{joint} joint" for joint in _JOINTS[finger]), "tip")
    ),
)

# An average adult in mm from the base of the third metacarpal, thumb to the right, fingers up.
WRIST_POINTS = ((-27, 42), (-24, 32.5), (-13, 42.5), (-10, 41.5), (17, 42.5), (16.5, 27))
# Centre, semi-axes, tilt in radians and the angle of the proximal pole, of each carpal bone.
CARPAL_SHAPES = (
    ((-17.5, 21.0), (8.0, 5.2), 1.2, 1.65),
    ((-6.5, 26.5), (6.6, 6.4), 0.2, 1.75),
    ((9.0, 22.5), (10.0, 5.6), -0.75, 2.0),
    ((-12.0, 10.5), (9.5, 7.4), 1.3, 1.3),
    ((-0.5, 13.0), (11.0, 6.6), 1.55, 1.6),
    ((11.0, 8.0), (5.6, 5.0), 0.6, 1.2),
    ((19.0, 11.0), (7.0, 6.0), 0.9, 1.55),
)
_BASES = ((26.5, 8.0), (12.8, 1.5), (0.0, 0.0), (-10.6, 0.6), (-18.2, 3.4))
_DIRECTIONS = np.array([0.64, 0.16, 0.0, -0.15, -0.38])
_METACARPALS = (44.0, 66.0, 64.5, 57.5, 53.0)
_PHALANGES = (
    (31.0, 23.0),
    (39.0, 23.5, 18.0),
    (43.5, 28.0, 19.0),
    (40.0, 26.5, 19.0),
    (32, 19, 17),
)
# Direction of each phalanx relative to the bone before it, in radians.
_BENDS = (
    (-0.16, 0.04),
    (0.04, -0.04, -0.06),
    (0.03, -0.03, -0.04),
    (0.01, -0.01, 0.03),
    (-0.02, 0.02, 0.08),
)
# Radii of base, shaft and head of the metacarpals in mm.
METACARPAL_RADII = (
    (7.0, 4.3, 6.6),
    (8.0, 4.2, 7.2),
    (7.4, 4.2, 7.2),
    (6.4, 3.6, 6.4),
    (6.4, 3.4, 5.9),
)


@dataclass(frozen=True, eq=False)
class Finger:
    """One ray of the hand in mm of the hand's own frame.

    Attributes:
        bones: (bones, 2, 2) proximal and distal tip of the metacarpal and of each phalanx.
        girth: Width of bone and flesh relative to the average.
    """

    bones: np.ndarray
    girth: float


def sample_fingers(rng: np.random.Generator) -> tuple[Finger, ...]:
    """Draw lengths and pose: spread, thumb abduction, ulnar drift and a bend of each finger."""
    long, slender, spread, thumb, drift = np.clip(rng.standard_normal(5), -2.2, 2.2)
    girth = 1 + 0.05 * slender
    # Fingers lean together, or they would cross.
    spread, lean = max(spread, -1.6), rng.normal(0, 0.045)
    fingers = []
    for k in range(5):
        own = 1 + 0.03 * rng.normal() + 0.025 * long
        angle = _DIRECTIONS[k] * (1 + 0.08 * spread) + 0.02 * rng.normal()
        angle += 0.13 * thumb if k == 0 else 0.0
        start = np.array(_BASES[k]) + rng.normal(0, 0.7, 2)
        bend = lean + rng.normal(0, 0.018)
        bones = []
        for j, length in enumerate((_METACARPALS[k], *_PHALANGES[k])):
            if j > 0:
                angle += (
                    _BENDS[k][j - 1] + (bend if j > 1 or k == 0 else 0.0) + rng.normal(0, 0.018)
                )
            if j == 1 and k > 0:
                angle += 0.45 * _DIRECTIONS[k] * spread + 0.05 * drift
            stop = start + length * own * (1 + 0.015 * rng.normal()) * _upwards(angle)
            bones.append((start, stop))
            start = stop + 1.7 * _upwards(angle)
        fingers.append(Finger(np.array(bones), girth * (1 + 0.03 * rng.normal())))
    return tuple(fingers)


def posture(fingers: tuple[Finger, ...]) -> dict[str, float]:
    """How wide the hand is open, in radians clockwise on the screen.

    Returns:
        ``finger_spread``: from the little finger's proximal phalanx to the index finger's.
        ``thumb_abduction``: from the third metacarpal to the first.
    """
    thumb, index, middle, _, little = (finger.bones for finger in fingers)
    return {
        "finger_spread": _between(little[1], index[1]),
        "thumb_abduction": _between(middle[0], thumb[0]),
    }


def _between(first: np.ndarray, second: np.ndarray) -> float:
    """The angle from one bone to another, below half a turn either way."""
    (a, b), (c, d) = first[1] - first[0], second[1] - second[0]
    return float(np.arctan2(a * d - b * c, a * c + b * d))


def sample_carpal(
    shape: tuple[tuple[float, float], tuple[float, float], float, float],
    rng: np.random.Generator,
) -> np.ndarray:
    """An irregular oval in mm, (16, 2), whose first point is the bone's proximal pole."""
    centre, axes, tilt, pole = shape
    turn = pole - tilt + np.linspace(0, 2 * np.pi, 16, endpoint=False)
    oval = np.stack([np.cos(turn), np.sin(turn)], 1) * np.array(axes) * rng.normal(1, 0.04, 2)
    oval *= 1 + 0.05 * np.cos(3 * turn + rng.uniform(0, 6.3))[:, None]
    tilt += rng.normal(0, 0.06)
    turned = oval @ np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    return np.asarray(turned + centre + rng.normal(0, 0.8, 2))


def _upwards(angle: float) -> np.ndarray:
    return np.array([np.sin(angle), -np.cos(angle)])
