"""How far apart annotators set the same landmarks: the error that people have among themselves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from benchmark.schema import AnnotatorDistance


def annotator_distances(
    annotations: Sequence[np.ndarray],
    spacings: Sequence[tuple[float, float]],
    annotators: Sequence[str],
    landmark_names: Sequence[str],
) -> tuple[AnnotatorDistance, ...]:
    """The mean radial distance of every two annotators over the points that both set.

    Args:
        annotations: An image each: (annotators, landmarks, 2) px, NaN where not set.
        spacings: An image each: the unit of the result per px, along x and along y.
        annotators: Their names, in the order of the first axis.
        landmark_names: In the order of the second.

    Returns:
        One for each pair that shares a point, in the order of the names.
    """
    found = []
    for first, second in combinations(range(len(annotators)), 2):
        rows = [
            np.hypot(*((image[first] - image[second]) * np.asarray(spacing)).T)
            for image, spacing in zip(annotations, spacings, strict=True)
        ]
        distances = np.array(rows).reshape(-1, len(landmark_names))
        known = np.isfinite(distances)
        if known.any():
            columns = zip(landmark_names, distances.T, known.T, strict=True)
            found.append(
                AnnotatorDistance(
                    first=annotators[first],
                    second=annotators[second],
                    images=int(known.any(axis=1).sum()),
                    points=int(known.sum()),
                    mean=float(distances[known].mean()),
                    per_landmark={
                        name: float(column[there].mean()) if there.any() else None
                        for name, column, there in columns
                    },
                )
            )
    return tuple(found)


def mean_distance(pairs: Sequence[AnnotatorDistance]) -> float | None:
    """The mean over all points of all pairs, or None where there is none."""
    points = sum(pair.points for pair in pairs)
    return sum(pair.mean * pair.points for pair in pairs) / points if points else None


def describe_pair(pair: AnnotatorDistance, unit: str) -> str:
    """Names, images and distance of two annotators, in a line."""
    return f"{pair.first} and {pair.second}, {pair.images} images: {pair.mean:.2f} {unit}"
