"""What a dataset says of its images: ids, splits, landmarks, spacing; immutable, without pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from benchmark.annotators import annotator_distances, mean_distance
from benchmark.schema import AnnotatorDistance

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
        annotators: (annotators, landmarks, 2) the single annotations, in one order for all images,
            NaN where one of them did not set a landmark; or None.
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
        annotator_names: In the order of ``Sample.annotators``; may be empty where they have none.
        spacing_source: Where the spacing comes from, as part of a sentence; empty where it is not
            known or not in question.
    """

    name: str
    title: str
    landmark_names: tuple[str, ...]
    unit: str
    thresholds: tuple[float, ...]
    samples: tuple[Sample, ...]
    fingerprint: str
    notes: tuple[str, ...] = field(default=())
    annotator_names: tuple[str, ...] = ()
    spacing_source: str = ""

    def split(self, *names: Split) -> tuple[Sample, ...]:
        """The samples of the named splits, in order."""
        return tuple(sample for sample in self.samples if sample.split in names)

    def annotator_distances(self) -> tuple[AnnotatorDistance, ...]:
        """Mean distance of every two annotators over the test images, in ``unit``.

        Returns:
            Empty where the dataset keeps fewer than two annotations an image.
        """
        samples = [s for s in self.split("test") if s.annotators is not None]
        count = max((len(s.annotators) for s in samples if s.annotators is not None), default=0)
        names = self.annotator_names or tuple(f"annotator {k + 1}" for k in range(count))
        return annotator_distances(
            [s.annotators for s in samples if s.annotators is not None],
            [s.spacing for s in samples],
            names,
            self.landmark_names,
        )

    def annotator_distance(self) -> float | None:
        """Mean distance between annotators over the test images, in ``unit``.

        Returns:
            None where the dataset keeps fewer than two annotations an image.
        """
        return mean_distance(self.annotator_distances())


def points_digest_parts(samples: Sequence[Sample]) -> list[str]:
    """The text of the labels, one line a sample, for a dataset's fingerprint."""
    return [
        f"{s.id}|{s.split}|{s.group}|{s.width}x{s.height}|{s.spacing[0]!r},{s.spacing[1]!r}|"
        + ";".join(f"{float(x)!r},{float(y)!r}" for x, y in s.points)
        for s in samples
    ]
