"""The ground truth of labels that several people set: their mean, or one of them."""

from __future__ import annotations

import numpy as np

from benchmark.annotators import annotator_distances
from benchmark.errors import DataError, UsageError
from benchmark.labels.label_set import OCCLUDED, Annotation, LabelledImage, LabelSet
from benchmark.schema import AnnotatorDistance
from benchmark.suggestions import did_you_mean

MEAN = "mean"
"""What ``annotator`` says for the mean of all who labelled a landmark."""


def ground_truth(
    labels: LabelSet, annotator: str = MEAN, *, mask_occluded: bool = False
) -> dict[str, np.ndarray]:
    """The points that count as true.

    Args:
        labels: Of one or several annotators.
        annotator: ``mean``, or the name of one. A landmark that some did not set is the mean of
            those who did.
        mask_occluded: Count an occluded landmark as one that this annotator did not set.

    Returns:
        By image, in order: (landmarks, 2) x and y in px, NaN where a landmark is missing. Images
        in which nobody set a point are left out.

    Raises:
        UsageError: There is no such annotator.
        DataError: The annotator did not label an image that others labelled.
    """
    check_annotator(labels, annotator)
    truth = {}
    for image in labels.images.values():
        if image.annotations:
            points = _chosen(image, annotator, labels.annotators, mask_occluded=mask_occluded)
            truth[image.name] = _mean(points)
    return truth


def annotations_of(
    labels: LabelSet, image: LabelledImage, *, mask_occluded: bool = False
) -> np.ndarray:
    """All annotations of an image.

    Returns:
        (annotators, landmarks, 2) px, in the order of ``labels.annotators``; NaN where one of them
        did not set a landmark.
    """
    points = np.full((len(labels.annotators), len(labels.landmark_names), 2), np.nan)
    for row, name in enumerate(labels.annotators):
        if name in image.annotations:
            points[row] = _points(image.annotations[name], mask_occluded=mask_occluded)
    return points


def inter_annotator_distances(labels: LabelSet) -> tuple[AnnotatorDistance, ...]:
    """How far apart every two annotators set the same landmarks, over all images, in px."""
    points = [annotations_of(labels, image) for image in labels.images.values()]
    spacings = [(1.0, 1.0)] * len(points)
    return annotator_distances(points, spacings, labels.annotators, labels.landmark_names)


def check_annotator(labels: LabelSet, annotator: str) -> None:
    """Refuse an annotator whom the labels do not know.

    Raises:
        UsageError: There is no such annotator.
    """
    named = [name for name in labels.annotators if name]
    if annotator != MEAN and annotator not in named:
        known = f"they are {', '.join(named)}" if named else f"{labels.path} names none"
        raise UsageError(
            f"There is no annotator '{annotator}'{did_you_mean(annotator, named)}: {known}; "
            f"write one of them, or {MEAN}."
        )


def _chosen(
    image: LabelledImage, annotator: str, everybody: tuple[str, ...], *, mask_occluded: bool
) -> np.ndarray:
    names = [name for name in everybody if name in image.annotations]
    if annotator != MEAN:
        if annotator not in names:
            raise DataError(
                f"{image.where}: {image.name} was labelled by {', '.join(names)} and not by "
                f"{annotator}; choose {MEAN}, or leave the image out."
            )
        names = [annotator]
    chosen = [_points(image.annotations[name], mask_occluded=mask_occluded) for name in names]
    return np.stack(chosen)


def _points(annotation: Annotation, *, mask_occluded: bool) -> np.ndarray:
    hidden = (annotation.visibility == OCCLUDED) & mask_occluded
    return np.where(hidden[:, None], np.nan, annotation.points)


def _mean(points: np.ndarray) -> np.ndarray:
    """The mean over the first axis of what is known; exact where there is one annotation."""
    known = np.isfinite(points)
    count = known.sum(axis=0)
    total = np.where(known, points, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
