"""All checks of an audit, in an order in which the first explains what later ones would find."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmark.audit.annotators import disagreements, offsets
from benchmark.audit.coordinates import one_based, outside, placeholders, ratios
from benchmark.audit.copies import copied_labels, films, patients
from benchmark.audit.findings import Finding, ordered
from benchmark.audit.inquiry import Inquiry
from benchmark.audit.material import Material
from benchmark.audit.order import order
from benchmark.audit.outliers import displaced, outliers
from benchmark.audit.physical import spacing
from benchmark.audit.poses import poses, scales

Check = Callable[[Inquiry], list[Finding]]

CHECKS: dict[str, str] = {
    "damaged": "images that cannot be read",
    "refused": "what a run refuses",
    "leak": "one film in two splits",
    "copy": "one film twice in a split",
    "patient": "one patient in several splits",
    "copied labels": "the labels of one film under another",
    "placeholder": "missing landmarks written as numbers",
    "ratios": "shares of width and height taken for pixels",
    "scale": "points set in a copy of another size",
    "swapped": "x and y exchanged",
    "mirrored": "landmarks mirrored against the other images",
    "turned": "landmarks turned against the other images",
    "order": "landmarks under exchanged names",
    "outside": "points outside the image",
    "one-based": "pixels counted from one",
    "annotators": "annotators who disagree more than usual",
    "outlier": "landmarks unlike those of the other images",
    "displaced": "shapes at an unusual place, size or turn",
    "spacing": "spacing under which a size is impossible",
}
"""What each check finds, by the name that findings bear, in the order in which they are shown."""


def _damaged(inquiry: Inquiry) -> list[Finding]:
    return [
        Finding("damaged", "certain", (name,), sentence)
        for name, sentence in inquiry.material.damaged.items()
    ]


def _refused(inquiry: Inquiry) -> list[Finding]:
    name = inquiry.material.index.name
    return [
        Finding("refused", "certain", (refusal.image or name,), refusal.sentence)
        for refusal in inquiry.material.refusals
    ]


_IN_TURN: tuple[Check, ...] = (
    _damaged,
    _refused,
    films,
    patients,
    placeholders,
    ratios,
    scales,
    poses,
    order,
    copied_labels,
    outside,
    one_based,
    offsets,
    disagreements,
    outliers,
    displaced,
    spacing,
)


@dataclass(frozen=True)
class Findings:
    """What an audit has found.

    Attributes:
        all: The surest first.
        unchecked: Sentences about what could not be looked at, and why.
    """

    all: tuple[Finding, ...]
    unchecked: tuple[str, ...]

    def of(self, check: str) -> list[Finding]:
        """The findings of one check, the surest first."""
        return [finding for finding in self.all if finding.check == check]


def find_faults(material: Material) -> Findings:
    """Ask all checks about a dataset."""
    inquiry = Inquiry(material)
    found = [finding for check in _IN_TURN for finding in check(inquiry)]
    found = _joined(found, len(material.annotators))
    return Findings(tuple(ordered(found)), tuple(_unchecked(inquiry)))


def _joined(found: list[Finding], annotators: int) -> list[Finding]:
    """Findings with those that all annotators share once, in the words about the first."""
    alike: dict[tuple[str, tuple[str, ...], str], list[Finding]] = defaultdict(list)
    for finding in found:
        alike[finding.check, finding.images, finding.landmark].append(finding)
    joined = []
    for group in alike.values():
        everybody = len({finding.annotator for finding in group}) == annotators > 1
        joined += [replace(group[0], annotator="")] if everybody else group
    return joined


def _unchecked(inquiry: Inquiry) -> list[str]:
    sentences = []
    index = inquiry.material.index
    if inquiry.model is None:
        sentences.append(
            "order, orientation and outliers: with fewer than 3 landmarks or 8 labelled images "
            "shapes cannot be compared"
        )
    elif inquiry.expectation is None:
        sentences.append("single outliers: of three landmarks the one that is off cannot be told")
    if not any(sample.group for sample in index.samples):
        sentences.append("patients: the dataset does not say whose images they are")
    if index.unit != "mm":
        sentences.append("spacing: none is known")
    if len(inquiry.material.annotators) < 2:
        sentences.append("annotators: there is one")
    return sentences
