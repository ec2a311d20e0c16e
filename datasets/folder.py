"""A user's own radiographs: a folder of images and a table of landmarks."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
from pydantic import Field, field_validator

from benchmark.datasets.annotations import check_inside
from benchmark.datasets.folder_splits import assign_splits
from benchmark.datasets.landmark_table import LandmarkTable, read_table
from benchmark.errors import DataError, UsageError
from benchmark.fingerprint import dataset_fingerprint
from benchmark.images import SUFFIXES, image_size, read_radiograph
from benchmark.plugins import LandmarkDataset, PluginOptions
from benchmark.records import DatasetIndex, Sample, Split


class FolderOptions(PluginOptions):
    """Options of a user's own folder."""

    images: str | None = Field(
        default=None, description="Folder of the images under the root; default images/ or the root"
    )
    labels: str = Field(default="landmarks.csv", description="The table, under the root")
    spacing: str | None = Field(
        default=None, description="mm per px: 0.1, or 0.1x0.12 for along x and along y"
    )
    test_fraction: float = Field(
        default=0.3, gt=0, lt=1, description="Share of test images where no split column is"
    )
    name: str | None = Field(default=None, min_length=1, description="Default: the root's name")
    reference_size: int = Field(
        default=512, ge=16, description="Longer side in px at which errors count without spacing"
    )
    thresholds: tuple[float, ...] | None = Field(
        default=None, description="Radii of SDR; default 2, 2.5, 3, 4 mm, or 3, 6, 9 px"
    )
    invert: bool = Field(default=False, description="Bone is dark in the files: invert on reading")
    note: str | None = Field(default=None, description="A sentence for readers of the results")

    @field_validator("spacing", mode="before")
    @classmethod
    def _spacing_as_text(cls, value: object) -> object:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return str(value) if is_number else value

    @field_validator("spacing")
    @classmethod
    def _spacing_is_positive(cls, value: str | None) -> str | None:
        if value is not None:
            parse_spacing(value)
        return value

    @field_validator("thresholds", mode="before")
    @classmethod
    def _thresholds_from_text(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(re.split(r"[\s,;/]+", value.strip()))
        return (value,) if isinstance(value, int | float) else value

    @field_validator("thresholds")
    @classmethod
    def _thresholds_are_radii(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and (not value or not all(math.isfinite(v) and v > 0 for v in value)):
            raise ValueError("thresholds are positive numbers")
        return None if value is None else tuple(sorted(set(value)))


def parse_spacing(text: str) -> tuple[float, float]:
    """Parse ``0.1`` or ``0.1x0.12`` into mm per px along x and along y.

    Raises:
        ValueError: It is neither, or not positive.
    """
    parts = text.lower().split("x")
    try:
        values = [float(part) for part in parts]
    except ValueError:
        values = []
    if len(values) not in {1, 2} or not all(math.isfinite(v) and v > 0 for v in values):
        raise ValueError(f"'{text}' is no spacing: write 0.1, or 0.1x0.12 (mm per px along x, y)")
    return values[0], values[-1]


class Folder(LandmarkDataset):
    """Your own images and a ``landmarks.csv`` with the columns image, landmark, x, y.

    Images lie in ``images/`` or beside the table; x and y are px of the image file, a pixel's
    centre having whole coordinates. A landmark that an image lacks is left out or has empty x and
    y. A column ``split`` (train, val, test) says where an image belongs; without it a share of the
    images is drawn for testing by hash, so the draw is the same on every machine. A column
    ``patient`` keeps images of one patient together.

    With ``spacing`` errors are in mm. Without, they are px after scaling each image so that its
    longer side has ``reference_size`` px (aspect ratio kept), because files of one kind come in
    many sizes.
    """

    name = "folder"
    title = "Folder"
    citation = "your own data"
    licence = "your own"
    source = "any folder with images and a landmarks.csv (image, landmark, x, y)"
    Options = FolderOptions
    options: FolderOptions

    def index(self) -> DatasetIndex:
        """Read the table and the headers of its images.

        Raises:
            UsageError: No data root was given.
            DataError: The table or an image is missing or says what cannot be, or no test image
                or no training image is left.
        """
        root = self._folder()
        table_path = root / self.options.labels
        if not table_path.is_file():
            others = ", ".join(sorted(path.name for path in root.glob("*.csv"))[:3])
            hint = f" (there is {others})" if others else ""
            raise DataError(
                f"{table_path}: the table of landmarks is missing{hint}; write it with the "
                "columns image, landmark, x, y, or name another with the option labels."
            )
        table = read_table(table_path)
        paths = self._paths(table)
        splits = assign_splits(table, self.options.test_fraction)
        samples = tuple(
            self._sample(name, splits[name], paths[name], table) for name in table.images
        )
        unit = "mm" if self.options.spacing else f"px@{self.options.reference_size}"
        default = (2.0, 2.5, 3.0, 4.0) if unit == "mm" else (3.0, 6.0, 9.0)
        thresholds = self.options.thresholds or default
        name = self.options.name or root.resolve().name
        declared = (unit, repr(thresholds), repr(self.options.invert), *table.landmark_names)
        return DatasetIndex(
            name=name,
            title=name,
            landmark_names=table.landmark_names,
            unit=unit,
            thresholds=thresholds,
            samples=samples,
            fingerprint=dataset_fingerprint(samples, paths, declared),
            notes=self._notes(samples),
        )

    def read(self, image_id: str) -> np.ndarray:
        """The radiograph: (height, width) uint8, inverted where the option says so.

        Raises:
            DataError: The image is missing, truncated or of a kind that is not read.
        """
        pixels = read_radiograph(self._find(image_id) or self._image_folder() / image_id)
        return 255 - pixels if self.options.invert else pixels

    def _folder(self) -> Path:
        if self.root is None:
            raise UsageError(f"{self.name} needs --data-root DIR: {self.source}.")
        if not self.root.is_dir():
            raise DataError(f"{self.root}: the data root is no folder; correct --data-root.")
        return self.root

    def _image_folder(self) -> Path:
        root = self._folder()
        if self.options.images is not None:
            return root / self.options.images
        return root / "images" if (root / "images").is_dir() else root

    def _find(self, name: str) -> Path | None:
        """The file of an image as the table names it, with or without its ending."""
        path = self._image_folder() / name
        if path.is_file():
            return path
        return next((p for s in SUFFIXES if (p := path.parent / (path.name + s)).is_file()), None)

    def _paths(self, table: LandmarkTable) -> dict[str, Path]:
        paths: dict[str, Path] = {}
        named: dict[Path, str] = {}
        for name, image in table.images.items():
            path = self._find(name)
            if path is None:
                raise DataError(
                    f"{table.path}, line {image.line}: the image {name} is not in "
                    f"{self._image_folder()}; add it, or correct the name."
                )
            other = named.setdefault(path.resolve(), name)
            if other != name:
                raise DataError(
                    f"{table.path}, line {image.line}: {name} and {other} are one file; name it "
                    "in one way."
                )
            paths[name] = path
        return paths

    def _sample(self, name: str, split: Split, path: Path, table: LandmarkTable) -> Sample:
        image = table.images[name]
        size = image_size(path)
        points = np.full((len(table.landmark_names), 2), np.nan)
        for row, landmark in enumerate(table.landmark_names):
            point = image.points.get(landmark)
            if point is not None and point.position is not None:
                mend = f"correct the line, or bring {path.name} in the size it was labelled in"
                check_inside(point.position, size, table.path, point.line, mend)
                points[row] = point.position
        if np.isnan(points).all():
            raise DataError(
                f"{table.path}, line {image.line}: {name} has no landmark at all; label one, or "
                "leave the image out."
            )
        scale = self.options.reference_size / max(size)
        spacing = parse_spacing(self.options.spacing) if self.options.spacing else (scale, scale)
        return Sample(
            id=name,
            split=split,
            width=size[0],
            height=size[1],
            points=points,
            spacing=spacing,
            group=image.patient,
        )

    def _notes(self, samples: tuple[Sample, ...]) -> tuple[str, ...]:
        notes = [self.options.note] if self.options.note else []
        if not self.options.spacing:
            notes.append(
                "No spacing is known: errors are px after scaling the longer side of each image "
                f"to {self.options.reference_size} px."
            )
        missing = sum(int(np.isnan(sample.points[:, 0]).sum()) for sample in samples)
        if missing:
            total = sum(len(sample.points) for sample in samples)
            notes.append(f"{missing} of {total} landmarks are missing and are masked.")
        return tuple(notes)
