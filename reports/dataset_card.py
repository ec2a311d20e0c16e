"""The datasheet of a dataset, as far as the store can answer it, and where it cannot, saying so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from benchmark import __version__
from benchmark.errors import BenchmarkError
from benchmark.registry import registry
from benchmark.reports.front_matter import front_matter
from benchmark.reports.leaderboard import escape_markdown
from benchmark.reports.markdown_tables import fact_lines, markdown_table
from benchmark.reports.model_index import TASK, licence_fields
from benchmark.reports.recipes import flatten

if TYPE_CHECKING:
    from benchmark.reports.tables import LeaderboardTable
    from benchmark.schema import DatasetRecord

PACKAGE = "fewshot-landmark-benchmark"
SHOWN_LEAKS = 8
NO_EVIDENCE = (
    "Numbers on it are no evidence for clinical use: this is research software and no medical "
    "device."
)
UNKNOWN = ""
"""``fact_lines`` writes that it is not recorded."""

Facts = Iterator[tuple[str, str]]


def render_datasheet(records: Sequence[DatasetRecord], tables: Sequence[LeaderboardTable]) -> str:
    """The datasheet as Markdown.

    Its sections are those of Gebru et al., Datasheets for datasets, Communications of the ACM
    64(12), 2021.

    Args:
        records: The dataset at its working sizes; at least one, all of one name and content.
        tables: Those in which it was used.
    """
    record = records[0]
    kind = "synthetic" if record.synthetic else "radiographs"
    metadata = licence_fields(record.licence) | {
        "pretty_name": record.title,
        "task_categories": [TASK],
        "tags": ["landmark-detection", "x-ray", kind],
    }
    sections = {
        "Motivation": _motivation(record),
        "Composition": _composition(record),
        "Collection": _collection(record),
        "Preprocessing": _preprocessing(records),
        "Uses": _uses(tables),
        "Distribution": _distribution(record),
        "Maintenance": _maintenance(record),
    }
    parts = [
        front_matter(metadata),
        "",
        f"# {escape_markdown(record.title)}",
        "",
        "Synthetic images: computed, not acquired." if record.synthetic else "Radiographs.",
        "",
        f"Made by {PACKAGE} {__version__} from the record of the dataset in one store.",
        "",
    ]
    for title, facts in sections.items():
        parts += [f"## {title}", "", *fact_lines(facts)]
        if title == "Composition":
            counts = [(split, str(count)) for split, count in record.counts.items()]
            parts += markdown_table(("Split", "Images"), counts)
    return "\n".join(parts)


def _motivation(record: DatasetRecord) -> Facts:
    yield "For what purpose was it made?", UNKNOWN
    yield "Who made it?", record.citation


def _composition(record: DatasetRecord) -> Facts:
    kind = "Images computed by a program" if record.synthetic else "Radiographs of people"
    yield "What does it hold?", f"{kind}, with landmarks"
    names = ", ".join(record.landmark_names)
    yield "Landmarks", f"{len(record.landmark_names)}: {names}"
    yield "Unit of errors", record.unit
    thresholds = ", ".join(f"{threshold:g}" for threshold in record.thresholds)
    yield "Thresholds of the success detection rate", f"{thresholds} {record.unit}"
    distance = record.annotator_distance
    yield (
        "Mean distance between annotators on the test images",
        f"{distance:.2f} {record.unit}" if distance is not None else UNKNOWN,
    )
    yield "Test images whose film is also in the pool", _leaks(record)
    persons = "No people are in it." if record.synthetic else UNKNOWN
    yield "Age, sex and origin of the people", persons
    yield "Fingerprint of images, labels and splits", record.fingerprint


def _leaks(record: DatasetRecord) -> str:
    if not record.leaks:
        return "None found."
    shown = ", ".join(
        f"{leak.test_id} as {leak.pool_id} (correlation {leak.correlation:.3f})"
        for leak in record.leaks[:SHOWN_LEAKS]
    )
    more = len(record.leaks) - SHOWN_LEAKS
    rest = f", and {more} more" if more > 0 else ""
    state = "kept out of the pretraining"
    if record.leaks_allowed:
        state = "left in at the user's word"
    if record.leaks_excluded:
        state = "the test images left out of the measurement"
    return f"{len(record.leaks)}, {state}: {shown}{rest}."


def _collection(record: DatasetRecord) -> Facts:
    yield "How were the images acquired?", "Computed." if record.synthetic else UNKNOWN
    yield "Consent and ethical review", "Not needed." if record.synthetic else UNKNOWN
    options = ", ".join(f"{p}={text}" for p, text in flatten(dict(record.options)) if p)
    yield "Options that it was read with", options or "None."


def _preprocessing(records: Sequence[DatasetRecord]) -> Facts:
    sizes = sorted({f"{r.working_size[1]} x {r.working_size[0]} px" for r in records})
    yield (
        "Working size, width x height",
        f"{' and '.join(sizes)}, the aspect kept; errors are measured in the native frames",
    )
    notes = list(dict.fromkeys(note for record in records for note in record.notes))
    yield "Spacing, and what else its readers must know", " ".join(notes)


def _uses(tables: Sequence[LeaderboardTable]) -> Facts:
    titles = {row.title for table in tables for row in table.rows}
    shots = ", ".join(str(shots) for shots in sorted({table.shots for table in tables}))
    used = f"{', '.join(sorted(titles))}, with {shots} labelled images" if tables else "for nothing"
    yield "For what was it used in this store?", used
    yield "For what should it not be used?", NO_EVIDENCE


def _distribution(record: DatasetRecord) -> Facts:
    yield "Licence or terms of use", record.licence
    yield "Where it can be had", _source(record)


def _source(record: DatasetRecord) -> str:
    """What the plugin says of the download; nothing where it is not installed."""
    try:
        plugin = registry("dataset").load(record.name)
    except BenchmarkError:
        return UNKNOWN
    # A user's folder may bear the name of a plugin.
    return plugin.source if plugin.citation == record.citation else UNKNOWN


def _maintenance(record: DatasetRecord) -> Facts:
    yield "Who keeps it up, and how is it corrected?", UNKNOWN
    yield "Name of the plugin or of the folder", record.name
