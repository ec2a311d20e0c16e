"""What of a run is done and what is missing, by name where the plan can be told from the store."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmark.files import key_of
from benchmark.reports.tables import WHOLE, LeaderboardTable

if TYPE_CHECKING:
    from benchmark.schema import CellRecord, RunRecord
    from benchmark.store import Store

MOST_TRIED = 100_000
"""So many points of the grid are looked up at most before the rest is left without a name."""


@dataclass(frozen=True)
class MissingCells:
    """Cells of one strategy at one number of shots that were asked for and are not there."""

    dataset: str
    shots: int
    strategy: str
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Outstanding:
    """What was asked for and is neither done nor failed.

    Attributes:
        groups: The cells whose names are known, by dataset, shots and strategy.
        unnamed: The number of those whose names cannot be told.
        command: The last command that asked for one of them; run again, it goes on.
    """

    groups: tuple[MissingCells, ...]
    unnamed: int
    command: str

    @property
    def named(self) -> int:
        """The number of cells whose names are known."""
        return sum(len(group.seeds) for group in self.groups)

    @property
    def total(self) -> int:
        """The number of missing cells."""
        return self.named + self.unnamed


@dataclass(frozen=True)
class _Place:
    """A point of the grid: what a reader calls it."""

    dataset: str
    shots: int
    strategy: str
    seed: int


@dataclass(frozen=True)
class _Strategy:
    """The parts of a cell's spec that say what is pretrained and taken over, and their name."""

    parts: Mapping[str, Any]
    follows_seed: bool
    name: str


@dataclass(frozen=True)
class TableProgress:
    """How many cells of one dataset and number of shots are done, failed, and known to miss."""

    dataset: str
    shots: int
    done: int
    failed: int
    missing: int


def table_progress(
    tables: Iterable[LeaderboardTable], missing: Outstanding
) -> tuple[TableProgress, ...]:
    """One line a table, and one a number of shots of which nothing has finished yet."""
    absent: dict[tuple[str, int], int] = defaultdict(int)
    for group in missing.groups:
        absent[group.dataset, group.shots] += len(group.seeds)
    lines = [
        TableProgress(
            table.group.full_title,
            table.shots,
            sum(len(row.done) for row in table.rows),
            sum(len(row.failed) for row in table.rows),
            absent.pop((table.group.full_title, table.shots), 0),
        )
        for table in tables
    ]
    lines += [TableProgress(*place, 0, 0, count) for place, count in absent.items()]
    return tuple(sorted(lines, key=lambda line: (line.dataset, line.shots)))


def outstanding(
    store: Store, cells: Sequence[CellRecord], tables: Iterable[LeaderboardTable]
) -> Outstanding:
    """What the runs on a store asked for that has not been computed.

    A run records only the keys of its cells. A key is the digest of the cell's spec, so each
    point of the grid that the finished cells span is put together from their specs and looked up
    among the missing keys: no name is a guess. What no finished cell tells anything of (a method
    or a dataset of which none has finished) is counted without a name.

    Args:
        store: Its runs say what was asked for.
        cells: All cells of the store.
        tables: Their datasets' titles are taken.
    """
    present = {cell.key for cell in cells}
    runs = [run for run in store.runs() if set(run.cells) - present]
    missing = {key for run in runs for key in run.cells} - present
    if not missing:
        return Outstanding((), 0, "")
    groups_of = {table.group.identity: table.group for table in tables}.values()
    titles = {record.key: group.full_title for group in groups_of for record in group.records}
    places = _names(missing, cells, runs, titles)
    groups: dict[tuple[str, int, str], set[int]] = defaultdict(set)
    for place in places.values():
        groups[place.dataset, place.shots, place.strategy].add(place.seed)
    named = tuple(MissingCells(*group, tuple(sorted(groups[group]))) for group in sorted(groups))
    # Two variants of one method may bear one name: what is not listed is counted.
    unnamed = len(missing) - sum(len(group.seeds) for group in named)
    return Outstanding(named, unnamed, shlex.join(runs[-1].command))


def _names(
    missing: set[str],
    cells: Sequence[CellRecord],
    runs: Sequence[RunRecord],
    titles: Mapping[str, str],
) -> dict[str, _Place]:
    frames: dict[str, tuple[Mapping[str, Any], str]] = {}
    strategies: dict[str, _Strategy] = {}
    for cell in cells:
        spec = identity(cell.spec)
        if key_of(spec) != cell.key:
            continue
        frame: dict[str, Any] = {
            part: spec[part] for part in ("dataset", "protocol") if part in spec
        }
        title = titles.get(cell.dataset_key or "", cell.labels.dataset)
        frames.setdefault(_canonical(frame), (frame, title))
        strategy = _strategy(cell, spec)
        strategies.setdefault(_canonical([strategy.parts, strategy.follows_seed]), strategy)
    shots, seeds = _coordinates(cells, runs)
    found: dict[str, _Place] = {}
    grid = itertools.product(frames.values(), strategies.values(), shots, seeds)
    for (frame, title), strategy, count, seed in itertools.islice(grid, MOST_TRIED):
        key = key_of(_spec(frame, strategy, count, seed))
        if key in missing:
            found[key] = _Place(title, count, strategy.name, seed)
            if len(found) == len(missing):
                break
    return found


def identity(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What the key covers of a recorded spec: no preset, no default transfer, no paths of files."""
    values = {name: _without_paths(value) for name, value in spec.items() if name != "preset"}
    if values.get("transfer") == WHOLE:
        del values["transfer"]
    return values


def _without_paths(value: Any) -> Any:
    """A part of a spec in which files are named by their content alone."""
    if not isinstance(value, Mapping):
        return value
    files = value.get("files") or {}
    parts = {name: _without_paths(part) for name, part in value.items()}
    if files and isinstance(parts.get("options"), dict):
        parts["options"] = {k: v for k, v in parts["options"].items() if k not in files}
    return parts


def _strategy(cell: CellRecord, spec: Mapping[str, Any]) -> _Strategy:
    frame = ("dataset", "protocol", "shots", "seed")
    labels = cell.labels
    transfer = f", {labels.transfer}" if labels.transfer != WHOLE else ""
    tuned = ", tuned" if labels.tuned else ""
    pretraining = spec.get("pretraining") or {}
    follows = pretraining.get("seed") == labels.seed
    parts = {name: value for name, value in spec.items() if name not in frame}
    if pretraining:
        # The pool is that of the cell's dataset, the seed its own unless all share one pretraining.
        own = {name: pretraining[name] for name in pretraining if name != "dataset"}
        pool = {"dataset": pretraining["dataset"] is not None} if "dataset" in pretraining else {}
        parts["pretraining"] = {**own, **pool, **({"seed": None} if follows else {})}
    return _Strategy(parts, follows, f"{labels.title} on {labels.backbone}{transfer}{tuned}")


def _spec(frame: Mapping[str, Any], strategy: _Strategy, shots: int, seed: int) -> dict[str, Any]:
    spec = {**frame, **strategy.parts, "shots": shots, "seed": seed}
    if spec.get("pretraining"):
        pretraining = dict(spec["pretraining"])
        if "dataset" in pretraining:
            pretraining["dataset"] = frame["dataset"] if pretraining["dataset"] else None
        if strategy.follows_seed:
            pretraining["seed"] = seed
        spec["pretraining"] = pretraining
    return spec


def _coordinates(
    cells: Sequence[CellRecord], runs: Iterable[RunRecord]
) -> tuple[list[int], list[int]]:
    """The numbers of shots and the seeds of the finished cells and of the commands."""
    shots = {cell.labels.shots for cell in cells}
    seeds = {cell.labels.seed for cell in cells}
    for run in runs:
        shots.update(_numbers(run.command, "shots"))
        seeds.update(*(range(count) for count in _numbers(run.command, "seeds")))
    return sorted(shots), sorted(seeds)


def _numbers(command: Sequence[str], option: str) -> Iterator[int]:
    found = re.findall(rf"--{option}[ =]([\d,]+)", " ".join(command))
    yield from (int(number) for text in found for number in text.split(",") if number)


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True)
