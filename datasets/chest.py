"""The Shenzhen chest radiographs: six landmarks around the lungs, given as ratios."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.datasets.official import OfficialDataset
from benchmark.images import image_size
from benchmark.labels.shenzhen import read_ratios
from benchmark.records import Sample, Split

REFERENCE_SIZE = 512
"""Errors are counted in px after scaling width and height to this, each on its own."""


class Chest(OfficialDataset):
    """Shenzhen chest set, normal films, with six landmarks (Jaeger et al. 2014; Zhu et al. 2021).

    Layout under the data root: ``pngs/CHNCXR_*.png`` (``CXR_png`` is found too) and
    ``labels/CHNCXR_*.txt``: a first line ``6``, then six lines ``x y`` with ratios of width and
    height. A ratio r of a width W is read as the pixel coordinate x = r W, as all published code
    reads it. (The distributed ratios are whole multiples of 1/512, 1/800 and the like: indices of
    clicked pixels divided by a size. Reading them as distances from the left edge would move all
    points by half a pixel of the original, 0.1 px at 512; no error changes by it, because training
    and test move together.)

    Films have no known spacing, so errors are px at 512 x 512, an axis each, with the thresholds
    3, 6 and 9 px. Split by sorted name of the 279 labelled films without nine that the released
    code excludes (0059, 0178, 0228, 0267, 0276, 0285, 0295, 0303, 0310): 195 train, 34 val, and 41
    test images, where the literature writes 50.
    """

    name = "chest"
    title = "Chest (Shenzhen)"
    citation = (
        "Jaeger et al., Quant. Imaging Med. Surg. 4, 2014; landmarks of Zhu et al., MICCAI 2021"
    )
    licence = "research use, not to be redistributed"
    source = (
        "images at https://www.kaggle.com/datasets/nikhilpandey360/chest-xray-masks-and-labels, "
        "labels in data/chest_labels.zip of "
        "https://github.com/MIRACLE-Center/YOLO_Universal_Anatomical_Landmark_Detection"
    )
    image_folders = ("pngs", "CXR_png")
    landmark_names = (
        "right lung apex",
        "right costophrenic angle",
        "right cardiophrenic angle",
        "left lung apex",
        "left costophrenic angle",
        "left cardiophrenic angle",
    )
    unit = f"px@{REFERENCE_SIZE}"
    thresholds = (3.0, 6.0, 9.0)
    remarks = (
        "Errors are pixels after scaling each film to 512 x 512; the films have no known spacing.",
        "Nine films are left out as in the released code, so the test set has 41 images, not 50.",
    )

    def absent_labels(self, image_id: str) -> list[str]:
        """``labels/CHNCXR_*.txt`` where it is missing."""
        path = self._label_path(image_id)
        return [] if path.is_file() else [f"labels/{image_id}.txt"]

    def sample(self, image_id: str, split: Split, image: Path) -> Sample:
        """The frame of the image file, points as ratio times size, and 512 over size as spacing.

        Raises:
            DataError: The label file lacks a line or says something that cannot be.
        """
        width, height = image_size(image)
        ratios = read_ratios(self._label_path(image_id), len(self.landmark_names))
        return Sample(
            id=image_id,
            split=split,
            width=width,
            height=height,
            points=ratios * np.array([width, height], dtype=np.float64),
            spacing=(REFERENCE_SIZE / width, REFERENCE_SIZE / height),
        )

    def _label_path(self, image_id: str) -> Path:
        return self.folder() / "labels" / f"{image_id}.txt"
