"""Which images show one patient: as the labels say, or as DICOM tags do, without a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.images import ImageHeader
from benchmark.labels.label_set import LabelledImage

LARGEST_SHARE = 0.5
"""A PatientID that more than this share of the images have stands for no patient but for nobody."""

_FEW = 4
"""So few images may all show one patient, which is then refused for want of a second."""


@dataclass(frozen=True)
class Patients:
    """Images of one patient.

    Attributes:
        groups: The patient by image; only images that share one, or whose labels name one.
        notes: Sentences that a reader of the results must know.
    """

    groups: Mapping[str, str]
    notes: tuple[str, ...] = ()


def find_patients(
    images: Sequence[LabelledImage], headers: Mapping[str, ImageHeader], *, use_tags: bool
) -> Patients:
    """The patient of each image.

    Where the labels name patients, they are obeyed. Otherwise images whose files have one
    PatientID are a group, which is called after its first image: the id itself is kept nowhere.

    Args:
        images: All images, with what their labels say.
        headers: What their files say, by name.
        use_tags: Whether the files are asked.
    """
    named = {image.name: image.patient for image in images if image.patient}
    if named or not use_tags:
        return Patients(named)
    films = [headers[image.name].patient for image in images]
    counts = Counter(patient for patient in films if patient)
    if not counts:
        return Patients({})
    _, most = counts.most_common(1)[0]
    if len(images) >= _FEW and most > LARGEST_SHARE * len(images):
        note = (
            f"{most} of {len(images)} images have one PatientID, which tells no patients apart: "
            "films of one patient may lie on both sides of the split."
        )
        return Patients({}, (note,))
    first: dict[str, str] = {}
    for image in sorted(images, key=lambda image: image.name):
        first.setdefault(headers[image.name].patient, image.name)
    groups = {
        image.name: first[patient]
        for image, patient in zip(images, films, strict=True)
        if patient and counts[patient] > 1
    }
    people = len(counts) + films.count("")
    note = f"Patients are told apart by the files' PatientID: {len(images)} images of {people}."
    return Patients(groups, (note,) if groups else ())
