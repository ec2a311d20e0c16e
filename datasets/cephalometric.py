"""The ISBI 2015 cephalograms: 400 lateral skulls, 19 landmarks, two annotators."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.datasets.annotations import check_inside
from benchmark.datasets.official import OfficialDataset
from benchmark.errors import DataError
from benchmark.images import image_size
from benchmark.labels import isbi
from benchmark.records import Sample, Split

NATIVE_SIZE = (1935, 2400)
"""Width and height in px of the frame in which the labels are given."""

SPACING_MM = 0.1

_ASPECT_TOLERANCE = 0.01
"""Rounding to whole pixels changes the aspect of a copy of 100 px by less than this."""

_ANNOTATORS = (
    ("400_senior", "AnnotationsByMD/400_senior"),
    ("400_junior", "AnnotationsByMD/400_junior"),
)


class Cephalometric(OfficialDataset):
    """Cephalometric X-ray landmark detection challenge, ISBI 2015 (Wang et al. 2016).

    Layout under the data root: ``jpg/NNN.jpg`` (or png, bmp, tif), ``400_senior/NNN.txt``,
    ``400_junior/NNN.txt``; the folders ``RawImage`` and ``AnnotationsByMD`` of the original
    archives are found too. A label file has 19 lines ``x,y`` in px of the native frame of
    1935 x 2400 at 0.1 mm, then up to eight lines with a diagnosis class, which are not used. The
    images may be full-frame copies at another size.

    Ground truth is the mean of both annotators, and both are kept. Split by sorted name: 130
    train, 20 val (both from the challenge's training set), 250 test (test 1 and test 2). The
    mean distance between the annotators is 2.15 mm over all 400 images (the number that is
    quoted), 2.35 mm over 001-150, and 2.02 mm over the 250 test images: 2.36 mm on test 1 and
    1.51 mm on test 2.
    """

    name = "cephalometric"
    title = "Cephalometric (ISBI 2015)"
    citation = "Wang et al., Medical Image Analysis 31, 2016 (ISBI 2015 challenge 1)"
    licence = "research use, not to be redistributed"
    source = (
        "images and labels of ISBI 2015: RawImage.rar and AnnotationsByMD.rar at "
        "https://figshare.com/s/37ec464af8e81ae6ebbf, or the mirror linked from "
        "https://github.com/MIRACLE-Center/Oneshot_landmark_detection"
    )
    image_folders = ("jpg", "RawImage/*")
    landmark_names = (
        "sella",
        "nasion",
        "orbitale",
        "porion",
        "subspinale",
        "supramentale",
        "pogonion",
        "menton",
        "gnathion",
        "gonion",
        "lower incisal incision",
        "upper incisal incision",
        "upper lip",
        "lower lip",
        "subnasale",
        "soft tissue pogonion",
        "posterior nasal spine",
        "anterior nasal spine",
        "articulare",
    )
    unit = "mm"
    thresholds = (2.0, 2.5, 3.0, 4.0)
    annotator_names = ("senior", "junior")
    remarks = (
        "Ground truth is the mean of the senior and the junior annotator.",
        (
            "22 pairs of the 400 images show one film twice, 19 of them across the training or "
            "validation set and the test set: a leak in the benchmark itself."
        ),
    )

    def absent_labels(self, image_id: str) -> list[str]:
        """The missing ones of ``400_senior/NNN.txt`` and ``400_junior/NNN.txt``."""
        return [
            f"{folders[0]}/{image_id}.txt"
            for folders in _ANNOTATORS
            if not self._label_path(folders, image_id).is_file()
        ]

    def sample(self, image_id: str, split: Split, image: Path) -> Sample:
        """The native frame, the mean of both annotators as points, and 0.1 mm as spacing.

        Raises:
            DataError: A label file lacks a line or says something that cannot be, or the image is
                no full-frame copy.
        """
        width, height = image_size(image)
        stretch = (width / height) / (NATIVE_SIZE[0] / NATIVE_SIZE[1])
        if abs(stretch - 1) > _ASPECT_TOLERANCE:
            raise DataError(
                f"{image}: {width} x {height} px is no full-frame copy of the native "
                f"{NATIVE_SIZE[0]} x {NATIVE_SIZE[1]} px; scale the original with its aspect "
                "ratio kept."
            )
        paths = [self._label_path(folders, image_id) for folders in _ANNOTATORS]
        annotators = np.stack([read_points(path, len(self.landmark_names)) for path in paths])
        return Sample(
            id=image_id,
            split=split,
            width=NATIVE_SIZE[0],
            height=NATIVE_SIZE[1],
            points=annotators.mean(axis=0),
            spacing=(SPACING_MM, SPACING_MM),
            annotators=annotators,
        )

    def _label_path(self, folders: tuple[str, ...], image_id: str) -> Path:
        candidates = [self.folder() / folder / f"{image_id}.txt" for folder in folders]
        return next((path for path in candidates if path.is_file()), candidates[0])


def read_points(path: Path, count: int) -> np.ndarray:
    """Read a label file of the challenge.

    Args:
        path: ``count`` lines ``x,y`` in native px, then only diagnosis classes (one digit a line).
        count: The number of landmarks.

    Returns:
        (count, 2) float64.

    Raises:
        DataError: A line is missing or too many, is no pair of numbers, or lies outside.
    """
    points = isbi.read_points(path, count)
    for row, point in enumerate(points, start=1):
        check_inside(point, NATIVE_SIZE, path, f"line {row}", "correct the line")
    return np.array(points, dtype=np.float64)
