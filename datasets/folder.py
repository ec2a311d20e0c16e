"""A user's own radiographs: a folder of images and a table of landmarks."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
from pydantic import Field, field_validator

from benchmark.datasets.annotations import check_inside
from benchmark.datasets.folder_images import find_image, image_paths
from benchmark.datasets.folder_splits import assign_splits
from benchmark.errors import DataError, UsageError
from benchmark.fingerprint import dataset_fingerprint
from benchmark.images import image_size, read_radiograph
from benchmark.labels.ground_truth import MEAN, annotations_of, ground_truth
from benchmark.labels.label_set import ImageFrame, LabelledImage, LabelSet
from benchmark.labels.slicer_spacing import spacing_in_slicer
from benchmark.plugins import LandmarkDataset, PluginOptions
from benchmark.records import DatasetIndex, Sample, Split


class FolderOptions(PluginOptions):
    """Options of a user's own folder."""

    images: str | None = Field(
        default=None, description="Folder of the images under the root; default images/ or the root"
    )
    labels: str = Field(
        default="landmarks.csv", description="The file or folder of the labels, under the root"
    )
    label_format: str | None = Field(
        default=None,
        description="csv-long, csv-wide, coco, labelme, cvat, slicer, isbi or shenzhen; default: "
        "found out from the content",
    )
    label_spacing: str | None = Field(
        default=None,
        description="mm per px that 3D Slicer took for the images; default: what their files say",
    )
    annotator: str = Field(
        default=MEAN, min_length=1, description="Ground truth: mean of all annotators, or one"
    )
    mask_occluded: bool = Field(
        default=False, description="Count landmarks that are marked as occluded as missing"
    )
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

    @field_validator("spacing", "label_spacing", mode="before")
    @classmethod
    def _spacing_as_text(cls, value: object) -> object:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return str(value) if is_number else value

    @field_validator("spacing", "label_spacing")
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
    """Your own images and their landmarks: a ``landmarks.csv``, or what your tool has exported.

    Images lie in ``images/`` or beside the labels, which are a table with the columns image,
    landmark, x, y, one with a row an image, COCO keypoints, LabelMe, CVAT for images 1.1, 3D Slicer
    markups, or the texts of the ISBI 2015 and Shenzhen sets; the content tells which. In tables x
    and y are px of the image file, a pixel's centre having whole coordinates. A landmark that an
    image lacks is left out or has empty x and y. A column ``split`` (train, val, test) says where
    an image belongs; without it a share of the images is drawn for testing by hash, so the draw is
    the same on every machine. A column ``patient`` keeps images of one patient together. Where
    several people annotated, the truth is their mean or the one that ``annotator`` names.

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
        """Read the labels and the headers of their images.

        Raises:
            UsageError: No data root was given, or there is no such format or annotator.
            DataError: The labels or an image are missing or say what cannot be, or no test image
                or no training image is left.
        """
        labels = self._labels()
        truth = ground_truth(
            labels, self.options.annotator, mask_occluded=self.options.mask_occluded
        )
        images = [labels.images[name] for name in truth]
        paths = image_paths(self._image_folder(), images)
        splits = assign_splits(images, labels.path, self.options.test_fraction)
        samples = tuple(
            self._sample(image, splits[image.name], paths[image.name], labels, truth[image.name])
            for image in images
        )
        unit = "mm" if self.options.spacing else f"px@{self.options.reference_size}"
        default = (2.0, 2.5, 3.0, 4.0) if unit == "mm" else (3.0, 6.0, 9.0)
        thresholds = self.options.thresholds or default
        name = self.options.name or self._folder().resolve().name
        declared = (unit, repr(thresholds), repr(self.options.invert), *labels.landmark_names)
        return DatasetIndex(
            name=name,
            title=name,
            landmark_names=labels.landmark_names,
            unit=unit,
            thresholds=thresholds,
            samples=samples,
            fingerprint=dataset_fingerprint(samples, paths, declared),
            notes=self._notes(samples, labels),
            annotator_names=labels.annotators if len(labels.annotators) > 1 else (),
        )

    def read(self, image_id: str) -> np.ndarray:
        """The radiograph: (height, width) uint8, inverted where the option says so.

        Raises:
            DataError: The image is missing, truncated or of a kind that is not read.
        """
        folder = self._image_folder()
        pixels = read_radiograph(find_image(folder, image_id) or folder / image_id)
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

    def _labels(self) -> LabelSet:
        # Listing the plugins needs none of the formats.
        from benchmark.labels.reading import read_labels

        root = self._folder()
        path = root / self.options.labels
        if not path.exists():
            others = ", ".join(sorted(path.name for path in root.glob("*.csv"))[:3])
            hint = f" (there is {others})" if others else ""
            raise DataError(
                f"{path}: the table of landmarks is missing{hint}; write it with the "
                "columns image, landmark, x, y, or name other labels with the option labels."
            )
        return read_labels(path, self.options.label_format, frames=self._frame)

    def _frame(self, name: str) -> ImageFrame | None:
        path = find_image(self._image_folder(), name)
        if path is None:
            return None
        given = self.options.label_spacing
        spacing = parse_spacing(given) if given else spacing_in_slicer(path)
        return ImageFrame(*image_size(path), spacing=spacing)

    def _sample(
        self, image: LabelledImage, split: Split, path: Path, labels: LabelSet, truth: np.ndarray
    ) -> Sample:
        size = image_size(path)
        image.check_size(size)
        mend = f"correct the labels, or bring {path.name} in the size it was labelled in"
        for annotation in image.annotations.values():
            for point, place in zip(annotation.points, annotation.places, strict=True):
                if not np.isnan(point).any():
                    x, y = map(float, point)
                    check_inside((x, y), size, annotation.path, place, mend)
        if np.isnan(truth).all():
            raise DataError(
                f"{image.where}: {image.name} has no landmark at all; label one, or leave the "
                "image out."
            )
        scale = self.options.reference_size / max(size)
        spacing = parse_spacing(self.options.spacing) if self.options.spacing else (scale, scale)
        several = len(labels.annotators) > 1
        masked = self.options.mask_occluded
        return Sample(
            id=image.name,
            split=split,
            width=size[0],
            height=size[1],
            points=truth,
            spacing=spacing,
            annotators=annotations_of(labels, image, mask_occluded=masked) if several else None,
            group=image.patient,
        )

    def _notes(self, samples: tuple[Sample, ...], labels: LabelSet) -> tuple[str, ...]:
        notes = [self.options.note] if self.options.note else []
        if not self.options.spacing:
            notes.append(
                "No spacing is known: errors are px after scaling the longer side of each image "
                f"to {self.options.reference_size} px."
            )
        if len(labels.annotators) > 1:
            chosen = self.options.annotator
            whose = f"the mean of {len(labels.annotators)} annotators" if chosen == MEAN else chosen
            notes.append(f"Ground truth is {whose}.")
        unlabelled = len(labels.images) - len(samples)
        if unlabelled:
            notes.append(f"{unlabelled} images of the labels have no landmark and are left out.")
        if labels.unused_names:
            notes.append(f"No image has {', '.join(labels.unused_names[:5])}: left out.")
        missing = sum(int(np.isnan(sample.points[:, 0]).sum()) for sample in samples)
        if missing:
            total = sum(len(sample.points) for sample in samples)
            notes.append(f"{missing} of {total} landmarks are missing and are masked.")
        return tuple(notes)
