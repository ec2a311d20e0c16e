"""Builds the leaderboard: groups cells by dataset, shots and recipe, and averages over seeds."""

from __future__ import annotations

import dataclasses
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from benchmark.fingerprint import without_leaks
from benchmark.reports.columns import Value, threshold_key
from benchmark.reports.evidence import with_evidence
from benchmark.reports.notes import notes, references
from benchmark.reports.published import published_lines
from benchmark.reports.recipes import (
    Recipe,
    conditions_of,
    excludes_leaks,
    flatten,
    recipes_of,
    variant_names,
)
from benchmark.reports.tables import (
    CONTROL,
    DatasetGroup,
    Identity,
    LeaderboardTable,
    Row,
    is_done,
)
from benchmark.reports.untaught import untaught
from benchmark.snapshot import Snapshot

if TYPE_CHECKING:
    from benchmark.schema import CellRecord, DatasetRecord, PretrainingRecord
    from benchmark.store import Store


WITHOUT_LEAKS = "without leaking test images"
"""What tells a dataset whose leaking test images are left out from the whole one."""


def mean_and_spread(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and sample standard deviation (n - 1); None for the latter below two values."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def build_tables(
    store: Store, cells: Iterable[CellRecord] | None = None
) -> tuple[LeaderboardTable, ...]:
    """The leaderboard with its evidence: one table for each dataset and number of shots.

    Args:
        store: Where datasets, pretrainings and errors are looked up.
        cells: The cells to show; all of the store where None.
    """
    if cells is None and isinstance(store, Snapshot):
        return store.derived("tables", lambda: _with_notes(store, store.cells()))
    return _with_notes(store, store.cells() if cells is None else cells)


def _with_notes(store: Store, cells: Iterable[CellRecord]) -> tuple[LeaderboardTable, ...]:
    judged = with_evidence(store, _plain_tables(store, cells))
    pretrainings = store.pretrainings()
    found = []
    for table in judged:
        warnings = untaught(table, pretrainings)
        found.append(
            dataclasses.replace(
                table,
                notes=(*warnings, *notes(table)),
                warnings=warnings,
                published=published_lines(table),
            )
        )
    return tuple(found)


def _plain_tables(store: Store, cells: Iterable[CellRecord]) -> list[LeaderboardTable]:
    """The tables with what single cells say: means over seeds, nothing between rows but gains."""
    pretrainings = {record.key: record for record in store.pretrainings()}
    tables = []
    for group in dataset_groups(store, cells):
        recipes = recipes_of(group.cells)
        variants = variant_names(group.cells, recipes)
        for shots in sorted({cell.labels.shots for cell in group.cells}):
            members = [cell for cell in group.cells if cell.labels.shots == shots]
            rows: dict[tuple[Recipe, str], list[CellRecord]] = defaultdict(list)
            for cell in members:
                rows[recipes[cell.key], variants[cell.key]].append(cell)
            named = [(variant, row) for (_, variant), row in rows.items()]
            tables.append(_table(group, shots, members, named, pretrainings))
    return tables


def dataset_groups(store: Store, cells: Iterable[CellRecord]) -> list[DatasetGroup]:
    """Cells by dataset name and content: other images or labels are another dataset."""
    records = {record.key: record for record in store.datasets()}
    members: dict[tuple[str, str], list[CellRecord]] = defaultdict(list)
    unprepared: list[CellRecord] = []
    for cell in cells:
        content = _content(cell, records)
        if content:
            members[cell.labels.dataset, content].append(cell)
        else:
            unprepared.append(cell)
    for cell in unprepared:
        # It failed before anything was known of the data; with one candidate there is no doubt.
        homes = [content for name, content in members if name == cell.labels.dataset and content]
        members[cell.labels.dataset, homes[0] if len(homes) == 1 else ""].append(cell)
    kinds = {place: any(map(excludes_leaks, group)) for place, group in members.items()}
    # Whole test sets and those without leaks are told apart by words, others by their content.
    alike = Counter((name, kinds[name, content]) for name, content in members)
    return [
        _group(name, content, group, records, alone=alike[name, kinds[name, content]] == 1)
        for (name, content), group in sorted(members.items())
    ]


def _content(cell: CellRecord, records: Mapping[str, DatasetRecord]) -> str:
    """The fingerprint of the images and labels that count, or "" where it is not known."""
    record = records.get(cell.dataset_key or "")
    if record is not None:
        return record.fingerprint
    spec = cell.spec.get("dataset")
    if not isinstance(spec, Mapping):
        return ""
    fingerprint = str(spec.get("fingerprint", ""))
    return without_leaks(fingerprint) if spec.get("exclude_leaks") else fingerprint


def _group(
    name: str,
    content: str,
    cells: Sequence[CellRecord],
    records: Mapping[str, DatasetRecord],
    *,
    alone: bool,
) -> DatasetGroup:
    keys = dict.fromkeys(cell.dataset_key for cell in cells if cell.dataset_key in records)
    own = tuple(records[key] for key in keys if key)
    first = own[0] if own else None
    measured = {key for cell in cells if cell.metrics for key in cell.metrics.sdr}
    thresholds = first.thresholds if first else tuple(sorted(float(key) for key in measured))
    details = [WITHOUT_LEAKS] if any(map(excludes_leaks, cells)) else []
    if not alone:
        details += [f"{p}={t}" for p, t in flatten(dict(first.options)) if p] if first else []
        details.append(f"data {content[:8]}" if content else "not prepared")
    return DatasetGroup(
        name=name,
        title=first.title if first else name,
        detail=", ".join(details),
        unit=first.unit if first else next((c.unit for c in cells if c.unit), ""),
        thresholds=tuple(thresholds),
        records=own,
        cells=tuple(cells),
    )


def _table(
    group: DatasetGroup,
    shots: int,
    cells: Sequence[CellRecord],
    named: Sequence[tuple[str, Sequence[CellRecord]]],
    pretrainings: Mapping[str, PretrainingRecord],
) -> LeaderboardTable:
    controls: dict[str, dict[int, float]] = defaultdict(dict)
    for cell in cells:
        if cell.labels.method == CONTROL and cell.metrics:
            controls[conditions_of(cell)][cell.labels.seed] = cell.metrics.mre
    rows = [
        _row(
            sorted(members, key=lambda c: c.labels.seed),
            variant,
            controls,
            pretrainings,
            group.thresholds,
        )
        for variant, members in named
    ]
    rows.sort(key=lambda row: (row.number("mre") is None, row.number("mre") or 0.0, row.identity))
    return LeaderboardTable(group, shots, tuple(rows), references(group, cells))


def _row(
    cells: Sequence[CellRecord],
    variant: str,
    controls: Mapping[str, Mapping[int, float]],
    pretrainings: Mapping[str, PretrainingRecord],
    thresholds: Sequence[float],
) -> Row:
    labels = cells[0].labels
    done = tuple(cell for cell in cells if is_done(cell))
    failed = tuple(cell for cell in cells if not is_done(cell))
    values: dict[str, Value] = {
        "method": labels.title,
        "backbone": labels.backbone,
        "transfer": labels.transfer,
        "variant": variant,
        "seeds": f"{len(done)} of {len(done) + len(failed)}" if failed else f"{len(done)}",
    }
    spreads: dict[str, float] = {}
    readers: dict[str, Callable[[CellRecord], float | None]] = {
        "mre": lambda c: c.metrics.mre if c.metrics else None,
        "median": lambda c: c.metrics.median if c.metrics else None,
        "p95": lambda c: c.metrics.p95 if c.metrics else None,
        "pretraining_seconds": lambda c: _pretraining_seconds(c, pretrainings),
        "finetuning_seconds": lambda c: c.timings.finetuning_seconds,
        "parameters": lambda c: c.parameters,
        "multiply_adds": lambda c: c.multiply_adds,
        "images_seen": lambda c: _images_seen(c, pretrainings),
        "energy": lambda c: _watt_hours(c, pretrainings),
    }
    for threshold in thresholds:
        readers[threshold_key(threshold)] = _sdr_reader(threshold)
    for key, read in readers.items():
        known = [value for value in map(read, done) if value is not None]
        values[key], spread = mean_and_spread(known) if known else (None, None)
        if key == "mre" and spread is not None:
            spreads[key] = spread
    values["gain"] = _gain(done, controls) if labels.method != CONTROL else None
    identity = Identity(labels.method, labels.backbone, labels.transfer, variant)
    return Row(identity, labels.title, labels.control, values, spreads, done, failed)


def _sdr_reader(threshold: float) -> Callable[[CellRecord], float | None]:
    return lambda cell: cell.metrics.sdr.get(str(float(threshold))) if cell.metrics else None


def _pretraining_seconds(
    cell: CellRecord, pretrainings: Mapping[str, PretrainingRecord]
) -> float | None:
    """The cost of the pretraining itself, also where the cell found it already computed."""
    record = pretrainings.get(cell.pretraining_key or "")
    seconds = record.seconds if record else cell.timings.pretraining_seconds
    return seconds if seconds > 0 else None


def _images_seen(cell: CellRecord, pretrainings: Mapping[str, PretrainingRecord]) -> float | None:
    record = pretrainings.get(cell.pretraining_key or "")
    return (cell.images_seen + (record.images_seen if record else 0)) or None


def _watt_hours(cell: CellRecord, pretrainings: Mapping[str, PretrainingRecord]) -> float | None:
    """The energy of both stages; None where either was computed on a machine that does not tell."""
    records: list[CellRecord | PretrainingRecord] = [cell]
    pretraining = pretrainings.get(cell.pretraining_key or "")
    if pretraining is not None:
        records.append(pretraining)
    joules = [record.energy_joules for record in records]
    known = [value for value in joules if value is not None]
    return sum(known) / 3600 if len(known) == len(joules) else None


def _gain(done: Sequence[CellRecord], controls: Mapping[str, Mapping[int, float]]) -> float | None:
    """100 * (1 - MRE / MRE of scratch), over the seeds that both have finished."""
    pairs = []
    for cell in done:
        control = controls.get(conditions_of(cell), {}).get(cell.labels.seed)
        if control is not None and cell.metrics:
            pairs.append((cell.metrics.mre, control))
    if not pairs or sum(control for _, control in pairs) == 0:
        return None
    return 100.0 * (1.0 - sum(mre for mre, _ in pairs) / sum(control for _, control in pairs))
