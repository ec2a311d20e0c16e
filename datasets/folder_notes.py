"""What a reader of results on a user's folder must know, one sentence each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.datasets.folder_options import FolderOptions
from benchmark.datasets.folder_patients import Patients
from benchmark.datasets.folder_spacing import Spacings
from benchmark.labels.ground_truth import MEAN
from benchmark.labels.label_set import LabelSet
from benchmark.records import Sample


def notes_on(
    options: FolderOptions,
    samples: Sequence[Sample],
    labels: LabelSet,
    spacings: Spacings,
    patients: Patients,
) -> tuple[str, ...]:
    """The user's own note, then unit, patients, annotators and what was left out."""
    notes = [options.note] if options.note else []
    if spacings.by_image:
        notes.append(f"Spacing: {spacings.source}.")
    else:
        notes.append(
            "No spacing is known: errors are px after scaling the longer side of each image "
            f"to {options.reference_size} px."
        )
    notes += [*spacings.notes, *patients.notes]
    if len(labels.annotators) > 1:
        chosen = options.annotator
        whose = f"the mean of {len(labels.annotators)} annotators" if chosen == MEAN else chosen
        notes.append(f"Ground truth is {whose}.")
    unlabelled = len(labels.images) - len(samples)
    if unlabelled:
        notes.append(f"{unlabelled} images of the labels have no landmark and are left out.")
    if labels.unused_names:
        notes.append(f"No image has {', '.join(labels.unused_names[:5])}: left out.")
    missing = sum(int(np.isnan(sample.points[:, 0]).sum()) for sample in samples)
    if missing:
        total = sum(len(sample.points) for sample in samples)
        notes.append(f"{missing} of {total} landmarks are missing and are masked.")
    return tuple(notes)
