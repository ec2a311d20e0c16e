"""Small sets of shapes without pictures, for checks that look at labels alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from benchmark.audit.inquiry import Inquiry
from benchmark.audit.material import Material
from benchmark.records import DatasetIndex, Sample

SHAPE = np.array(
    [(20, 15), (70, 18), (45, 40), (25, 60), (62, 66), (40, 90), (78, 45), (15, 38)], dtype=float
)
NAMES = tuple("abcdefgh")
SIZE = (100, 120)


def shapes(count: int = 40, *, noise: float = 0.8, seed: int = 0) -> np.ndarray:
    """(count, 8, 2) px: the shape, moved, scaled and turned a little, with noise."""
    generator = np.random.default_rng(seed)
    middle = SHAPE.mean(axis=0)
    turn = generator.normal(0, 0.05, count)
    scale = np.exp(generator.normal(0, 0.05, count))
    cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
    rotation = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)
    placed = np.einsum("nij,lj->nli", rotation, SHAPE - middle) + middle
    placed += generator.normal(0, 2, (count, 1, 2))
    return np.asarray(placed + generator.normal(0, noise, placed.shape))


def material(
    points: np.ndarray,
    *,
    annotators: np.ndarray | None = None,
    thumbnails: dict[str, np.ndarray] | None = None,
    unit: str = "px@512",
    spacing: Sequence[tuple[float, float]] | None = None,
    change: Callable[[int, Sample], Sample] = lambda row, sample: sample,
) -> Material:
    """What an audit would have read of such a set; every fourth image is for testing."""
    samples = []
    for row, own in enumerate(points):
        sample = Sample(
            id=f"film{row:02d}",
            split="test" if row % 4 == 0 else "train",
            width=SIZE[0],
            height=SIZE[1],
            points=own,
            spacing=spacing[row] if spacing is not None else (2.0, 2.0),
            annotators=None if annotators is None else annotators[row],
        )
        samples.append(change(row, sample))
    count = points.shape[1]
    index = DatasetIndex(
        name="set",
        title="Set",
        landmark_names=NAMES[:count],
        unit=unit,
        thresholds=(2.0,),
        samples=tuple(samples),
        fingerprint="0",
        annotator_names=("ann", "bob") if annotators is not None else (),
    )
    return Material(index, thumbnails or {}, {})


def inquiry(points: np.ndarray) -> Inquiry:
    """The cases of a set without pictures."""
    return Inquiry(material(points))


def grouped(own: Sample, group: str) -> Sample:
    """The sample as one of a patient."""
    return dataclasses.replace(own, group=group)
