"""Films and labels that are there twice, and patients on both sides of a split."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from benchmark.audit.findings import Certainty, Finding
from benchmark.audit.inquiry import Inquiry
from benchmark.audit.material import Material
from benchmark.leaks import Leak

SAME_FILM = 0.99
"""From this correlation on, two images are one film beyond doubt.

Recompressed and rescaled copies reach 0.995; docs/audit.md has the figures.
"""

_FEWEST_EQUAL = 3


def films(inquiry: Inquiry) -> list[Finding]:
    """Pairs of images that show one film: a leak where the splits differ, else a copy."""
    material = inquiry.material
    samples = {sample.id: sample for sample in material.index.samples}
    found = []
    for pair in material.copies:
        first, second = samples[pair.pool_id], samples[pair.test_id]
        across = first.split != second.split
        certainty: Certainty = "certain" if abs(pair.correlation) >= SAME_FILM else "likely"
        patients = ""
        if first.group and second.group and first.group != second.group:
            patients = "; they are listed as two patients"
        where = f"{first.split} and {second.split}" if across else f"both {first.split}"
        found.append(
            Finding(
                "leak" if across else "copy",
                certainty,
                (first.id, second.id),
                f"one film, {where} (correlation {pair.correlation:.3f}"
                f"{', inverted' if pair.correlation < 0 else ''}){patients}",
            )
        )
    return found


def leaking_pairs(material: Material) -> list[Leak]:
    """The pairs that `films` calls leaks."""
    splits = {sample.id: sample.split for sample in material.index.samples}
    return [pair for pair in material.copies if splits[pair.pool_id] != splits[pair.test_id]]


def patients(inquiry: Inquiry) -> list[Finding]:
    """Patients with images in several splits; their names are not repeated."""
    members: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for sample in inquiry.material.index.samples:
        if sample.group:
            members[sample.group][sample.split].append(sample.id)
    found = []
    for splits in members.values():
        if len(splits) > 1:
            counts = ", ".join(f"{len(ids)} {split}" for split, ids in splits.items())
            images = tuple(ids[0] for ids in splits.values())
            found.append(
                Finding(
                    "patient",
                    "certain",
                    images,
                    f"one patient is in several splits ({counts})",
                )
            )
    return found


def copied_labels(inquiry: Inquiry) -> list[Finding]:
    """Different films whose points are the same to the last digit."""
    one_film = {frozenset((pair.pool_id, pair.test_id)) for pair in inquiry.material.copies}
    seen: dict[tuple[int, bytes], int] = {}
    found = []
    for case in np.flatnonzero(~inquiry.explained):
        if len(inquiry.known(int(case))) < _FEWEST_EQUAL:
            continue
        key = int(inquiry.who[case]), inquiry.points[case].tobytes()
        other = seen.setdefault(key, int(case))
        if other == case:
            continue
        images = tuple(inquiry.material.id(int(inquiry.rows[k])) for k in (other, case))
        if frozenset(images) not in one_film:
            found.append(
                Finding(
                    "copied labels",
                    "likely",
                    images,
                    f"all {len(inquiry.known(int(case)))} points are the same, and the films are "
                    "not: one has the labels of the other",
                    annotator=inquiry.material.annotators[int(inquiry.who[case])],
                )
            )
    return found
