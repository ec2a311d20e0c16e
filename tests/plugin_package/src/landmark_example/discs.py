"""Grey discs whose centre is the landmark: the smallest dataset there can be."""

from __future__ import annotations

import hashlib

import numpy as np

from benchmark.plugins import LandmarkDataset
from benchmark.records import DatasetIndex, Sample, Split, points_digest_parts

SIDE = 64


class DiscsDataset(LandmarkDataset):
    """Discs on a black ground, computed from their number."""

    name = "discs"
    title = "Discs"
    citation = "an example, not published"
    licence = "Apache-2.0"
    synthetic = True
    needs_root = False

    def index(self) -> DatasetIndex:
        """Twelve discs to train on and four to test on."""
        samples = tuple(_sample(number, "train" if number < 12 else "test") for number in range(16))
        text = "\n".join(points_digest_parts(samples))
        return DatasetIndex(
            name=self.name,
            title=self.title,
            landmark_names=("centre",),
            unit=f"px@{SIDE}",
            thresholds=(2.0, 4.0),
            samples=samples,
            fingerprint=hashlib.sha256(text.encode()).hexdigest(),
        )

    def read(self, image_id: str) -> np.ndarray:
        """Draw one disc."""
        x, y = _centre(int(image_id.removeprefix("disc-")))
        rows, columns = np.mgrid[:SIDE, :SIDE]
        inside = np.hypot(columns - x, rows - y) <= 9
        return np.where(inside, 200, 0).astype(np.uint8)


def _centre(number: int) -> tuple[float, float]:
    """Spread over the image by the golden ratio, so that no two discs agree."""
    share = number * 0.618034 % 1
    return 12 + 40 * share, 12 + 40 * (number % 16) / 15


def _sample(number: int, split: Split) -> Sample:
    return Sample(
        id=f"disc-{number}",
        split=split,
        width=SIDE,
        height=SIDE,
        points=np.array([_centre(number)]),
        spacing=(1.0, 1.0),
    )
