"""What the table of methods says of a row: where it is from, what it costs, what it has learnt."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from benchmark.errors import BenchmarkError
from benchmark.plugins import Family
from benchmark.probing import ATTRIBUTE_MEAN, RANDOM, probe_key
from benchmark.registry import registry
from benchmark.reports.tables import CONTROL, WHOLE

if TYPE_CHECKING:
    from benchmark.reports.tables import LeaderboardTable, Row
    from benchmark.schema import CellRecord, EnvironmentRecord, PretrainingRecord

FAMILIES: tuple[Family, ...] = (
    "control",
    "weights",
    "joint-embedding",
    "dense",
    "generative",
    "restorative",
    "other",
)
assert set(FAMILIES) == set(get_args(Family))


@dataclass(frozen=True)
class Origin:
    """What the plugin of a method says of itself.

    Attributes:
        family: One of ``FAMILIES``, or what a store of another version says.
        trains: The parts it trains; None where the plugin is not installed.
        source: Its citation, or that the plugin is not installed.
    """

    family: str
    trains: tuple[str, ...] | None
    source: str

    @property
    def rank(self) -> int:
        """The place of its family in the table."""
        known: Sequence[str] = FAMILIES
        return known.index(self.family) if self.family in known else len(FAMILIES)


def origin_of(row: Row) -> Origin:
    """Ask the registry; where it does not know the method, say what the store knows."""
    cell = (row.done + row.failed)[0]
    try:
        plugin = registry("method").load(row.identity.method)
    except BenchmarkError:
        return Origin(cell.labels.family, None, "not installed here")
    order = ("encoder", "decoder")
    return Origin(
        plugin.family, tuple(part for part in order if part in plugin.trains), plugin.citation
    )


@dataclass(frozen=True)
class Measured:
    """What the pretrainings of a row have measured, as means over their seeds; None if unknown.

    Attributes:
        cost: Wall seconds of a pretraining step over those of a fine-tuning step of scratch.
        images: Images of the pool a step.
        first: Mean loss of the first steps.
        last: Mean loss of the last steps.
        reference: The loss of knowing nothing.
        meaning: What that loss is.
        probe: By attribute and for their mean, R^2 of the trained and of the random network.
    """

    cost: float | None
    images: float | None
    first: float | None
    last: float | None
    reference: float | None
    meaning: str
    probe: Mapping[str, tuple[float, float | None]]


def measured(
    row: Row,
    pretrainings: Mapping[str, PretrainingRecord],
    control_steps: Mapping[str, Sequence[float]],
    environments: Mapping[str, EnvironmentRecord],
) -> Measured:
    """What is known of a row's pretrainings.

    Args:
        row: The row.
        pretrainings: All of the store, by key.
        control_steps: From :func:`control_step_seconds`.
        environments: All of the store, by id.
    """
    cells = row.done + row.failed
    found = {
        key: pretrainings[key]
        for key in (cell.pretraining_key or "" for cell in cells)
        if key in pretrainings
    }
    records = [record for record in found.values() if record.status == "done"]
    trained = [record for record in records if record.steps]
    ratios = [
        record.seconds / record.steps / statistics.fmean(known)
        for cell in cells
        if (record := found.get(cell.pretraining_key or "")) is not None and record in trained
        if (known := control_steps.get(_conditions(cell, record.environment, environments)))
    ]
    meanings = [record.metrics.get("reference_meaning") for record in records]
    return Measured(
        cost=_mean(ratios),
        images=_mean(record.images_seen / record.steps for record in trained),
        first=_mean_metric(records, "loss_first"),
        last=_mean_metric(records, "loss_last"),
        reference=_mean_metric(records, "reference_loss"),
        meaning=next((str(meaning) for meaning in meanings if meaning), ""),
        probe=_probe(records),
    )


def control_step_seconds(
    cells: Iterable[CellRecord], environments: Mapping[str, EnvironmentRecord]
) -> dict[str, list[float]]:
    """Wall seconds of a fine-tuning step of ``scratch``, by what must agree for a comparison.

    That is the data at its working size, the network, the protocol and the hardware, but not the
    shots: a step takes as many images however many there are to draw from.
    """
    seconds: dict[str, list[float]] = {}
    for cell in cells:
        timed = cell.status == "done" and cell.steps > 0 and cell.timings.finetuning_seconds > 0
        if timed and cell.labels.method == CONTROL and cell.labels.transfer == WHOLE:
            place = _conditions(cell, cell.environment, environments)
            seconds.setdefault(place, []).append(cell.timings.finetuning_seconds / cell.steps)
    return seconds


def _conditions(
    cell: CellRecord, environment: str, environments: Mapping[str, EnvironmentRecord]
) -> str:
    """What must agree for two durations of a step to be compared, as JSON."""
    shared = [cell.spec.get(name) for name in ("dataset", "backbone", "protocol")]
    known = environments.get(environment)
    machine = hardware(known) if known is not None else environment
    return json.dumps([*shared, machine], sort_keys=True, default=str)


def hardware(environment: EnvironmentRecord) -> str:
    """What computed, in one line."""
    cores = f"{environment.cpu}, {environment.cores} cores, {environment.threads} threads a worker"
    device = environment.gpu or environment.device
    parts = [cores] if device == "cpu" else [device, cores]
    return f"{'; '.join(parts)}; {environment.precision}"


def _probe(records: Sequence[PretrainingRecord]) -> dict[str, tuple[float, float | None]]:
    """The probe by attribute, in alphabetical order, and for the mean."""
    prefix, metrics = probe_key(""), {name for record in records for name in record.metrics}
    names = {name.removeprefix(prefix) for name in metrics if name.startswith(prefix)}
    attributes = sorted(name for name in names if not name.endswith(RANDOM))
    found = {}
    for name in attributes:
        trained = _mean_metric(records, probe_key(name))
        if trained is not None:
            found[name] = trained, _mean_metric(records, probe_key(name, random=True))
    return found


def probed_attributes(rows: Iterable[Measured]) -> list[str]:
    """The attributes that any row was asked for, without their mean."""
    return sorted({name for row in rows for name in row.probe} - {ATTRIBUTE_MEAN})


def _mean_metric(records: Iterable[PretrainingRecord], name: str) -> float | None:
    values = (record.metrics.get(name) for record in records)
    return _mean(value for value in values if isinstance(value, int | float))


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return statistics.fmean(known) if known else None


def tables_by_transfer(
    tables: Iterable[LeaderboardTable],
) -> Iterable[tuple[LeaderboardTable, str, list[Row]]]:
    """Each table once a transfer, with the rows of that transfer."""
    for table in tables:
        transfers = sorted(table.transfers(), key=lambda transfer: (transfer != WHOLE, transfer))
        for transfer in transfers:
            rows = [row for row in table.rows if row.identity.transfer == transfer]
            yield table, transfer, rows
