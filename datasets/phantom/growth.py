"""How faces grow: cephalometric points whose variation is correlated as in patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmark.datasets.phantom.curves import moved

# The ISBI 2015 order, with the abbreviations of the field.
LANDMARKS: dict[str, str] = {
    "S": "sella",
    "N": "nasion",
    "Or": "orbitale",
    "Po": "porion",
    "A": "subspinale",
    "B": "supramentale",
    "Pog": "pogonion",
    "Me": "menton",
    "Gn": "gnathion",
    "Go": "gonion",
    "L1": "lower incisal incision",
    "U1": "upper incisal incision",
    "UL": "upper lip",
    "LL": "lower lip",
    "Sn": "subnasale",
    "Pog'": "soft tissue pogonion",
    "PNS": "posterior nasal spine",
    "ANS": "anterior nasal spine",
    "Ar": "articulare",
}

# An average adult in mm from sella, x forward, y down, head upright.
_CRANIUM: dict[str, tuple[float, float]] = {
    "S": (0, 0),
    "N": (61, -7),
    "Or": (48, 19),
    "Po": (-22, 19),
}
_MAXILLA: dict[str, tuple[float, float]] = {"ANS": (63.5, 42), "PNS": (16, 41), "A": (59.5, 49)}
_MANDIBLE: dict[str, tuple[float, float]] = {
    "B": (56, 83.5),
    "Pog": (57, 96),
    "Gn": (54.5, 101.5),
    "Me": (49.5, 103.5),
    "Go": (-9, 73),
    "L1": (63, 68),
}
_ARTICULARE = np.array([-14.0, 29.0])

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# Outline of the braincase from nasion upwards and back, and along the base.
VAULT: tuple[tuple[float, float], ...] = (
    (61, -7),
    (65, -17),
    (65, -42),
    (50, -73),
    (17, -96),
    (-29, -99),
    (-72, -76),
    (-96, -30),
    (-91, 12),
    (-70, 36),
    (-45, 43),
    (-26, 40),
    (-15, 14),
    (-9, -3),
    (6, -5),
    (22, -7),
    (44, -9),
)


@dataclass(frozen=True)
class Growth:
    """The latent variables of a face, each standard normal unless said otherwise.

    Attributes:
        skeletal_class: Above 0 the mandible lies forward (towards class III), below 0 back.
        vertical: Above 0 the face is long and the mandible turned down and back.
        ramus: Height of the ramus.
        maxilla: (2,) forward and downward position of the maxilla.
        upper_incisor: Inclination; above 0 forward.
        lower_incisor: Inclination; compensates part of the skeletal class.
        overbite: Vertical overlap of the incisors in mm.
        fullness: Thickness of the soft tissue.
        nose: Length of the nose.
        maturity: 0 (child) to 1 (adult); also the size of the head.
    """

    skeletal_class: float
    vertical: float
    ramus: float
    maxilla: np.ndarray
    upper_incisor: float
    lower_incisor: float
    overbite: float
    fullness: float
    nose: float
    maturity: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Growth:
        """Draw a face; the incisors compensate part of the skeletal class, as they do."""
        z = np.clip(rng.standard_normal(10), -2.6, 2.6)
        return cls(
            skeletal_class=z[0],
            vertical=z[1],
            ramus=z[2],
            maxilla=z[3:5],
            upper_incisor=0.5 * z[0] + 0.8 * z[5],
            lower_incisor=-0.5 * z[0] + 0.8 * z[6],
            overbite=float(np.clip(2.0 - 0.8 * z[1] + 0.8 * z[7], -1.0, 5.0)),
            fullness=z[8],
            nose=z[9],
            maturity=float(rng.uniform(0, 1)),
        )

    @property
    def attributes(self) -> dict[str, float]:
        """Those of which one standard deviation moves landmarks by 2 mm, a pixel at 128 px."""
        return {
            "skeletal_class": float(self.skeletal_class),
            "vertical_growth": float(self.vertical),
            "maturity": self.maturity,
        }


@dataclass(frozen=True, eq=False)
class Face:
    """The points of a face in mm from sella.

    Attributes:
        growth: The latent variables.
        points: (2,) each, by the abbreviations of ``LANDMARKS``.
    """

    growth: Growth
    points: dict[str, np.ndarray]

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Face:
        """Draw the latent variables, then each point with a little variation of its own."""
        growth = Growth.sample(rng)
        own = {name: rng.normal(0, 1.0, 2) for name in LANDMARKS}
        points = {name: np.array(at, float) + 1.3 * own[name] for name, at in _CRANIUM.items()}
        points["S"] = np.zeros(2)
        points["Ar"] = _ARTICULARE + 1.5 * own["Ar"]
        shift = moved(np.array([1.8, 1.5]) * growth.maxilla, -1.6 * growth.skeletal_class, 0.0)
        shift[1] += 1.2 * growth.vertical
        for name, at in _MAXILLA.items():
            share = np.array([0.4, 0.7]) if name == "PNS" else np.ones(2)
            points[name] = np.array(at) + share * shift + 0.8 * own[name]
        face = cls(growth, points)
        for name, at in _MANDIBLE.items():
            points[name] = face.mandible(at) + 0.7 * own[name] * (2.0 if name == "Go" else 1.0)
        # The chin's points lie on one curve: what moves pogonion moves its neighbours.
        for name in ("Gn", "Me"):
            points[name] = face.mandible(_MANDIBLE[name]) + 0.5 * own["Pog"] + 0.3 * own[name]
        points["L1"][0] += 1.7 * growth.lower_incisor
        points["U1"] = np.array([65.5 + shift[0] + 1.9 * growth.upper_incisor, 0.0])
        points["U1"][0] = max(points["U1"][0], points["L1"][0] - 2.0)
        points["U1"] += (0.5 * own["U1"][0], points["L1"][1] + growth.overbite)
        face._add_soft_tissue(own)
        return face

    def mandible(self, points: ArrayLike) -> np.ndarray:
        """Carry points of the average mandible to this face, by growth about articulare."""
        growth = self.growth
        local = np.asarray(points, float) - _ARTICULARE
        length = 1 + 0.030 * growth.skeletal_class
        local = local * (length, 1 + 0.035 * growth.ramus + 0.01 * growth.skeletal_class)
        angle = 0.045 * growth.vertical
        cosine, sine = np.cos(angle), np.sin(angle)
        turned = local @ np.array([[cosine, sine], [-sine, cosine]])
        forward = (2.4 * growth.skeletal_class, 0.4 * growth.vertical)
        return np.asarray(turned + self.points["Ar"] + forward * _reach(local))

    def profile(self, vault: np.ndarray, rng: np.random.Generator) -> list[ArrayLike]:
        """Knots of the outline of head and neck in mm from sella, through all soft landmarks.

        Args:
            vault: (2,) length and height of the braincase relative to the average.
            rng: Draws what no landmark determines: tilt of the nose, depth of the throat.
        """
        at = self.points
        nose = 15.0 + 2.0 * self.growth.nose
        tip = moved(at["Sn"], nose, -8.0 + rng.normal(0, 1.5))
        stomion = moved(0.5 * (at["UL"] + at["LL"]), -5.5, 0.5)
        fold = moved(0.5 * (at["LL"] + at["Pog'"]), -4.0, -1.0)
        throat = moved(at["Me"], -32.0, rng.normal(14, 2))
        return [
            np.array((70, -45)) * vault,
            np.array((72, -20)) * vault,
            moved(at["N"], 7.5, 0.0),
            moved(tip, -12.0, -14.0),
            tip,
            moved(tip, -3.0, 5.5),
            at["Sn"],
            at["UL"],
            stomion,
            at["LL"],
            fold,
            at["Pog'"],
            moved(at["Me"], 6.0, 8.5),
            moved(at["Me"], -8.0, 10.0),
            throat,
            (at["Go"][0] + 22, 138),
            (14, 190),
            (-95, 190),
            (-78, 100),
            (-82, 62),
            np.array((-98, 25)) * vault,
            np.array((-103, -30)) * vault,
            np.array((-78, -82)) * vault,
            np.array((-30, -106)) * vault,
            np.array((18, -103)) * vault,
            np.array((54, -80)) * vault,
        ]

    def _add_soft_tissue(self, own: dict[str, np.ndarray]) -> None:
        """Lips and chin lie in front of teeth and bone, thicker or thinner together."""
        at, full = self.points, self.growth.fullness
        at["Sn"] = moved(at["A"], 12.5 + full, -2.0) + 0.8 * own["Sn"]
        upper = 0.6 * at["U1"] + 0.4 * at["A"]
        at["UL"] = np.array([upper[0] + 13.5 + 1.2 * full, 0.5 * (at["A"] + at["U1"])[1] + 1.0])
        lower = 0.6 * at["L1"] + 0.4 * at["B"]
        at["LL"] = np.array([lower[0] + 13.0 + 1.2 * full, at["L1"][1] + 10.0])
        at["Pog'"] = moved(at["Pog"], 11.5 + 1.2 * full, 1.0)
        for name in ("UL", "LL", "Pog'"):
            at[name] += 0.8 * own[name]


def _reach(local: np.ndarray) -> np.ndarray:
    """How much of the forward growth a point takes part in: none at the joint, all at the chin."""
    return np.clip(local[..., :1] / 60 + 0.35, 0, 1)
