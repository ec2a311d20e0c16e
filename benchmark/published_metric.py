"""The errors that the paper's released code would report, each of its flaws a switch of its own.

Di Via, Odone and Pastore, WACV 2025, as released in March 2025; docs/published-protocol.md names
the flaws and says what each does to the number. With all of them off the errors are those of
:func:`benchmark.metrics.radial_errors`.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from benchmark.metrics import radial_errors
from benchmark.polygons import block_moments

GRID = 256
"""Side of the square to which all images are squashed, px."""

DISK_AREA = 2 * 5.0**2 * math.log(2)
"""Squared radius of the target disks, px: a Gaussian of sigma 5 cut at half of its height."""

WRIST = (0, 4)
WRIST_LENGTH = 50.0
"""Landmarks of a hand that are taken to be so many mm apart."""

REACH = math.ceil(math.sqrt(DISK_AREA))

Kind = Literal["chest", "head", "hand"]

KINDS: MappingProxyType[int, Kind] = MappingProxyType({6: "chest", 19: "head", 37: "hand"})
"""The released code tells its datasets apart by their number of landmarks."""


@dataclass(frozen=True)
class MetricFlaws:
    """Which flaws of the released computation are on.

    Attributes:
        rounded_points: Prediction and truth are rounded to whole px of the squashed image.
        cut_disks: The truth is read back from its disk, whose centre of mass moves inwards where
            the border of the image cuts it.
        exchanged_axes: Heads: the height of a pixel is taken for its width, and the reverse.
        squashed_wrist: Hands: errors and the width of the wrist are measured in the squashed
            image, where a pixel means two lengths.
        small_grid: Chests: errors are px of the squashed image rather than of the reference size.
    """

    rounded_points: bool = True
    cut_disks: bool = True
    exchanged_axes: bool = True
    squashed_wrist: bool = True
    small_grid: bool = True

    def without(self, name: str) -> MetricFlaws:
        """The same with one flaw switched off."""
        return dataclasses.replace(self, **{name: False})


FLAWS: MappingProxyType[Kind, tuple[str, ...]] = MappingProxyType(
    {
        "chest": ("rounded_points", "cut_disks", "small_grid"),
        "head": ("rounded_points", "cut_disks", "exchanged_axes"),
        "hand": ("rounded_points", "cut_disks", "squashed_wrist"),
    }
)
"""The flaws that change the numbers of a dataset, by its kind."""


def published_unit(kind: Kind) -> str:
    """The unit of the errors with all flaws on."""
    return f"px@{GRID}" if kind == "chest" else "mm"


def published_errors(
    predicted: np.ndarray,
    truth: np.ndarray,
    sizes: np.ndarray,
    spacing: np.ndarray,
    kind: Kind,
    flaws: MetricFlaws = MetricFlaws(),
) -> np.ndarray:
    """Errors of the landmarks as the released code computes them.

    Args:
        predicted: (N, L, 2) x and y in native px.
        truth: (N, L, 2) x and y in native px; NaN where a landmark is missing.
        sizes: (N, 2) native width and height, px.
        spacing: (N, 2) the dataset's unit per native px along x and along y.
        kind: Which of its datasets the code would take this for.
        flaws: Those that are on.

    Returns:
        (N, L) float64: mm, or for chests px of the grid (of the reference size where
        ``small_grid`` is off); NaN where the truth is missing.

    Raises:
        ValueError: Shapes differ, a known landmark has no finite prediction, or a hand lacks a
            landmark of the wrist or has none of any width.
    """
    scale = GRID / np.asarray(sizes, np.float64)[:, None, :]
    found = np.asarray(predicted, np.float64) * scale
    true = np.asarray(truth, np.float64) * scale
    # Disks are drawn around whole px; halves go to the even number, as in Python.
    pull = _pull_of_the_border(np.rint(true)) if flaws.cut_disks else 0.0
    if flaws.rounded_points:
        # What is read back from a disk is rounded again.
        found, true = np.rint(found), np.rint(np.rint(true) + pull)
    else:
        true = true + pull
    return radial_errors(found, true, _lengths(true, sizes, spacing, kind, flaws))


def _lengths(
    true: np.ndarray, sizes: np.ndarray, spacing: np.ndarray, kind: Kind, flaws: MetricFlaws
) -> np.ndarray:
    """(N, 2) what a px of the squashed image counts along x and along y."""
    own: np.ndarray = np.asarray(spacing, np.float64) * np.asarray(sizes, np.float64) / GRID
    if kind == "chest" and flaws.small_grid:
        return np.ones_like(own)
    if kind == "head" and flaws.exchanged_axes:
        return own[:, ::-1]
    if kind == "hand" and flaws.squashed_wrist:
        width = np.hypot(*(true[:, WRIST[0]] - true[:, WRIST[1]]).T)
        if not (width > 0).all():
            raise ValueError("a hand without a wrist of some width has no scale")
        return np.repeat(WRIST_LENGTH / width[:, None], 2, axis=1)
    return own


def _pull_of_the_border(points: np.ndarray) -> np.ndarray:
    """How far the centre of mass of each disk lies from its centre, in px; NaN where unknown.

    Args:
        points: (N, L, 2) whole px of the grid.

    Returns:
        Of the same shape: zero but for disks that the border cuts. A disk of which nothing is
        left is found at the origin.
    """
    pull = np.where(np.isnan(points), np.nan, 0.0)
    near = ((points < REACH) | (points > GRID - 1 - REACH)).any(-1)
    if not near.any():
        return pull
    centres = points[near]
    nearest = np.clip(centres, 0, GRID - 1)
    step = np.arange(-REACH, REACH + 1)
    across, down = nearest[:, :1] + step, nearest[:, 1:] + step
    squared = ((across - centres[:, :1]) ** 2)[:, None, :] + ((down - centres[:, 1:]) ** 2)[
        ..., None
    ]
    # The Gaussian is cut at half of its largest value within the image.
    largest = DISK_AREA + ((nearest - centres) ** 2).sum(-1)[:, None, None]
    inside = (squared <= largest) & _on_grid(across)[:, None, :] & _on_grid(down)[..., None]
    area, x, y = (part.sum((-1, -2)) for part in block_moments(inside))
    corner = np.stack([across[:, 0], down[:, 0]], -1)
    with np.errstate(invalid="ignore"):
        centroid = np.stack([x, y], -1) / area[:, None] + corner
    pull[near] = np.where(area[:, None] > 0, centroid, 0.0) - centres
    return pull


def _on_grid(places: np.ndarray) -> np.ndarray:
    on: np.ndarray = (places >= 0) & (places < GRID)
    return on
