"""The frontal chest radiograph: lungs, heart, diaphragm, ribs and shoulders, with 6 landmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from benchmark.datasets.phantom.curves import moved, spline
from benchmark.datasets.phantom.distractors import add_marker, collimate
from benchmark.datasets.phantom.lungs import Habitus, Lung, sample_lung
from benchmark.datasets.phantom.scene import CORTICAL, FAT, LUNG, METAL, SOFT, TRABECULAR, Scene
from benchmark.datasets.phantom.subjects import Anatomy, Pose

_AIR_IN_LUNG = LUNG - SOFT

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, eq=False)
class Chest(Anatomy):
    """A chest seen from the front: the right lung lies at the viewer's left.

    Attributes:
        habitus: The latent variables.
        pose: From the chest's frame to the field.
        lungs: Right, then left.
        landmarks: (6, 2) in mm of the field.
        attributes: The latent variables by name.
    """

    identifier = 11
    field = 365.0
    landmark_names = tuple(
        f"{side} {place}"
        for side in ("right", "left")
        for place in ("lung apex", "costophrenic angle", "cardiophrenic angle")
    )

    habitus: Habitus
    pose: Pose
    lungs: tuple[Lung, Lung]
    landmarks: np.ndarray
    attributes: Mapping[str, float]

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Draw build, breath, heart and positioning; both lungs share what is not their own."""
        z = np.clip(rng.standard_normal(6), -2.3, 2.3)
        habitus = Habitus(
            breath=z[0],
            heart=z[1],
            fat=z[2],
            age=float(rng.uniform(0, 1)),
            bosom=float(rng.random() < 0.45),
            rib_slope=z[3],
        )
        size = 0.98 + 0.045 * z[4]
        stretch = (size * (1 + 0.04 * z[5]), size)
        centre = np.array([182.0, 170.0]) + np.clip(rng.normal(0, 1, 2), -2.2, 2.2) * (10, 12)
        angle = float(np.clip(rng.normal(0, 0.05), -0.13, 0.13))
        lungs = (sample_lung(-1, habitus, rng), sample_lung(1, habitus, rng))
        points = np.stack(
            [p for lung in lungs for p in (lung.apex, lung.costophrenic, lung.cardiophrenic)]
        )
        pose = Pose(stretch, angle, centre).keeping(points, cls.field, 12.0)
        attributes = {name: float(value) for name, value in asdict(habitus).items()}
        return cls(habitus, pose, lungs, pose(points), attributes)

    def draw(self, scene: Scene, rng: np.random.Generator) -> None:
        """Add the trunk, carve the lungs out of it, then add what lies in front and behind."""
        self._trunk(scene, rng)
        scene.vary(rng)
        self._mediastinum(scene, rng)
        scene.vary(rng)
        self._spine(scene, rng)
        scene.vary(rng, 0.3)
        for lung in self.lungs:
            self._vessels(scene, lung, rng)
            self._ribs(scene, lung, rng)
            self._shoulder(scene, lung.side, rng)
        self._abdomen(scene, rng)

    def distract(self, scene: Scene, rng: np.random.Generator) -> None:
        """Add nodules, electrodes, lines, a pacemaker, a necklace, letters and blades."""
        for _ in range(rng.poisson(0.7)):
            spot = self.pose((rng.choice([-1, 1]) * rng.uniform(40, 110), rng.uniform(-90, 70)))
            axes = rng.uniform(5, 22, 2)
            scene.ellipsoid(spot, (axes[0], axes[1]), rng.uniform(0, 3), axes.min() * 1.2, SOFT)
        for _ in range(rng.poisson(0.8)):
            electrode = self.pose(rng.uniform((-130, -90), (130, 110)))
            exit_at = (0.0 if electrode[0] < 180 else self.field, electrode[1] + rng.normal(60, 60))
            middle = 0.5 * (electrode + exit_at) + rng.normal(0, 20, 2)
            self._wire(scene, [electrode, middle, exit_at], 0.7)
            scene.ellipsoid(electrode, (5, 5), 0, 2.5, METAL)
        if rng.random() < 0.25:
            line = [(-70, -112), (-25, -95), (-17, -50), (-20, rng.uniform(-20, 30))]
            self._wire(scene, list(self.pose(line)), 1.1, 0.5 * METAL)
        if rng.random() < 0.15:
            tube = np.array([(0, -190), (rng.normal(0, 2), -130), (rng.normal(2, 2), -75)])
            scene.tube(self.pose(tube), 4.0, 0.06, hollow=0.75)
        if rng.random() < 0.08:
            box = rng.normal((88, -88), 6)
            scene.ellipsoid(self.pose(box), (23, 18), 0.4, 8, METAL)
            lead: list[ArrayLike] = [moved(box, -20, -4), (25, -75), (-15, -20), (10, 60), (35, 72)]
            self._wire(scene, list(self.pose(np.array(lead))), 0.9)
        if rng.random() < 0.12:
            for bead in self.pose(spline([(-55, -190), (-2, -105), (50, -190)], 16, False)):
                scene.ellipsoid(bead, (1.4, 1.4), 0, 2, METAL)
        if rng.random() < 0.7:
            add_marker(scene, "R" if rng.random() < 0.8 else "L", self.landmarks, rng)
        if rng.random() < 0.3:
            collimate(scene, self.landmarks, 12.0, rng)

    def _wire(
        self, scene: Scene, knots: Sequence[ArrayLike], radius: float, attenuation: float = METAL
    ) -> None:
        points = np.array([np.asarray(knot, float) for knot in knots])
        scene.tube(spline(points, 4, closed=False), radius, attenuation)

    def _trunk(self, scene: Scene, rng: np.random.Generator) -> None:
        fat = 10 + 5 * self.habitus.fat
        half = (
            max(
                lung.side * lung.wall[:, 0].max() if lung.side > 0 else -lung.wall[:, 0].min()
                for lung in self.lungs
            )
            + fat
        )
        neck = 46 + 3 * self.habitus.fat + rng.normal(0, 2)
        slope = rng.normal(0, 5)
        right_half = [
            (neck, -260),
            (neck, -185),
            (neck + 22, -150 + slope),
            (110, -136 + slope),
            (165, -122 + slope),
            (196, -96 + slope),
            (204, -40),
            (214, 40),
            (218, 60),
            (half + 40, 44),
            (half + 24, -20),
            (half + 12, -62),
            (half + 8, -20),
            (half + 4, 60),
            (half + 2, 150),
            (half + 4, 300),
        ]
        body = np.array(right_half, float)
        outline = np.concatenate([body, body[::-1] * (-1, 1)])
        curve = self.pose(spline(outline, 3))
        scene.region(curve, 70 + 2 * fat, 30, 0.9 * SOFT, rim=0.0)
        core = np.array([(neck, -260), (neck + 6, -165), (half - 30, -118), (half - 4, -70)], float)
        core = np.concatenate([core, [(half - 2, 40), (half, 150), (half, 300)]])
        torso = self.pose(spline(np.concatenate([core, core[::-1] * (-1, 1)]), 3))
        scene.region(torso, 105, 62, 0.9 * SOFT, rim=0.0)
        for lung in self.lungs:
            outline = self.pose(lung.outline)
            scene.region(outline, 128, 40, _AIR_IN_LUNG, rim=0.08)
            if self.habitus.bosom:
                breast = self.pose((lung.side * rng.normal(80, 4), 62 + rng.normal(0, 6)))
                scene.ellipsoid(breast, (62, 46), 0.25 * lung.side, 13 + 0.8 * fat, FAT)

    def _mediastinum(self, scene: Scene, rng: np.random.Generator) -> None:
        right, left = self.lungs
        top = np.minimum(right.cardiophrenic, left.cardiophrenic)[1]
        heart = [
            (right.cardiophrenic[0] + 2, right.cardiophrenic[1] - 4),
            (right.cardiophrenic[0] - 1, top - 30),
            (-14, -28),
            (16, -36),
            (36, -8),
            (left.cardiophrenic[0] - 14, top - 26),
            (left.cardiophrenic[0] + 1, left.cardiophrenic[1] - 5),
            (left.cardiophrenic[0] - 30, left.cardiophrenic[1] + 14),
            (10, left.cardiophrenic[1] + 16),
        ]
        scene.region(self.pose(spline(heart, 5)), 14, 22, 0.8 * SOFT)
        unfold = 6 * self.habitus.age
        arch = [(-6, -40), (2, -72), (18 + unfold, -76), (22 + unfold, -58), (20, 0), (12, 90)]
        scene.tube(self.pose(spline(arch, 4, False)), 11.5 + 0.3 * unfold, 0.55 * SOFT)
        trachea = [(0, -200), (rng.normal(0, 2), -120), (2, -62)]
        scene.tube(self.pose(trachea), 8.5, -0.75 * SOFT)
        for side in (-1, 1):
            bronchus = [(2, -62), (side * 14 + 2, -46), (side * 36, -28)]
            scene.tube(self.pose(bronchus), (6.5, 6, 4.5), -0.7 * SOFT)

    def _spine(self, scene: Scene, rng: np.random.Generator) -> None:
        bend = rng.normal(0, 3)
        density = 0.85 - 0.3 * self.habitus.age
        y, height = -190.0, 17.0
        while y < 230:
            x = bend * np.sin(y / 70)
            half = 13 + 0.02 * y
            corners = ((-1, -0.42), (0, -0.36), (1, -0.42), (0.9, 0), (1, 0.42), (0, 0.36))
            body = [(x + half * a, y + height * b) for a, b in (*corners, (-1, 0.42), (-0.9, 0))]
            bone = density * (TRABECULAR - SOFT)
            curve = self.pose(spline(body, 3))
            scene.region(curve, 28, 4, 1.2 * bone, rim=0.3, cortex=1.5, core=0.8 * bone)
            process = self.pose((x, y + 0.45 * height))
            scene.ellipsoid(process, (3.2, 5.5), self.pose.angle, 6, CORTICAL - SOFT)
            y, height = y + height + 4.2, height + 0.75

    def _vessels(self, scene: Scene, lung: Lung, rng: np.random.Generator) -> None:
        """Branches from the hilum that taper, and the hilum itself."""
        hilum = np.array([lung.side * 40, -22.0 - 4 * (lung.side > 0)])
        scene.ellipsoid(self.pose(hilum), (11, 20), 0.25 * lung.side, 17, SOFT)
        for direction in np.linspace(-1.35, 1.3, 13) + rng.normal(0, 0.09, 13):
            length = rng.uniform(45, 85)
            curl = rng.normal(0, 0.3)
            ends = (0.0, 0.5, 1.0)
            knots = [
                hilum + length * t * np.array([lung.side * np.cos(a), np.sin(a)])
                for t, a in ((t, direction + curl * t) for t in ends)
            ]
            width = rng.uniform(2.2, 3.6)
            tapering = (width, 0.75 * width, 0.25 * width)
            scene.tube(self.pose(spline(knots, 3, False)), tapering, 0.8 * SOFT)

    def _ribs(self, scene: Scene, lung: Lung, rng: np.random.Generator) -> None:
        """Pairs of a posterior and an anterior arc that meet on the chest wall."""
        side, steep = lung.side, 0.30 + 0.06 * self.habitus.rib_slope
        bone = (1.1 - 0.3 * self.habitus.age) * (CORTICAL - SOFT)
        order = np.argsort(lung.wall[:, 1])
        heights, walls = lung.wall[order, 1], np.abs(lung.wall[order, 0])
        for k in range(10):
            start = -132 + 22.5 * k + rng.normal(0, 1.2)
            reach = float(np.interp(start + 28, heights, walls)) + 3.5
            turn = start + steep * reach
            behind = [(14, start), (0.35 * reach, start - 5 + 0.05 * reach)]
            behind += [(0.78 * reach, turn - 0.12 * reach), (reach, turn + 6)]
            curve = self.pose(spline(np.array(behind) * (side, 1), 4, False))
            scene.tube(curve, (4.2, 5.2, 5.6, 4.2), 1.25 * bone, hollow=0.72, core=0.4 * bone)
            if 1 <= k <= 7:
                front = [(reach, turn + 6), (0.93 * reach, turn + 22)]
                front += [(0.72 * reach, turn + 38), (0.5 * reach, turn + 40 + 2 * k)]
                curve = self.pose(spline(np.array(front) * (side, 1), 4, False))
                scene.tube(curve, (4.2, 5.6, 6.2), 0.85 * bone, hollow=0.75, core=0.3 * bone)

    def _shoulder(self, scene: Scene, side: int, rng: np.random.Generator) -> None:
        shrug = rng.normal(0, 5)
        bone = CORTICAL - SOFT
        clavicle = [(13, -92), (45, -103 + 0.4 * shrug), (95, -121 + shrug), (148, -122 + shrug)]
        curve = self.pose(spline(np.array(clavicle) * (side, 1), 4, False))
        scene.tube(curve, (8, 5.6, 5.2, 6.5), 1.3 * bone, hollow=0.7, core=0.7 * bone)
        blade = np.array([(150, -112), (122, -100), (112, -50), (124, 0), (134, -10), (152, -70)])
        blade = moved(blade, rng.normal(8, 5), shrug)
        scene.region(self.pose(spline(blade * (side, 1), 4)), 7, 3, bone, rim=0.4)
        spine_of_blade = moved(np.array([(118, -92), (140, -106), (164, -118)]), 4, shrug)
        scene.tube(self.pose(spine_of_blade * (side, 1)), 4.5, 0.6 * bone)
        head = self.pose((side * 172, -98 + shrug))
        scene.ellipsoid(head, (19, 20), 0, 30, 0.55 * bone)
        shaft = self.pose(np.array([(side * 175, -100 + shrug), (side * 196, 60)]))
        radii = (17, 13, 10.5, 10, 10)
        scene.long_bone(shaft[0], shaft[1], radii, 3.5, (0.8 * bone, 0.25 * bone))

    def _abdomen(self, scene: Scene, rng: np.random.Generator) -> None:
        left = self.lungs[1]
        dome = 0.5 * (left.costophrenic + left.cardiophrenic)
        bubble = self.pose(dome + rng.normal((-8, 22), 4))
        gas = rng.uniform(0.1, 1.0)
        scene.ellipsoid(bubble, (24, 10 + 6 * gas), rng.normal(0, 0.2), 45 * gas, -SOFT)
        for _ in range(rng.poisson(1.5)):
            loop = self.pose(rng.normal((75, 165), (25, 12)))
            scene.ellipsoid(loop, (rng.uniform(9, 20), 9), rng.normal(0, 0.8), 22, -SOFT)
