"""What the report says beside the results: pretrainings, data, protocol, environment, progress."""

from __future__ import annotations

import json
import shlex
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.reports.columns import format_count, format_seconds
from benchmark.reports.recipes import flatten
from benchmark.reports.tables import DatasetGroup, LeaderboardTable, failure_sentence

if TYPE_CHECKING:
    from benchmark.schema import CellRecord, EnvironmentRecord, PretrainingRecord
    from benchmark.store import Store


@dataclass(frozen=True)
class Health:
    """One line of the table of pretrainings; texts are empty where nothing was measured."""

    method: str
    backbone: str
    dataset: str
    seed: str
    steps: str
    images: str
    time: str
    first: str
    last: str
    reference: str
    reference_meaning: str
    spread: str
    rank: str
    failure: str


@dataclass(frozen=True)
class FailedCell:
    """A failed cell, for the list of failures."""

    name: str
    dataset: str
    shots: int
    seed: int
    sentence: str
    key: str
    traceback: str


@dataclass(frozen=True)
class Setting:
    """A set of settings shared by some cells: (name, value) pairs."""

    title: str
    cells: int
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Progress:
    """How much of what was asked for is there."""

    done: int
    failed: int
    missing: int

    @property
    def sentence(self) -> str:
        """Counts as one sentence."""
        parts = [f"{self.done} of {self.done + self.failed + self.missing} cells finished"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.missing:
            parts.append(f"{self.missing} not computed yet")
        return ", ".join(parts) + "."


def method_titles(cells: Sequence[CellRecord]) -> dict[str, str]:
    """Titles of methods by name."""
    return {cell.labels.method: cell.labels.title for cell in cells}


def health_lines(
    pretrainings: Sequence[PretrainingRecord], titles: Mapping[str, str]
) -> list[Health]:
    """One line a pretraining that trained something or failed."""
    told = [p for p in pretrainings if p.steps or p.metrics or p.status == "failed"]
    told.sort(key=lambda p: (p.dataset or "", p.method, p.backbone, p.seed or 0))
    return [_health(record, titles) for record in told]


def _health(record: PretrainingRecord, titles: Mapping[str, str]) -> Health:
    metrics = record.metrics
    meaning = metrics.get("reference_meaning")
    failed = record.error.sentence if record.error else "no reason was recorded"
    return Health(
        method=titles.get(record.method, record.method),
        backbone=record.backbone,
        dataset=record.dataset or "",
        seed="all" if record.seed is None else str(record.seed),
        steps=f"{record.steps:,}".replace(",", " ") if record.steps else "",
        images=format_count(record.images_seen) if record.images_seen else "",
        time=format_seconds(record.seconds) if record.seconds else "",
        first=_three_digits(metrics.get("loss_first")),
        last=_three_digits(metrics.get("loss_last")),
        reference=_three_digits(metrics.get("reference_loss")),
        reference_meaning=str(meaning) if meaning else "",
        spread=_three_digits(metrics.get("embedding_std")),
        rank=_three_digits(metrics.get("effective_rank")),
        failure=failed if record.status == "failed" else "",
    )


def _three_digits(value: float | str | None) -> str:
    return f"{value:.3g}" if isinstance(value, int | float) else ""


def failed_cells(tables: Sequence[LeaderboardTable]) -> list[FailedCell]:
    """All failed cells, in the order of the tables."""
    return [
        FailedCell(
            name=row.name,
            dataset=table.group.full_title,
            shots=table.shots,
            seed=cell.labels.seed,
            sentence=failure_sentence(cell),
            key=cell.key,
            traceback=cell.error.traceback if cell.error else "",
        )
        for table in tables
        for row in table.rows
        for cell in row.failed
    ]


def data_facts(group: DatasetGroup) -> list[tuple[str, str]]:
    """What is known of a dataset, as (name, text) pairs."""
    record = group.record
    if record is None:
        return [("State", "was never prepared: all its cells failed before that")]
    counts = ", ".join(f"{number} {split}" for split, number in record.counts.items())
    sizes = " and ".join(f"{r.working_size[1]} x {r.working_size[0]}" for r in group.records)
    facts = [
        ("Name", record.name),
        ("Kind", "synthetic: computed, not acquired" if record.synthetic else "radiographs"),
        ("Images", counts),
        ("Landmarks", f"{len(record.landmark_names)}: {', '.join(record.landmark_names)}"),
        ("Working size", f"{sizes} px (width x height); errors are measured in native frames"),
        ("SDR thresholds", ", ".join(f"{t:g}" for t in record.thresholds) + f" {record.unit}"),
        ("Leaks into the pool", _leaks(group)),
        ("Options", ", ".join(f"{p}={t}" for p, t in flatten(dict(record.options)) if p)),
        ("Citation", record.citation),
        ("Licence", record.licence),
        ("Fingerprint", record.fingerprint),
    ]
    return [(name, text) for name, text in facts if text]


def _leaks(group: DatasetGroup) -> str:
    record = group.record
    if record is None or not record.leaks:
        return "none found"
    pairs = ", ".join(
        f"{leak.pool_id} shows the film of {leak.test_id} (r = {leak.correlation:.3f})"
        for leak in record.leaks[:8]
    )
    more = f" and {len(record.leaks) - 8} more" if len(record.leaks) > 8 else ""
    state = "found and removed"
    if record.leaks_allowed:
        state = "found and left in at the user's word"
    if record.leaks_excluded:
        state = "found, whose test images are left out"
    return f"{len(record.leaks)} {state}: {pairs}{more}"


def protocol_settings(cells: Sequence[CellRecord]) -> list[Setting]:
    """Each distinct protocol of fine-tuning and evaluation, with the number of cells."""
    groups: dict[str, list[CellRecord]] = defaultdict(list)
    for cell in cells:
        groups[_canonical(cell.spec.get("protocol", {}))].append(cell)
    return [
        _setting(_preset_title(members), members, shared)
        for shared, members in sorted(groups.items())
    ]


def _preset_title(cells: Sequence[CellRecord]) -> str:
    presets = sorted({str(cell.spec["preset"]) for cell in cells if cell.spec.get("preset")})
    return f"Preset {', '.join(presets)}" if presets else "Settings"


def method_settings(cells: Sequence[CellRecord]) -> list[Setting]:
    """Each distinct method, options, backbone and budget, with the number of cells."""
    groups: dict[tuple[str, str], list[CellRecord]] = defaultdict(list)
    for cell in cells:
        spec = cell.spec
        names = ("method", "backbone", "transfer", "finetuning_steps")
        shared: dict[str, object] = {name: spec[name] for name in names if name in spec}
        pretraining = spec.get("pretraining")
        if isinstance(pretraining, Mapping):
            budget = ("steps", "batch_size", "precision")
            shared["pretraining"] = {n: pretraining[n] for n in budget if n in pretraining}
        title = f"{cell.labels.title} on {cell.labels.backbone}"
        groups[title, _canonical(shared)].append(cell)
    return [_setting(title, members, shared) for (title, shared), members in sorted(groups.items())]


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _setting(title: str, cells: Sequence[CellRecord], shared: str) -> Setting:
    leaves = flatten(json.loads(shared))
    return Setting(title, len(cells), tuple((p, text.strip('"')) for p, text in leaves if p))


def environments(store: Store, cells: Sequence[CellRecord]) -> list[tuple[EnvironmentRecord, int]]:
    """The environments of the cells, with the number of cells each."""
    counts = Counter(cell.environment for cell in cells)
    known = store.environments()
    return [(known[name], count) for name, count in counts.items() if name in known]


def commands(store: Store) -> list[str]:
    """The distinct commands that were run on the store, oldest first."""
    return list(dict.fromkeys(shlex.join(run.command) for run in store.runs() if run.command))


def progress(store: Store, cells: Sequence[CellRecord]) -> Progress:
    """What of all that was ever asked for has finished, failed, or is missing."""
    present = {cell.key for cell in cells}
    asked = {key for run in store.runs() for key in run.cells}
    failed = sum(cell.status == "failed" for cell in cells)
    return Progress(len(cells) - failed, failed, len(asked - present))
