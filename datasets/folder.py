"""A user's own radiographs: a folder of images and a table of landmarks."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmark.datasets.annotations import check_inside
from benchmark.datasets.folder_images import find_image, image_headers, image_paths
from benchmark.datasets.folder_notes import notes_on
from benchmark.datasets.folder_options import FolderOptions
from benchmark.datasets.folder_patients import find_patients
from benchmark.datasets.folder_spacing import find_spacings
from benchmark.datasets.folder_splits import assign_splits
from benchmark.errors import DataError, UsageError
from benchmark.fingerprint import dataset_fingerprint
from benchmark.images import AUTO, ImageHeader, Window, image_size, read_radiograph
from benchmark.labels.ground_truth import annotations_of, ground_truth
from benchmark.labels.label_set import ImageFrame, LabelledImage, LabelSet
from benchmark.labels.slicer_spacing import spacing_in_slicer
from benchmark.plugins import LandmarkDataset, PluginOptions
from benchmark.records import DatasetIndex, Sample, Split
from benchmark.refusals import refuse
from benchmark.spacing import parse_spacing


class Folder(LandmarkDataset):
    """Your own images and their landmarks: a ``landmarks.csv``, or what your tool has exported.

    Images (DICOM, PNG, JPEG, TIFF, BMP, MHA, NRRD) lie in ``images/`` or beside the labels, which
    are a table with the columns image, landmark, x, y, one with a row an image, COCO keypoints,
    LabelMe, CVAT for images 1.1, 3D Slicer markups, or the texts of the ISBI 2015 and Shenzhen
    sets; the content tells which. In tables x and y are px of the image file, a pixel's centre
    having whole coordinates. A landmark that an image lacks is left out or has empty x and y. A
    column ``split`` (train, val, test) says where an image belongs; without it a share of the
    images is drawn for testing by hash, so the draw is the same on every machine. A column
    ``patient``, or else the PatientID of DICOM files, keeps images of one patient together. Where
    several people annotated, the truth is their mean or the one that ``annotator`` names.

    Where the spacing is known, from the option, a column of the table or the tags of DICOM files,
    errors are in mm. Otherwise they are px after scaling each image so that its longer side has
    ``reference_size`` px (aspect ratio kept), because files of one kind come in many sizes.
    """

    name = "folder"
    title = "Folder"
    citation = "your own data"
    licence = "your own"
    source = "any folder with images and labels; `prepare` describes it"
    Options = FolderOptions
    options: FolderOptions

    def index(self) -> DatasetIndex:
        """Read the labels and the headers of their images.

        Raises:
            UsageError: No data root was given, or there is no such format or annotator.
            DataError: The labels or an image are missing or say what cannot be, or no test image
                or no training image is left.
        """
        labels = self._labels
        truth = ground_truth(
            labels, self.options.annotator, mask_occluded=self.options.mask_occluded
        )
        images = [labels.images[name] for name in truth]
        paths = image_paths(self._image_folder(), images)
        headers = image_headers(paths)
        images = [image for image in images if image.name in headers]
        named = {path: name for name, path in paths.items()}
        spacings = find_spacings(
            self.options.spacing,
            images,
            headers,
            self._folder(),
            lambda name: named.get(find_image(self._image_folder(), name) or Path()),
        )
        patients = find_patients(images, headers, use_tags=self.options.patient_tags)
        splits = assign_splits(images, patients.groups, labels.path, self.options.test_fraction)
        samples = tuple(
            self._sample(
                image,
                splits[image.name],
                headers[image.name],
                labels,
                truth[image.name],
                spacings.by_image.get(image.name),
                patients.groups.get(image.name, ""),
            )
            for image in images
        )
        unit = "mm" if spacings.by_image else f"px@{self.options.reference_size}"
        default = (2.0, 2.5, 3.0, 4.0) if unit == "mm" else (3.0, 6.0, 9.0)
        thresholds = self.options.thresholds or default
        name = self.options.name or self._folder().resolve().name
        window = () if self._window == AUTO else (repr(self._window),)
        declared = (unit, repr(thresholds), repr(self.options.invert), *window)
        return DatasetIndex(
            name=name,
            title=name,
            landmark_names=labels.landmark_names,
            unit=unit,
            thresholds=thresholds,
            samples=samples,
            fingerprint=dataset_fingerprint(samples, paths, (*declared, *labels.landmark_names)),
            notes=notes_on(self.options, samples, labels, spacings, patients),
            annotator_names=labels.annotators if len(labels.annotators) > 1 else (),
            spacing_source=spacings.source,
        )

    def read(self, image_id: str) -> np.ndarray:
        """The radiograph: (height, width) uint8, inverted where the option says so.

        Raises:
            DataError: The image is missing, truncated or of a kind that is not read.
        """
        folder = self._image_folder()
        return self.read_file(find_image(folder, image_id) or folder / image_id)

    def read_file(self, path: Path) -> np.ndarray:
        """Any radiograph of the user's, windowed and inverted as those of the folder are."""
        pixels = read_radiograph(path, self._window)
        return 255 - pixels if self.options.invert else pixels

    def settled(self) -> PluginOptions:
        """The options with the labels and the format that were found."""
        labels = self._labels
        path = os.path.relpath(self._label_path(), self._folder())
        return self.options.model_copy(update={"labels": path, "label_format": labels.format})

    @property
    def _window(self) -> Window:
        return Window.parse(self.options.window)

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

    @cached_property
    def _labels(self) -> LabelSet:
        # Listing the plugins needs none of the formats.
        from benchmark.labels.reading import read_labels

        return read_labels(self._label_path(), self.options.label_format, frames=self._frame)

    def _label_path(self) -> Path:
        from benchmark.datasets.folder_labels import find_labels

        root = self._folder()
        if self.options.labels is None:
            return find_labels(root, self._image_folder(), self.options.label_format)
        path = root / self.options.labels
        if not path.exists():
            raise DataError(
                f"{path}: the labels are missing; restore them, or name others with --labels (or "
                "the option labels)."
            )
        return path

    def _frame(self, name: str) -> ImageFrame | None:
        path = find_image(self._image_folder(), name)
        if path is None:
            return None
        given = self.options.label_spacing
        spacing = parse_spacing(given) if given else spacing_in_slicer(path)
        return ImageFrame(*image_size(path), spacing=spacing)

    def _sample(
        self,
        image: LabelledImage,
        split: Split,
        header: ImageHeader,
        labels: LabelSet,
        truth: np.ndarray,
        spacing: tuple[float, float] | None,
        group: str,
    ) -> Sample:
        size = header.size
        image.check_size(size)
        mend = f"correct the labels, or bring {image.name} in the size it was labelled in"
        for annotation in image.annotations.values():
            for point, place in zip(annotation.points, annotation.places, strict=True):
                if not np.isnan(point).any():
                    x, y = map(float, point)
                    check_inside((x, y), size, annotation.path, place, mend)
        if np.isnan(truth).all():
            error = DataError(
                f"{image.where}: {image.name} has no landmark at all; label one, or leave the "
                "image out."
            )
            refuse(error, image.name)
        scale = self.options.reference_size / max(size)
        several = len(labels.annotators) > 1
        masked = self.options.mask_occluded
        return Sample(
            id=image.name,
            split=split,
            width=size[0],
            height=size[1],
            points=truth,
            spacing=spacing or (scale, scale),
            annotators=annotations_of(labels, image, mask_occluded=masked) if several else None,
            group=group,
        )
