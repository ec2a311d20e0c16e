"""Which images of a user's folder are for testing: as the table says, or drawn by hash."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmark.errors import DataError
from benchmark.labels.label_set import LabelledImage
from benchmark.records import Split
from benchmark.refusals import refuse


def assign_splits(
    images: Sequence[LabelledImage],
    patients: Mapping[str, str],
    labels: Path,
    test_fraction: float,
) -> dict[str, Split]:
    """The split of each image.

    Args:
        images: The splits that their labels give are obeyed; without any, test images are drawn.
        patients: The patient by image, of those that are known.
        labels: Where the labels lie, for the message.
        test_fraction: Share of the images to draw, in (0, 1).

    Raises:
        DataError: There is no test or no training image, a patient has both, or the labels give
            the split of some images and not of others.
    """
    given = {image.name: image.split for image in images if image.split is not None}
    without: dict[str, Split] = {}
    for image in images:
        if given and image.split is None:
            error = DataError(
                f"{image.where}: {image.name} has no split, but {next(iter(given))} has one; give "
                "all images a split, or none."
            )
            refuse(error, image.name)
            without[image.name] = "train"
    groups = {image.name: patients.get(image.name) or image.name for image in images}
    splits = {**given, **without} if given else draw_split(groups, test_fraction)
    mend = "mark some in the column 'split'" if given else "add images, or change test_fraction"
    for needed in ("test", "train"):
        if needed not in splits.values():
            refuse(DataError(f"{labels}: there is no {needed} image among {len(splits)}; {mend}."))
    first: dict[str, str] = {}
    for image in images:
        other = first.setdefault(groups[image.name], image.name)
        if (splits[other] == "test") != (splits[image.name] == "test"):
            who = f"patient {image.patient}" if image.patient else "one patient (by PatientID)"
            error = DataError(
                f"{image.where}: {who} has a test image and a training image ({other}, "
                f"{image.name}); keep a patient on one side."
            )
            refuse(error, seen=True)
    return splits


def draw_split(groups: Mapping[str, str], test_fraction: float) -> dict[str, Split]:
    """Draw test images by hash, whole patients at a time.

    Patients are ordered by the sha256 of ``test:patient`` and taken for testing until the share is
    reached, at least one; the draw depends neither on the order of the images nor on any library.

    Args:
        groups: The patient of each image (the image itself where no patient is known).
        test_fraction: Share of the images, in (0, 1).

    Returns:
        ``test`` or ``train`` for each image.
    """
    order = sorted(
        set(groups.values()), key=lambda g: (hashlib.sha256(f"test:{g}".encode()).hexdigest(), g)
    )
    wanted = max(1, round(test_fraction * len(groups)))
    members = Counter(groups.values())
    chosen: set[str] = set()
    count = 0
    for group in order:
        if count >= wanted:
            break
        chosen.add(group)
        count += members[group]
    return {name: "test" if group in chosen else "train" for name, group in groups.items()}
