"""One subject of a phantom: its random streams, its pose in the field, and its radiograph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from benchmark.datasets.phantom.exposure import expose, sample_exposure, texture
from benchmark.datasets.phantom.scene import Scene

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Streams:
    """Three independent generators of one subject, so that one can change and the others not."""

    geometry: np.random.Generator
    exposure: np.random.Generator
    distractors: np.random.Generator

    @classmethod
    def of(cls, anatomy: int, subject: int) -> Streams:
        """The streams of a subject, whatever was drawn before for others."""
        children = np.random.SeedSequence([anatomy, subject]).spawn(3)
        return cls(*(np.random.default_rng(child) for child in children))


@dataclass(frozen=True, eq=False)
class Pose:
    """A similarity that takes the subject's own coordinates to the field, both in mm.

    Attributes:
        scale: Size of the subject along its own x and y.
        angle: Rotation in radians, clockwise on the screen.
        centre: (2,) where the subject's origin lies in the field.
    """

    scale: tuple[float, float]
    angle: float
    centre: np.ndarray

    def __call__(self, points: ArrayLike) -> np.ndarray:
        """Place points (..., 2) of the subject in the field."""
        scaled = np.asarray(points, float) * self.scale
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        turned = scaled @ np.array([[cosine, sine], [-sine, cosine]])
        return np.asarray(turned + self.centre)

    def keeping(self, landmarks: np.ndarray, field: float, margin: float) -> Pose:
        """The pose, moved and if need be shrunk, so that the landmarks keep off the border.

        Args:
            landmarks: (n, 2) in the subject's coordinates.
            field: Width of the square field in mm.
            margin: Least distance from its border in mm.
        """
        extent = np.ptp(self(landmarks), axis=0).max()
        shrink = min(1.0, (field - 2 * margin) / extent)
        pose = replace(self, scale=(self.scale[0] * shrink, self.scale[1] * shrink))
        placed = pose(landmarks)
        shift = np.maximum(margin - placed.min(0), 0)
        shift -= np.maximum(placed.max(0) - (field - margin), 0)
        return replace(pose, centre=pose.centre + shift)


class Anatomy(ABC):
    """The geometry of one subject; its landmarks are the points that place its solids.

    Attributes:
        identifier: Seeds the streams together with the number of the subject.
        field: Width and height of the radiograph in mm.
        landmark_names: In the order of ``landmarks``.
        landmarks: (landmarks, 2) in mm from the upper left corner of the field.
        attributes: Latent variables that shape the subject, by name.
    """

    identifier: ClassVar[int]
    field: ClassVar[float]
    landmark_names: ClassVar[tuple[str, ...]]
    landmarks: np.ndarray
    attributes: Mapping[str, float]

    @classmethod
    @abstractmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Draw a subject; nothing is rendered."""

    @abstractmethod
    def draw(self, scene: Scene, rng: np.random.Generator) -> None:
        """Add the subject to an empty scene; details without landmarks are drawn here."""

    @abstractmethod
    def distract(self, scene: Scene, rng: np.random.Generator) -> None:
        """Add what is in the picture but not of the body: metal, tubes, markers, collimation."""


def sample_subject(anatomy: type[Anatomy], subject: int) -> Anatomy:
    """The geometry of a subject; nothing is rendered."""
    return anatomy.sample(Streams.of(anatomy.identifier, subject).geometry)


def sample_landmarks(anatomy: type[Anatomy], subject: int, size: int) -> np.ndarray:
    """The landmarks of a subject in px of a radiograph of the given size, without rendering.

    Returns:
        (landmarks, 2) float64; a pixel's centre has whole coordinates.
    """
    return landmarks_in_pixels(sample_subject(anatomy, subject), size)


def landmarks_in_pixels(body: Anatomy, size: int) -> np.ndarray:
    """(landmarks, 2) in px of a radiograph of the given size."""
    return body.landmarks / (body.field / size) - 0.5


def render(
    anatomy: type[Anatomy], subject: int, size: int, dose: float | None, distractors: bool
) -> np.ndarray:
    """The radiograph of a subject.

    Args:
        anatomy: The class of the phantom.
        subject: Its number, from 0.
        size: Width and height in px.
        dose: Mean photons a pixel behind the subject, or None to let it vary.
        distractors: Whether foreign bodies, markers and collimation are in the picture.

    Returns:
        (size, size) uint8, bone bright.
    """
    streams = Streams.of(anatomy.identifier, subject)
    body = anatomy.sample(streams.geometry)
    scene = Scene(size, anatomy.field)
    body.draw(scene, streams.geometry)
    for grain, strength in ((2.0, 0.012), (9.0, 0.018)):
        grains = texture(scene.integral.shape, grain / scene.spacing, streams.geometry)
        scene.integral *= 1 + strength * grains
    scene.density = 1.0
    if distractors:
        body.distract(scene, streams.distractors)
    np.maximum(scene.integral, 0, out=scene.integral)
    exposure = sample_exposure(streams.exposure, dose)
    return expose(scene.integral, scene.shutter, scene.spacing, exposure, streams.exposure)
