"""What a dataset is, in a few lines for people: counts, landmarks, sizes, spacing, splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmark.annotators import describe_pair
from benchmark.records import SPLITS, DatasetIndex
from benchmark.spacing import spacing_text

Facts = list[tuple[str, str]]

SHOWN = 4
"""So many sizes and spacings are listed; of more the range is told."""

NAMES_SHOWN = 60


def facts_of(index: DatasetIndex, options: Mapping[str, Any] | None = None) -> Facts:
    """Names and texts, in the order in which people ask.

    Args:
        index: The dataset.
        options: What its plugin was given or found out; labels and their format are told.
    """
    samples = index.samples
    facts = [("images", _counts(index))]
    groups = {sample.group for sample in samples if sample.group}
    if groups:
        single = sum(not sample.group for sample in samples)
        facts.append(("patients", f"{len(groups) + single}; films of one stay together"))
    if options and options.get("labels"):
        facts.append(
            ("labels", f"{options['labels']} ({options.get('label_format', 'found out')})")
        )
    names = index.landmark_names
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    facts.append(("landmarks", f"{len(names)}: {', '.join(names[:NAMES_SHOWN])}{more}"))
    missing = sum(int(np.isnan(sample.points[:, 0]).sum()) for sample in samples)
    if missing:
        facts.append(("missing", f"{missing} of {len(names) * len(samples)} landmarks"))
    facts.append(("sizes", _sizes([(sample.width, sample.height) for sample in samples])))
    facts.append(("spacing", _spacing(index)))
    thresholds = ", ".join(f"{threshold:g}" for threshold in index.thresholds)
    facts.append(("errors", f"in {index.unit}; SDR at {thresholds} {index.unit}"))
    facts += [("annotators", describe_pair(p, index.unit)) for p in index.annotator_distances()]
    return facts


def print_facts(name: str, facts: Facts, notes: Sequence[str], console: Console) -> None:
    """Print facts as a table without lines, and the notes under it."""
    from rich.text import Text

    console.print(Text(name, style="bold"))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for title, text in facts:
        table.add_row(Text(title), Text(text))
    console.print(table)
    for note in notes:
        if note.startswith("Spacing: "):
            continue  # it stands above
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)


def _counts(index: DatasetIndex) -> str:
    counts = Counter(sample.split for sample in index.samples)
    parts = ", ".join(f"{counts[split]} {split}" for split in SPLITS if counts[split])
    return f"{len(index.samples)}: {parts}"


def _sizes(sizes: Sequence[tuple[int, int]]) -> str:
    counts = Counter(sizes)
    if len(counts) == 1:
        width, height = sizes[0]
        return f"{width} x {height} px (width x height)"
    if len(counts) <= SHOWN:
        shown = (f"{w} x {h} ({count} images)" for (w, h), count in counts.most_common())
        return f"{', '.join(shown)} px"
    widths, heights = zip(*sizes, strict=True)
    return (
        f"{min(widths)} to {max(widths)} px wide, {min(heights)} to {max(heights)} px high; "
        f"{len(counts)} different sizes"
    )


def _spacing(index: DatasetIndex) -> str:
    if index.unit != "mm":
        return f"not known: errors are counted in {index.unit}"
    source = f", from {index.spacing_source}" if index.spacing_source else ""
    counts = Counter(sample.spacing for sample in index.samples)
    if len(counts) == 1:
        return f"{spacing_text(index.samples[0].spacing)} a pixel{source}"
    if len(counts) <= SHOWN:
        shown = (f"{spacing_text(s)} ({count} images)" for s, count in counts.most_common())
        return f"{', '.join(shown)}{source}"
    sides = [side for sample in index.samples for side in sample.spacing]
    return f"{min(sides):g} to {max(sides):g} mm a pixel, {len(counts)} different{source}"
