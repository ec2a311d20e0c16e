"""What the checks look at: labels as arrays, and a small picture of every image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmark.leaks import Leak, find_copies
from benchmark.records import DatasetIndex
from benchmark.refusals import Refusal


@dataclass(frozen=True, eq=False)
class Material:
    """A dataset as an audit has read it.

    Where several people annotated, each of their annotations is a drawing of its own, so that a
    fault of one is not hidden in the mean.

    Attributes:
        index: Labels, sizes, spacing and splits.
        thumbnails: By id of each image that could be read: (32, 32) mean grey values.
        damaged: By id of each image that could not be read: the sentence that says why.
        refusals: What the dataset would have refused to run with.
    """

    index: DatasetIndex
    thumbnails: Mapping[str, np.ndarray]
    damaged: Mapping[str, str]
    refusals: Sequence[Refusal] = ()

    @cached_property
    def annotators(self) -> tuple[str, ...]:
        """The names of the annotators; one empty name where labels come from one hand."""
        counts = [len(s.annotators) for s in self.index.samples if s.annotators is not None]
        if not counts:
            return ("",)
        count = max(counts)
        return self.index.annotator_names or tuple(f"annotator {k + 1}" for k in range(count))

    @cached_property
    def drawings(self) -> np.ndarray:
        """(images, annotators, landmarks, 2) x and y in px, NaN where nobody set a point."""
        samples, names = self.index.samples, self.index.landmark_names
        points = np.full((len(samples), len(self.annotators), len(names), 2), np.nan)
        for row, sample in enumerate(samples):
            if sample.annotators is None:
                points[row, 0] = sample.points
            else:
                points[row, : len(sample.annotators)] = sample.annotators
        return points

    @cached_property
    def sizes(self) -> np.ndarray:
        """(images, 2) width and height of the frames in px."""
        return np.array(
            [(s.width, s.height) for s in self.index.samples], dtype=np.float64
        ).reshape(-1, 2)

    @cached_property
    def spacing(self) -> np.ndarray:
        """(images, 2) the dataset's unit per px along x and y."""
        spacing = [s.spacing for s in self.index.samples]
        return np.array(spacing, dtype=np.float64).reshape(-1, 2)

    @cached_property
    def copies(self) -> list[Leak]:
        """All pairs of images that show one film, best match first."""
        ids = [s.id for s in self.index.samples if s.id in self.thumbnails]
        if len(ids) < 2:
            return []
        return find_copies(ids, np.stack([self.thumbnails[name] for name in ids]))

    def id(self, row: int) -> str:
        """The id of an image."""
        return self.index.samples[row].id
