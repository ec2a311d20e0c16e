"""What label files say, whatever their format: points by image, annotator and landmark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmark.errors import DataError
from benchmark.labels.files import where
from benchmark.records import Split
from benchmark.refusals import refuse

MISSING, OCCLUDED, VISIBLE = 0, 1, 2
"""The visibility of a landmark, with the numbers of COCO."""


@dataclass(frozen=True)
class ImageFrame:
    """The frame of an image, for labels that are given in parts of it or in millimetres.

    Attributes:
        width: In px.
        height: In px.
        spacing: mm per px along x and along y, as the tool saw them in which the points were set;
            None where that cannot be known.
        origin: Where that tool had the centre of the first pixel, in mm (x and y of LPS).
    """

    width: int
    height: int
    spacing: tuple[float, float] | None = (1.0, 1.0)
    origin: tuple[float, float] = (0.0, 0.0)


Frames = Callable[[str], ImageFrame | None]
"""The frame of an image by the name in the labels, or None where there is no such image."""


@dataclass(frozen=True, eq=False)
class Annotation:
    """The points that one annotator set in one image.

    Attributes:
        points: (landmarks, 2) x and y in px, unrounded; a pixel's centre has whole coordinates;
            NaN where a landmark is missing.
        visibility: (landmarks,) uint8: 0 missing, 1 occluded, 2 visible.
        path: The file that says so.
        places: Where in it each landmark stands, for sentences; empty where it does not.
    """

    points: np.ndarray
    visibility: np.ndarray
    path: Path
    places: tuple[str, ...]

    def where(self, landmark: int) -> str:
        """File and place of a landmark, as a sentence begins."""
        return where(self.path, self.places[landmark])


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """What the labels say of one image.

    Attributes:
        name: As the labels give it: with or without ending and folders.
        path: The file in which it is named first.
        place: Where in it.
        annotations: By annotator; the empty name where the labels know of no annotators. Empty
            where the image is listed and nobody set a point in it.
        patient: Empty where the labels do not say.
        split: None where the labels do not say.
        size: Width and height in px that the labels declare, or None.
        spacing: mm per px along x and along y that the labels declare, or None.
    """

    name: str
    path: Path
    place: str
    annotations: Mapping[str, Annotation] = field(default_factory=dict)
    patient: str = ""
    split: Split | None = None
    size: tuple[int, int] | None = None
    spacing: tuple[float, float] | None = None

    @property
    def where(self) -> str:
        """File and place, as a sentence begins."""
        return where(self.path, self.place)

    def check_size(self, size: tuple[int, int]) -> None:
        """Refuse an image of another size than the one that was labelled.

        Args:
            size: Width and height of the image file in px.

        Raises:
            DataError: The labels declare another size.
        """
        if self.size is not None and self.size != size:
            error = DataError(
                f"{self.where}: the labels of {self.name} were made on {self.size[0]} x "
                f"{self.size[1]} px, but the image has {size[0]} x {size[1]} px; bring it in the "
                "size it was labelled in."
            )
            refuse(error, self.name)


@dataclass(frozen=True, eq=False)
class LabelSet:
    """All that a file or folder of labels says.

    Attributes:
        path: The file or the folder.
        format: The name of the format, as ``--labels`` takes it.
        landmark_names: In the order in which they are declared, or appear first; each is known in
            an image at least.
        images: By name, in order of first appearance.
        annotators: In order of first appearance; one empty name where there are none.
        unused_names: Landmarks that are named and that nobody set in any image.
    """

    path: Path
    format: str
    landmark_names: tuple[str, ...]
    images: Mapping[str, LabelledImage]
    annotators: tuple[str, ...]
    unused_names: tuple[str, ...] = ()
