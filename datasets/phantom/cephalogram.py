"""The lateral cephalogram: skull, jaws, teeth, neck and profile, with the 19 landmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from benchmark.datasets.phantom.curves import arc, moved, spline
from benchmark.datasets.phantom.distractors import add_marker, add_ruler, collimate
from benchmark.datasets.phantom.growth import LANDMARKS, VAULT, Face
from benchmark.datasets.phantom.scene import (
    CORTICAL,
    ENAMEL,
    METAL,
    SOFT,
    TRABECULAR,
    Scene,
)
from benchmark.datasets.phantom.subjects import Anatomy, Pose

_SHELL = CORTICAL - SOFT
_CORE = TRABECULAR - SOFT

Knots = Sequence[ArrayLike] | np.ndarray


@dataclass(frozen=True, eq=False)
class Cephalogram(Anatomy):
    """A head seen from its right side, facing right.

    Attributes:
        face: The points in mm from sella.
        pose: From there to the field.
        vault: Length and height of the braincase relative to the average.
        parting: (2,) how far the two sides of the head lie from the middle between them, in mm;
            landmarks with two sides are in the middle, as annotators put them.
        landmarks: (19, 2) in mm of the field.
        attributes: How the face has grown.
    """

    identifier = 13
    field = 240.0
    landmark_names = tuple(LANDMARKS.values())

    face: Face
    pose: Pose
    vault: np.ndarray
    parting: np.ndarray
    landmarks: np.ndarray
    attributes: Mapping[str, float]

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Draw a face, a braincase and how the head was placed in the cephalostat."""
        face = Face.sample(rng)
        size = 0.93 + 0.09 * face.growth.maturity + 0.025 * np.clip(rng.normal(), -2, 2)
        centre = np.array([112.0, 102.0]) + np.clip(rng.normal(0, 1, 2), -2.2, 2.2) * (8.0, 7.0)
        angle = float(np.clip(rng.normal(0, 0.1), -0.24, 0.24))
        vault = np.clip(rng.normal(1, 0.04, 2), 0.9, 1.1)
        parting = np.clip(rng.normal(0, 1, 2), -2, 2) * (1.3, 0.8)
        points = np.stack([face.points[name] for name in LANDMARKS])
        pose = Pose((size, size), angle, centre).keeping(points, cls.field, 8.0)
        return cls(face, pose, vault, parting, pose(points), face.growth.attributes)

    def draw(self, scene: Scene, rng: np.random.Generator) -> None:
        """Add the head from the soft tissue inwards."""
        parts = (
            self._soft_tissue,
            self._braincase,
            self._cranial_base,
            self._spine,
            self._midface,
            self._mandible,
            self._teeth,
        )
        for part in parts:
            scene.vary(rng)
            part(scene, rng)

    def distract(self, scene: Scene, rng: np.random.Generator) -> None:
        """Add ear rods, fillings, brackets, an earring, a nasal support, letters and blades."""
        at = self.face.points
        if rng.random() < 0.4:
            rod = self.pose(at["Po"] + rng.normal((0, 5), 1.5))
            ring = rng.uniform(2.5, 4.0)
            self._line(scene, arc(rod, ring, 0, 6.3), 0.5, METAL / 3, placed=True)
        self._dentistry(scene, rng)
        if rng.random() < 0.2:
            lobe = self.pose(at["Po"] + rng.normal((-2, 24), 3))
            self._line(scene, arc(lobe, rng.uniform(3, 8), 0, 6.3), 0.7, METAL, placed=True)
        if rng.random() < 0.3:
            hold = self.pose(moved(at["N"], rng.uniform(9, 12), rng.uniform(-3, 1)))
            top = np.array([hold[0] + rng.uniform(8, 14), 0.0])
            scene.tube(np.stack([hold, (top[0], hold[1])]), 1.6, SOFT * 4)
            add_ruler(scene, top, np.array([top[0], hold[1] + rng.uniform(-10, 30)]), 3.0)
        if rng.random() < 0.15:
            pin = self.pose(rng.uniform((-70, -70), (20, -40)))
            scene.tube(np.stack([pin, pin + rng.normal(0, 14, 2)]), 0.6, METAL)
        if rng.random() < 0.5:
            add_marker(scene, "R" if rng.random() < 0.8 else "L", self.landmarks, rng)
        if rng.random() < 0.35:
            collimate(scene, self.landmarks, 8.0, rng)

    def _dentistry(self, scene: Scene, rng: np.random.Generator) -> None:
        """Fillings, and in some mouths the brackets of an orthodontic appliance."""
        upright = self.pose.angle
        for _ in range(rng.poisson(1.2)):
            x = rng.uniform(22, 50)
            crown = self.pose((x, self._occlusal(x) + rng.normal(0, 3)))
            axes = (rng.uniform(1.5, 4), rng.uniform(1, 2.5))
            scene.ellipsoid(crown, axes, upright + rng.normal(0, 0.3), 6, METAL)
        if rng.random() < 0.2:
            for x in np.arange(28, 66, 6.5):
                for side in (-4, 4):
                    bracket = self.pose((x + rng.normal(0, 0.4), self._occlusal(x) + side))
                    scene.ellipsoid(bracket, (1.6, 1.2), upright, 2, METAL)

    def _soft_tissue(self, scene: Scene, rng: np.random.Generator) -> None:
        outline = self._curve(self.face.profile(self.vault, rng))
        scene.region(outline, 95 * self.pose.scale[0], 62, 0.85 * SOFT, rim=0.03)
        scene.region(outline, 30 * self.pose.scale[0], 9, 0.85 * SOFT, rim=0.25)

    def _braincase(self, scene: Scene, rng: np.random.Generator) -> None:
        at = self.face.points
        outline = [self._skull(knot) for knot in VAULT]
        outline[0], outline[1] = at["N"], moved(at["N"], 4.0, -10.0)
        curve = self._curve(outline)
        scene.region(curve, 130, 75, 0.5 * _SHELL, rim=0.0, cortex=5.0, core=0.0)
        scene.region(curve, 13, 6, 0.55 * _SHELL, rim=0.3)
        scene.region(curve, 9, 1.6, _SHELL, rim=0.5, cortex=1.4)
        for suture in (
            ((2, -97), (-2, -70), (9, -45), (8, -25)),
            ((-70, -76), (-62, -40), (-66, -5)),
        ):
            self._line(scene, [self._skull(knot) for knot in suture], 0.8, -0.5 * CORTICAL)
        frontal = rng.uniform(0.4, 1.3)
        sinus = self._curve([at["N"] + d for d in ((-1, -7), (1.5, -13), (-1, -24), (-5, -14))])
        scene.region(sinus, -14 * frontal, 3, _CORE + SOFT)

    def _cranial_base(self, scene: Scene, rng: np.random.Generator) -> None:
        at, scale = self.face.points, self.pose.scale[0]
        roof: list[ArrayLike] = [moved(at["N"], -5, -2), (44, -11), (24, -9), (11, -8)]
        saddle = arc(at["S"], 5.4, -0.75, 3.75)
        clivus: list[ArrayLike] = [(-9, -6), (-13, 6), (-20, 22), (-27, 38)]
        self._line(scene, [*roof, *saddle], 1.1, 2.6 * CORTICAL)
        self._line(scene, [saddle[-1], *clivus], 1.2, 2.0 * CORTICAL)
        base: list[ArrayLike] = [(4, 15), (-5, 18), at["Ar"], (-26, 42)]
        self._line(scene, base, 1.1, 1.6 * CORTICAL)
        self._blob(scene, at["S"], (4.6, 4.2), 0.1, -9, SOFT)
        self._blob(scene, (16, 4), (11, 8), 0.4, -22, SOFT)
        for centre, axes, depth in (((-28, 12), (17, 10), 19), ((-36, 24), (11, 14), 13)):
            self._blob(scene, centre, axes, -0.4, depth, _SHELL)
        for _ in range(26):
            cell = rng.normal((-37, 22), (5, 6))
            self._blob(scene, cell, rng.uniform(1.0, 2.4, 2), 0, -4, TRABECULAR)
        # The top of the ear canal is porion.
        for side in (-1, 1):
            canal = moved(at["Po"], 0.0, 4.4) + side * self.parting
            self._line(scene, arc(canal, 5.0, 0, 6.3), 0.9, 1.1 * CORTICAL)
            self._blob(scene, canal, (4.2, 4.4), 0, -14 / scale, TRABECULAR)

    def _midface(self, scene: Scene, rng: np.random.Generator) -> None:
        at = self.face.points
        orbit = moved(at["Or"], -3.0, -16.0)
        self._blob(scene, orbit, (16, 15), 0.1, -22, SOFT)
        rim = [(11, -20), (8, -9), (4, -2.5), (0, 0), (-6, -1.5), (-13, -6)]
        for side in (-1, 1):
            edge = [at["Or"] + 0.8 * side * self.parting + d for d in rim]
            self._line(scene, edge, 1.2, 1.2 * CORTICAL)
        sinus = [(-18, 3), (2, 4), (8, 12), (4, 18), (-16, 18), (-22, 10)]
        scene.region(self._curve([at["Or"] + d for d in sinus]), -rng.uniform(12, 34), 6, SOFT)
        fissure: list[ArrayLike] = [(18, 14), (15, 22), (16, 34), at["PNS"]]
        self._line(scene, fissure, 1.0, 1.5 * CORTICAL)
        key = [at["Or"] + d for d in ((-8, 0), (-10, 10), (-7, 17), (-4, 9), (-2, 2))]
        self._line(scene, key, 0.9, 1.4 * CORTICAL)
        bridge = at["N"] + ((0, 0), (4.5, 8), (8.5, 16))
        scene.tube(self._curve(list(bridge), closed=False), (2.0, 1.6, 1.2, 0.6), 1.6 * CORTICAL)
        self._line(scene, [moved(at["N"], -5, 3), moved(at["N"], 1.5, 0)], 0.7, -1.0 * CORTICAL)
        palate: list[ArrayLike] = [
            at["ANS"],
            (50, at["ANS"][1] + 0.5),
            (32, at["PNS"][1] - 0.5),
            at["PNS"],
        ]
        socket = moved((at["A"] + at["U1"]) / 2, -1.5, 1.0)
        lower: list[ArrayLike] = [
            (24, at["PNS"][1] + 12),
            moved(socket, -3.0, 2.0),
            socket,
            at["A"],
        ]
        maxilla = self._curve([*palate, (17, at["PNS"][1] + 5), *lower])
        scene.region(maxilla, 22, 5, _SHELL, rim=0.15, cortex=1.2, core=_CORE)
        self._line(scene, palate, 1.0, 2.4 * CORTICAL)
        spine = self._curve([at["ANS"], moved(at["ANS"], -9, 1.2)], closed=False)
        scene.long_bone(spine[0], spine[-1], (0.9, 2.2, 2.4), 1.0, (4 * _SHELL, 3 * _CORE))

    def _mandible(self, scene: Scene, rng: np.random.Generator) -> None:
        at, carried = self.face.points, self.face.mandible
        infradentale = moved(0.55 * at["B"] + 0.45 * at["L1"], -1.0, 0.0)
        crest = carried([(52, 74), (30, 71), (17, 66), (15, 52), (13, 40), (13, 27), (5, 36)])
        condyle = carried([(-1, 22), (-6, 15 + rng.normal(0, 1)), (-13, 18)])
        border = carried([(-15, 46), (-13, 60)])
        lower = carried([(0, 84), (14, 92), (27, 97)])
        contour: Knots = [infradentale, *crest, *condyle, at["Ar"], *border, at["Go"], *lower]
        contour = [*contour, carried((40, 102.5)), at["Me"], at["Gn"], at["Pog"]]
        contour = [*contour, carried((55.5, 90)), at["B"]]
        knots = np.array([np.asarray(knot, float) for knot in contour])
        # The sides of the jaw part towards the joint and are one at the chin.
        apart = np.clip((at["Me"][0] - 12 - knots[:, :1]) / 35, 0, 1) * self.parting
        for side in (-1, 1):
            outline = self._curve(knots + side * apart)
            scene.region(outline, 10, 6, _SHELL, rim=0.15, cortex=2.2, core=1.3 * _CORE)
        inner = carried([(45, 98), (47, 88), (52, 76)])
        chin = self._curve([infradentale, at["B"], at["Pog"], at["Gn"], at["Me"], *inner])
        scene.region(chin, 14, 3, _SHELL, rim=0.2, cortex=1.8, core=_CORE)
        canal = carried([(2, 50), (4, 66), (18, 82), (38, 88)])
        scene.tube(self._curve(list(canal), closed=False), 1.3, -0.5 * CORTICAL)

    def _teeth(self, scene: Scene, rng: np.random.Generator) -> None:
        at, unit = self.face.points, self.pose.scale[0]
        crown = (2.0 * ENAMEL, 1.6 * TRABECULAR)
        incisors = ((at["U1"], moved(at["A"], -3.5, 1.5)), (at["L1"], moved(at["B"], -3.5, 2.0)))
        for tip, root in incisors:
            radii = np.array([0.9, 2.4, 3.2, 3.3, 3.0, 2.2, 1.3]) * unit
            start, end = self.pose(np.stack([root, tip]))
            scene.long_bone(start, end, radii, 1.0, crown, cap=0.8)
        for k, x in enumerate((24.0, 33.5, 42.0, 49.0, 55.5)):
            level = self._occlusal(x)
            width = (5.0, 4.9, 4.0, 3.5, 3.2)[k] * unit
            lean = rng.normal(0, 0.8)
            radii = np.array([0.35, 0.6, 0.75, 0.85, 1.0, 1.0]) * width
            for side, length in ((-1, 19 + k), (1, 20 + k)):
                cusp = (x + rng.normal(0, 0.4), level + 0.3 * side)
                apex = (x + lean - side * 1.0, level + side * length)
                start, end = self.pose(np.array([apex, cusp]))
                scene.long_bone(start, end, radii, 1.2, crown, cap=0.35)

    def _occlusal(self, x: float) -> float:
        """Height of the occlusal plane in mm below sella, between the molars and the incisors."""
        front = 0.5 * (self.face.points["L1"] + self.face.points["U1"])
        back = 0.5 * (self.face.points["PNS"][1] + self.face.mandible((24, 88))[1])
        return float(np.interp(x, (24.0, front[0]), (back, front[1])))

    def _spine(self, scene: Scene, rng: np.random.Generator) -> None:
        lean, bend = rng.normal(-0.14, 0.08), rng.normal(0.0, 0.02)
        place = np.array([-27.0 + rng.normal(0, 2), 47.0])
        for level in range(7):
            along = np.array([np.sin(lean), np.cos(lean)])
            across = np.array([along[1], -along[0]])
            half = 7.2 + 0.25 * level
            corners = ((-1, -0.8), (0, -0.66), (1, -0.8), (0.9, 0), (1, 0.85), (0, 0.7), (-1, 0.8))
            body = [place + half * a * across + 7.6 * b * along for a, b in corners]
            scene.region(self._curve(body), 30, 3.5, _SHELL, rim=0.15, cortex=1.4, core=0.7 * _CORE)
            process = [place - 10 * across, place - 20 * across + 6 * along]
            process.append(place - (27 + 2.0 * level) * across + 12 * along)
            self._line(scene, process, 3.0, 0.7 * _SHELL)
            place = place + 17.0 * along
            lean += bend
        front = moved(self.face.points["PNS"], -6, 4)
        airway: Knots = [front, moved(front, -8, 22), moved(front, -8, 50), (4, 118), (2, 190)]
        scene.tube(self._curve(airway, closed=False), (4, 5, 4, 5, 7), -SOFT)

    def _skull(self, point: ArrayLike) -> np.ndarray:
        """Stretch a point of the average braincase about sella."""
        return np.asarray(np.asarray(point, float) * self.vault)

    def _curve(self, knots: Knots, closed: bool = True) -> np.ndarray:
        return self.pose(spline([np.asarray(k, float) for k in knots], 4, closed))

    def _line(
        self,
        scene: Scene,
        knots: Knots,
        radius: float,
        attenuation: float,
        placed: bool = False,
    ) -> None:
        """Add a thin bony line, or a wire whose knots are already in the field."""
        points = np.array([np.asarray(knot, float) for knot in knots])
        curve = spline(points, 3, closed=False)
        scene.tube(curve if placed else self.pose(curve), radius, attenuation)

    def _blob(
        self,
        scene: Scene,
        centre: ArrayLike,
        semi_axes: Sequence[float] | np.ndarray,
        angle: float,
        depth: float,
        attenuation: float,
    ) -> None:
        scale = self.pose.scale[0]
        axes = (semi_axes[0] * scale, semi_axes[1] * scale)
        scene.ellipsoid(self.pose(centre), axes, self.pose.angle + angle, depth, attenuation)
