"""The hand radiograph: forearm, wrist, metacarpals and phalanges, with the 37 landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from benchmark.datasets.phantom.curves import moved, softened_polygon, spline
from benchmark.datasets.phantom.distractors import add_marker, collimate
from benchmark.datasets.phantom.fingers import (
    CARPAL_SHAPES,
    LANDMARKS,
    METACARPAL_RADII,
    WRIST_POINTS,
    Finger,
    posture,
    sample_carpal,
    sample_fingers,
)
from benchmark.datasets.phantom.scene import CORTICAL, METAL, SOFT, TRABECULAR, Scene
from benchmark.datasets.phantom.subjects import Anatomy, Pose


@dataclass(frozen=True, eq=False)
class Hand(Anatomy):
    """A left hand seen from its back, fingers up and thumb to the right, as in the public set.

    Attributes:
        pose: From the hand's frame to the field.
        wrist: (6, 2) corners and styloids of ulna and radius.
        carpals: (7,) outlines; the pole of each is its first point.
        fingers: Thumb to little finger.
        maturity: 0 (growth plates wide open) to 1 (closed).
        flesh: Thickness of the soft tissue relative to the average.
        landmarks: (37, 2) in mm of the field.
        attributes: Age, which is the maturity, and the posture of the fingers.
    """

    identifier = 7
    field = 250.0
    landmark_names = LANDMARKS

    pose: Pose
    wrist: np.ndarray
    carpals: tuple[np.ndarray, ...]
    fingers: tuple[Finger, ...]
    maturity: float
    flesh: float
    landmarks: np.ndarray
    attributes: Mapping[str, float]

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Draw age, build and pose; lengths of one finger and of all fingers vary together."""
        maturity = float(np.clip(rng.uniform(-0.15, 1.25), 0, 1))
        size = (0.80 + 0.16 * maturity) * (1 + 0.03 * np.clip(rng.normal(), -2.2, 2.2))
        angle = float(np.clip(rng.normal(0, 0.11), -0.26, 0.26))
        centre = np.array([120.0, 190.0]) + np.clip(rng.normal(0, 1, 2), -2, 2) * (7.0, 7.0)
        width = 1 + 0.03 * rng.normal()
        wrist = moved(np.array(WRIST_POINTS) * (width, 1.0), 0, 1.6 * rng.normal())
        wrist += rng.normal(0, 0.9, wrist.shape)
        carpals = tuple(sample_carpal(shape, rng) for shape in CARPAL_SHAPES)
        fingers = sample_fingers(rng)
        flesh = 1 + 0.09 * float(np.clip(rng.normal(), -2, 2))
        poles = np.stack([outline[0] for outline in carpals])
        bases = np.stack([finger.bones[0, 0] for finger in reversed(fingers)])
        joints = [np.append(f.bones[1:, 0], f.bones[-1:, 1], axis=0) for f in fingers]
        points = np.concatenate([wrist, poles, bases, *joints])
        pose = Pose((size, size), angle, centre).keeping(points, cls.field, 7.0)
        attributes = {"age": maturity, **posture(fingers)}
        return cls(pose, wrist, carpals, fingers, maturity, flesh, pose(points), attributes)

    def draw(self, scene: Scene, rng: np.random.Generator) -> None:
        """Add the flesh, in which parts that touch do not add up, then the bones."""
        flesh = Scene(scene.size, self.field, union=True)
        self._flesh(flesh)
        scene.integral += flesh.integral
        scene.vary(rng)
        self._forearm(scene)
        scene.vary(rng)
        for outline in self.carpals:
            curve = self.pose(spline(outline, 3))
            shell, core = 1.7 * (CORTICAL - SOFT), 1.7 * (TRABECULAR - SOFT)
            scene.region(curve, 11.5 * self._size, 4.0, shell, rim=0.2, cortex=0.8, core=core)
        pisiform = self.pose(self.carpals[0].mean(0) + rng.normal((-0.5, -1.0), 0.8))
        scene.ellipsoid(pisiform, (4.4, 3.6), 0.3, 7, TRABECULAR)
        hook = self.pose(moved(self.carpals[3].mean(0), -1.0, -1.0) + 2.6 * _circle(9, 4.2))
        scene.tube(hook, 0.7, CORTICAL)
        scene.vary(rng)
        for k, finger in enumerate(self.fingers):
            for j, (base, head) in enumerate(finger.bones):
                self._bone(scene, k, j, base, head)

    def distract(self, scene: Scene, rng: np.random.Generator) -> None:
        """Add rings, a bracelet, a cable, lead letters and collimator blades."""
        for _ in range(rng.poisson(0.45)):
            finger = self.fingers[rng.integers(1, 5)]
            base, head = finger.bones[1]
            along = (head - base) / np.hypot(*(head - base))
            across = np.array([-along[1], along[0]]) * 9.0 * finger.girth
            centre = base + rng.uniform(0.25, 0.7) * (head - base)
            bow = along * rng.uniform(-2, 2)
            band = np.stack([centre - across, centre + bow, centre + across])
            scene.tube(self.pose(spline(band, 4, closed=False)), rng.uniform(0.8, 1.8), METAL)
        if rng.random() < 0.12:
            self._bracelet(scene, rng)
        if rng.random() < 0.12:
            start, stop = rng.uniform(20, 230, 2), rng.uniform(20, 230, 2)
            cable = spline([start, 0.5 * (start + stop) + rng.normal(0, 25, 2), stop], 6, False)
            scene.tube(cable, 1.2, 0.25 * METAL, hollow=0.5)
        if rng.random() < 0.5:
            add_marker(scene, "L" if rng.random() < 0.8 else "R", self.landmarks, rng)
        if rng.random() < 0.35:
            collimate(scene, self.landmarks, 7.0, rng)

    @property
    def _size(self) -> float:
        return self.pose.scale[0]

    def _bracelet(self, scene: Scene, rng: np.random.Generator) -> None:
        """A chain round the forearm, well below the wrist's landmarks."""
        y = self.wrist[:, 1].max() + rng.uniform(10, 18)
        sag = rng.uniform(-4, 8)
        chain = spline([(-36, y), (-5, y + sag), (29, y)], 12, closed=False)
        for bead in self.pose(chain):
            scene.ellipsoid(bead, (1.5, 1.5), 0.0, 2.5, METAL)

    def _flesh(self, flesh: Scene) -> None:
        size, plump = self._size, self.flesh
        for k, finger in enumerate(self.fingers):
            width = (9.6, 8.7, 8.9, 8.4, 7.4)[k] * finger.girth * size * plump
            tip = finger.bones[-1, 1]
            pulp = tip + 3.2 * (tip - finger.bones[-1, 0]) / np.hypot(*np.ptp(finger.bones[-1], 0))
            joints = np.concatenate([finger.bones[:, 0], pulp[None]])
            joints[0] = 0.5 * (finger.bones[0, 0] + finger.bones[0, 1])
            joints[-1] -= 0.6 * width / size * (pulp - joints[-2]) / np.hypot(*(pulp - joints[-2]))
            radii = np.array([1.2, 1.12, 0.95, 1.0, 0.9, 0.8])[: len(joints) + 1] * width
            flesh.tube(self.pose(joints), list(radii), 1.15 * SOFT)
        thumb, index, little = (self.fingers[k].bones for k in (0, 1, 4))
        edge = 12.0 * plump
        web = moved(0.45 * thumb[0, 1] + 0.55 * index[0, 1], -2.0, 16.0)
        knuckles = [moved(f.bones[1, 0], 0, -6.0) for f in self.fingers[1:]]
        outline = [
            *self._forearm_edge(edge, right=True),
            moved(thumb[0, 0], 9.0 * plump, 2.0),
            moved(thumb[0].mean(0), 9.5 * plump, 5.0),
            moved(thumb[0, 1], 1.0, 2.0),
            web,
            moved(index[0, 1], 9.0 * plump, 3.0),
            *knuckles,
            moved(little[0, 1], -9.5 * plump, 2.0),
            moved(little[0].mean(0), -11.0 * plump, 0.0),
            moved(little[0, 0], -12.5 * plump, 8.0),
            *self._forearm_edge(edge, right=False),
        ]
        palm = self.pose(spline(outline, 4))
        flesh.region(palm, 25 * size * plump, 15, SOFT, rim=0.05)

    def _forearm_edge(self, edge: float, right: bool) -> list[np.ndarray]:
        """Knots of the forearm's outline, outwards on the right side and inwards on the left."""
        if right:
            styloid = self.wrist[4]
            return [
                moved(styloid, edge + 2, 130),
                moved(styloid, edge - 2, 30),
                moved(styloid, edge - 3, -6),
            ]
        styloid = self.wrist[0]
        return [
            moved(styloid, -(edge - 3), -(6)),
            moved(styloid, 2 - edge, 30),
            moved(styloid, -edge - 2, 130),
        ]

    def _forearm(self, scene: Scene) -> None:
        """Radius and ulna: shaft up to the growth plate, then the epiphysis with its styloid."""
        corner, styloid, inner, radial, outer, tip = self.wrist
        gap = 1.5 * (1 - self.maturity) - 0.7
        sides = ((radial, outer, 12.5, 5.5, 20), (corner, inner, 8.5, 4.5, 13))
        shell, core = CORTICAL - SOFT, 1.15 * (TRABECULAR - SOFT)
        for left, right, wide, narrow, deep in sides:
            middle = 0.5 * (left + right)
            shaft = [left, right, moved(right, -0.8, 10), moved(middle, wide * 0.75, 22)]
            shaft += [moved(middle, narrow + 1.5, 55), moved(middle, narrow + 2, 150)]
            shaft += [moved(middle, -narrow, 150), moved(middle, -narrow - 0.5, 55)]
            shaft += [moved(middle, -wide * 0.75, 22), moved(left, 0.8, 10)]
            curve = self.pose(softened_polygon(shaft))
            scene.region(curve, deep * self._size, 6, shell, rim=0.2, cortex=2.0, core=core)
        lift = np.array([0.0, -1.0 - max(gap, 0.0)])
        head = [
            moved(radial + lift, 0.6, 0),
            moved(radial, 0.5, -9.0),
            moved(0.5 * (radial + tip), 0, -1.5),
        ]
        head += [tip, moved(outer, 0.8, -9.0), outer + lift]
        ulnar = [corner + lift, moved(corner, 0.3, -5.0), styloid, moved(styloid, 3.5, 4.5)]
        ulnar += [moved(inner, -1.0, -6.0), inner + lift]
        for contour, deep in ((head, 17), (ulnar, 11)):
            curve = self.pose(softened_polygon(contour))
            scene.region(curve, deep * self._size, 4, shell, rim=0.25, cortex=1.2, core=core)
        for left, right in ((radial, outer), (corner, inner)):
            plate = self.pose(
                np.stack([left + 0.04 * (right - left), right + 0.04 * (left - right)])
            )
            scene.tube(plate, 0.55 + 0.35 * abs(gap), -CORTICAL if gap > 0 else 0.6 * CORTICAL)

    def _bone(
        self, scene: Scene, finger: int, order: int, base: np.ndarray, head: np.ndarray
    ) -> None:
        """Add a metacarpal (order 0) or a phalanx, with its growth plate while it is open."""
        girth = self.fingers[finger].girth * self._size
        last = order == len(self.fingers[finger].bones) - 1
        widths = np.array(METACARPAL_RADII[finger]) * girth * (1, 0.93, 0.78, 0.68)[order]
        at_base, at_shaft, at_head = widths * ((1, 0.95, 0.45) if last else (1, 1, 0.95))
        profile = (at_base, 0.86 * at_base, at_shaft * 1.08, at_shaft, at_shaft, 1.05 * at_shaft)
        end = (0.8 * at_head, at_head, at_head) if not last else (0.8 * at_shaft, at_head)
        attenuation = (0.85 * CORTICAL, 0.7 * TRABECULAR)
        start, stop = self.pose([base, head])
        scene.long_bone(start, stop, (*profile, *end), 1.5 * girth, attenuation, cap=0.4)
        if self.maturity < 0.75:
            from_base = 0.14 if order or finger == 0 else 0.86
            centre = start + from_base * (stop - start)
            along = (stop - start) / np.hypot(*(stop - start))
            half = 0.72 * at_base * np.array([-along[1], along[0]])
            plate = np.stack([centre - half, centre + half])
            scene.tube(plate, 0.4 + 0.5 * (0.75 - self.maturity), -0.9 * CORTICAL)


def _circle(points: int, span: float) -> np.ndarray:
    angles = np.linspace(0, span, points)
    return np.stack([np.cos(angles), np.sin(angles)], 1)
