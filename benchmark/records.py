"""What a dataset says of its images: ids, splits, landmarks, spacing; immutable, without pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Sample:
    """One radiograph and its ground truth.

    Attributes:
        id: Unique in the dataset.
        split: The split it belongs to; ``val`` images are labelled but not used by default.
        width: Width of the native frame, the frame of ``points``, in px.
        height: Height of the native frame in px.
        points: (landmarks, 2) x and y in native px, unrounded; a pixel's centre has whole
            coordinates; NaN where a landmark is missing. The mean where several people annotated.
        spacing: The dataset's unit per native px along x and along y.
        annotators: (annotators, landmarks, 2) the single annotations, or None.
        group: The patient; images of one group stay together in the draws.
        attributes: What else is known of the subject, by name, such as the age: only to ask
            frozen embeddings for it. No method sees it, and no fingerprint covers it.
    """

    id: str
    split: Split
    width: int
    height: int
    points: np.ndarray
    spacing: tuple[float, float]
    annotators: np.ndarray | None = None
    group: str = ""
    attributes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class DatasetIndex:
    """Everything about a dataset but its pixels.

    Attributes:
        name: The plugin's name, or the user's name for a folder.
        title: The name in tables.
        landmark_names: One a landmark, in the order of ``Sample.points``.
        unit: ``mm``, or ``px@512`` for pixels at a stated reference size.
        thresholds: The radii at which SDR is counted, in ``unit``.
        samples: All images of all splits, in a fixed order.
        fingerprint: Hex digest over images, labels, splits and spacing: whatever changes a result.
        notes: Sentences that a reader of the results must know.
    """

    name: str
    title: str
    landmark_names: tuple[str, ...]
    unit: str
    thresholds: tuple[float, ...]
    samples: tuple[Sample, ...]
    fingerprint: str
    notes: tuple[str, ...] = field(default=())

    def split(self, *names: Split) -> tuple[Sample, ...]:
        """The samples of the named splits, in order."""
        return tuple(sample for sample in self.samples if sample.split in names)

    def annotator_distance(self) -> float | None:
        """Mean distance between the first two annotators over the test images, in ``unit``.

        Returns:
            None where the dataset keeps fewer than two annotations an image.
        """
        distances = [
            np.hypot(*((s.annotators[0] - s.annotators[1]) * np.asarray(s.spacing)).T)
            for s in self.split("test")
            if s.annotators is not None and len(s.annotators) >= 2
        ]
        return float(np.nanmean(np.concatenate(distances))) if distances else None


def points_digest_parts(samples: Sequence[Sample]) -> list[str]:
    """The text of the labels, one line a sample, for a dataset's fingerprint."""
    return [
        f"{s.id}|{s.split}|{s.group}|{s.width}x{s.height}|{s.spacing[0]!r},{s.spacing[1]!r}|"
        + ";".join(f"{float(x)!r},{float(y)!r}" for x, y in s.points)
        for s in samples
    ]
