"""Collecting what label files say into one set, and refusing what contradicts itself."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmark.errors import DataError
from benchmark.labels.files import MAX_COORDINATE, at, checked_name, where
from benchmark.labels.label_set import MISSING, VISIBLE, Annotation, LabelledImage, LabelSet
from benchmark.records import SPLITS, Split

MAX_LANDMARKS = 1000
"""More names than this are a mistake, such as a name a point, and would not fit into memory."""

MAX_POINTS = 20_000_000
"""More points than this, missing ones counted, are refused before memory is spent on them."""

MAX_SIDE = 1_000_000
"""Longer sides of an image, in px, are refused."""

_SPLIT_NAMES: dict[str, Split] = {split: split for split in SPLITS} | {
    "training": "train",
    "validation": "val",
    "testing": "test",
}


@dataclass(frozen=True)
class _Point:
    x: float
    y: float
    visibility: int
    place: str


@dataclass
class _Drawn:
    """The points of one annotator in one image."""

    path: Path
    points: dict[str, _Point] = field(default_factory=dict)


@dataclass
class ImageEntry:
    """One image while it is collected; the attributes are those of `LabelledImage`."""

    name: str
    path: Path
    place: str
    patient: str | None = None
    split: Split | None = None
    size: tuple[int, int] | None = None
    spacing: tuple[float, float] | None = None
    drawn: dict[str, _Drawn] = field(default_factory=dict)


class LabelCollector:
    """Takes points one by one, in any order, and makes a `LabelSet` of them.

    Args:
        path: The file or folder that is read.
        format: The name of its format.
    """

    def __init__(self, path: Path, format: str) -> None:  # noqa: A002  the word users know
        self._path = path
        self._format = format
        self._names: dict[str, None] = {}
        self._images: dict[str, ImageEntry] = {}
        self._opened: dict[tuple[str, str], str] = {}
        self._annotators: dict[str, None] = {}
        self._count: tuple[int, Path] | None = None

    def declare(self, names: Iterable[str], path: Path, place: str) -> None:
        """Fix the order of landmarks before their points come.

        Raises:
            DataError: A name cannot be, or there are more than `MAX_LANDMARKS`.
        """
        for name in names:
            self._names.setdefault(checked_name(name, "landmark", path, place))
        self._check_count(path, place)

    def image(
        self,
        name: str,
        path: Path,
        place: str,
        *,
        patient: str | None = None,
        split: Split | None = None,
        size: tuple[int, int] | None = None,
        spacing: tuple[float, float] | None = None,
    ) -> ImageEntry:
        """The entry of an image, made where it is new.

        Args:
            name: As the labels give it.
            path: The file that is read.
            place: Where in it the image is named.
            patient: None where this format, or this file, does not say.
            split: None where it does not say.
            size: Declared width and height in px, or None.
            spacing: Declared mm per px along x and along y, or None.

        Raises:
            DataError: The name cannot be, or the labels of the image disagree with earlier ones.
        """
        name = checked_name(name, "image", path, place)
        patient = checked_name(patient, "patient", path, place) if patient else patient
        if size is not None and not all(0 < side <= MAX_SIDE for side in size):
            raise DataError(
                f"{where(path, place)}: {size[0]} x {size[1]} px is no size of an image; correct "
                "width and height."
            )
        known = self._images.get(name)
        if known is None:
            entry = ImageEntry(name, path, sys.intern(place), patient, split, size, spacing)
            self._images[name] = entry
            return entry
        for what, here, before in (
            ("split", split, known.split),
            ("patient", patient, known.patient),
            ("size", size, known.size),
            ("spacing", spacing, known.spacing),
        ):
            if here is not None and before is not None and here != before:
                raise DataError(
                    f"{where(path, place)}: the {what} of {name} is '{here}' here and '{before}' "
                    f"{at(known.place)} of {known.path.name}; give it the same one everywhere."
                )
        known.patient = patient if known.patient is None else known.patient
        known.split, known.size = known.split or split, known.size or size
        known.spacing = known.spacing or spacing
        return known

    def open(self, entry: ImageEntry, annotator: str, path: Path, place: str) -> None:
        """Say that all points of an annotator in an image follow, for formats where they do.

        Raises:
            DataError: They came before.
        """
        before = self._opened.setdefault((entry.name, annotator), where(path, place))
        if before != where(path, place):
            raise DataError(
                f"{where(path, place)}: {entry.name} is labelled here and in {before}; remove one, "
                "or give each annotator a folder of their own."
            )

    def same_count(self, count: int, path: Path, what: str) -> None:
        """Refuse a file with another number of landmarks, where they have no names.

        Raises:
            DataError: An earlier file had another number.
        """
        if self._count is None:
            self._count = count, path
        if count != self._count[0]:
            raise DataError(
                f"{path}: {count} {what} stand here and {self._count[0]} in {self._count[1]}; "
                "landmarks without names must be as many in every file."
            )

    def point(
        self,
        entry: ImageEntry,
        annotator: str,
        landmark: str,
        position: tuple[float, float] | None,
        path: Path,
        place: str,
        visibility: int = VISIBLE,
    ) -> None:
        """Take one landmark.

        Args:
            entry: Its image.
            annotator: Who set it; empty where the labels know of no annotators.
            landmark: Its name.
            position: x and y in px, a pixel's centre having whole coordinates; None where missing.
            path: The file that is read.
            place: Where in it the landmark stands.
            visibility: 0 missing, 1 occluded, 2 visible; 0 outweighs a position.

        Raises:
            DataError: The landmark stands there twice, or its position cannot be.
        """
        name = checked_name(landmark, "landmark", path, place)
        if name not in self._names:
            self._names[name] = None
            self._check_count(path, place)
        if annotator and annotator not in self._annotators:
            checked_name(annotator, "annotator", path, place)
        self._annotators.setdefault(annotator)
        drawn = entry.drawn.setdefault(annotator, _Drawn(path))
        before = drawn.points.get(name)
        if before is not None:
            raise DataError(
                f"{where(path, place)}: the landmark '{name}' of {entry.name} stands "
                f"{at(before.place)} already; remove one of the two."
            )
        if position is None or visibility == MISSING:
            position, visibility = (math.nan, math.nan), MISSING
        elif not all(abs(c) <= MAX_COORDINATE for c in position):
            raise DataError(
                f"{where(path, place)}: the point ({position[0]:g}, {position[1]:g}) lies beyond "
                "any image; correct it."
            )
        drawn.points[name] = _Point(*position, visibility, sys.intern(place))

    def label_set(self) -> LabelSet:
        """All that was collected.

        Raises:
            DataError: No image has a point, or there are more than `MAX_POINTS`.
        """
        known = {
            name
            for entry in self._images.values()
            for drawn in entry.drawn.values()
            for name, point in drawn.points.items()
            if point.visibility != MISSING
        }
        names = tuple(name for name in self._names if name in known)
        if not names:
            raise DataError(f"{self._path}: no image has a landmark; add the landmarks.")
        annotations = sum(len(entry.drawn) for entry in self._images.values())
        if annotations * len(names) > MAX_POINTS:
            raise DataError(
                f"{self._path}: {len(names)} landmarks in {annotations:,} annotations are more "
                f"than {MAX_POINTS:,} points; split the labels."
            )
        return LabelSet(
            path=self._path,
            format=self._format,
            landmark_names=names,
            images={entry.name: _finished(entry, names) for entry in self._images.values()},
            annotators=tuple(self._annotators),
            unused_names=tuple(name for name in self._names if name not in known),
        )

    def _check_count(self, path: Path, place: str) -> None:
        if len(self._names) > MAX_LANDMARKS:
            raise DataError(
                f"{where(path, place)}: the labels have more than {MAX_LANDMARKS} different "
                "landmark names; give a landmark the same name in all images."
            )


def _finished(entry: ImageEntry, names: tuple[str, ...]) -> LabelledImage:
    return LabelledImage(
        name=entry.name,
        path=entry.path,
        place=entry.place,
        annotations={who: _annotation(drawn, names) for who, drawn in entry.drawn.items()},
        patient=entry.patient or "",
        split=entry.split,
        size=entry.size,
        spacing=entry.spacing,
    )


def _annotation(drawn: _Drawn, names: tuple[str, ...]) -> Annotation:
    absent = _Point(math.nan, math.nan, MISSING, "")
    found = [drawn.points.get(name, absent) for name in names]
    return Annotation(
        points=np.array([(point.x, point.y) for point in found], dtype=np.float64),
        visibility=np.array([point.visibility for point in found], dtype=np.uint8),
        path=drawn.path,
        places=tuple(point.place for point in found),
    )


def split_named(text: str) -> Split | None:
    """The split that a word means (train, training, val, validation, test, testing), or None."""
    return _SPLIT_NAMES.get(text.strip().lower())
