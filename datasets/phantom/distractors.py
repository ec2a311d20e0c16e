"""What is in any radiograph but not of the body: lead letters, collimator blades, rulers."""

from __future__ import annotations

import numpy as np

from benchmark.datasets.phantom.curves import moved
from benchmark.datasets.phantom.scene import METAL, Scene

# Strokes on a grid of width 2 and height 3, y down.
_LETTERS: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "L": (((0, 0), (0, 3), (2, 3)),),
    "R": (((0, 3), (0, 0), (1.4, 0), (2, 0.4), (2, 1.2), (1.4, 1.6), (0, 1.6)), ((1, 1.6), (2, 3))),
}


def add_letter(
    scene: Scene, letter: str, position: np.ndarray, height: float, angle: float
) -> None:
    """Add a lead letter, ``L`` or ``R``.

    Args:
        scene: Where it is added.
        letter: The letter.
        position: (2,) its centre in mm.
        height: In mm.
        angle: Rotation in radians, clockwise on the screen.
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    for stroke in _LETTERS[letter]:
        points = (moved(np.array(stroke), -1.0, -1.5)) * (height / 3)
        scene.tube(points @ turn + position, height / 14, 4 * METAL)


def add_marker(scene: Scene, letter: str, landmarks: np.ndarray, rng: np.random.Generator) -> None:
    """Add a lead letter near one of the corners, off the landmarks."""
    field = scene.size * scene.spacing
    height = field * rng.uniform(0.03, 0.05)
    corners = rng.uniform(0.07, 0.16, (4, 2)) * field
    corners = np.where([[0, 0], [1, 0], [0, 1], [1, 1]], field - corners, corners)
    angle = rng.normal(0, 0.15)
    distance = np.hypot(*(corners[:, None] - landmarks[None]).transpose(2, 0, 1)).min(1)
    candidates = np.flatnonzero(distance > 2.5 * height)
    chosen = rng.random()
    if len(candidates):
        corner = corners[candidates[int(chosen * len(candidates))]]
        add_letter(scene, letter, corner, height, angle)


def collimate(scene: Scene, landmarks: np.ndarray, margin: float, rng: np.random.Generator) -> None:
    """Close the collimator's blades to a slightly turned rectangle that keeps all landmarks.

    Args:
        scene: Its shutter is closed outside the rectangle.
        landmarks: (landmarks, 2) in mm.
        margin: Least distance of a landmark from a blade in mm.
        rng: Draws the blades.
    """
    field = scene.size * scene.spacing
    angle = rng.normal(0, 0.03)
    across = np.array([np.cos(angle), np.sin(angle)])
    for normal in (across, -across, across[::-1] * (-1, 1), across[::-1] * (1, -1)):
        border = max(field * normal[0], 0) + max(field * normal[1], 0)
        nearest = float((landmarks @ normal).max()) + margin
        openness = rng.uniform(0.2, 1.0)
        if nearest >= border or rng.random() < 0.3:
            continue
        blade = nearest + openness * (border - nearest)
        depth = blade - (scene.axis[None, :] * normal[0] + scene.axis[:, None] * normal[1])
        scene.shutter *= np.clip(0.5 + depth / (1.5 * scene.spacing), 0, 1).astype(np.float32)


def add_ruler(
    scene: Scene, start: np.ndarray, end: np.ndarray, width: float, pitch: float = 5.0
) -> None:
    """Add a metal scale with a tick every ``pitch`` mm along a line from start to end."""
    scene.tube(np.stack([start, end]), width / 5, 0.5 * METAL)
    length = float(np.hypot(*(end - start)))
    along = (end - start) / length
    across = np.array([-along[1], along[0]])
    for k in range(1, int(length / pitch)):
        tick = start + k * pitch * along
        reach = width * (1.0 if k % 2 else 1.6)
        scene.tube(np.stack([tick, tick + reach * across]), width / 7, 0.5 * METAL)
