"""What the report says of searches for options: what was found, and how much options matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.reports.tuning_figures import sensitivity, sensitivity_drawing
from benchmark.tuning.results import COLUMNS, sentences, summary

if TYPE_CHECKING:
    from benchmark.reports.drawing import Drawing
    from benchmark.store import Store
    from benchmark.tuning.records import StudyRecord, TuningSource


@dataclass(frozen=True)
class SensitivityFigure:
    """A small figure with its caption."""

    title: str
    detail: str
    svg: str


@dataclass(frozen=True)
class TuningSection:
    """The searches that were scored alike, and may be compared.

    Attributes:
        title: How they were scored.
        columns: Headings of the table.
        rows: One a search, as texts.
        sentences: What belongs to the table.
        figures: One an option and search, learning rates first.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    sentences: tuple[str, ...]
    figures: tuple[SensitivityFigure, ...]


def tuning_sections(store: Store) -> list[TuningSection]:
    """The searches of a store, by how they were scored."""
    return [
        TuningSection(
            title=_title(records[0].source),
            columns=tuple(column.format(unit=records[0].unit) for column in COLUMNS),
            rows=tuple(tuple(summary(record)) for record in records),
            sentences=tuple(sentences(records)),
            figures=tuple(_figures(records)),
        )
        for records in comparable(store)
    ]


def comparable(store: Store) -> list[list[StudyRecord]]:
    """Searches that were scored on the same images under the same budget, methods by name."""
    groups: dict[tuple[object, ...], list[StudyRecord]] = {}
    for record in sorted(store.studies(), key=lambda r: (r.control, r.title, r.backbone, r.key)):
        source, cell = record.source, record.spec["cells"][0]
        alike = (
            *(source.dataset, source.score, source.folds, source.shots, source.seeds),
            str(cell["dataset"]),
            str(cell["protocol"]),
            source.search_seed,
        )
        groups.setdefault(alike, []).append(record)
    return [groups[name] for name in sorted(groups, key=str)]


def _title(source: TuningSource) -> str:
    seeds = ", ".join(map(str, source.seeds))
    under = f", preset {source.preset}" if source.preset else ""
    how = (
        "validation images"
        if source.score == "val"
        else f"{source.folds}-fold cross-validation within the labelled images"
    )
    return f"{source.dataset}, {source.shots} labelled images, seed {seeds}: {how}{under}"


def _figures(records: Sequence[StudyRecord]) -> Iterator[SensitivityFigure]:
    for record in records:
        if record.best is None:
            continue
        for dimension in record.dimensions:
            yield SensitivityFigure(
                title=record.name,
                detail=dimension.title,
                svg=sensitivity(record, dimension, f"tuning-{record.key}-{_short(dimension.name)}"),
            )


def tuning_drawings(store: Store) -> dict[str, Drawing]:
    """The same figures for files, by name without its ending."""
    drawings: dict[str, Drawing] = {}
    for records in comparable(store):
        for record in records:
            if record.best is not None:
                for dimension in record.dimensions:
                    name = f"tuning-{record.method}-{record.key}-{_short(dimension.name)}"
                    drawings[name] = sensitivity_drawing(record, dimension)
    return drawings


def _short(name: str) -> str:
    return name.replace(".", "-").replace("_", "-")
