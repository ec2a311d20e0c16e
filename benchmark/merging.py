"""Taking over the finished work of other stores, whole folders at a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from benchmark.errors import StoreError, UsageError
from benchmark.files import file_sha256
from benchmark.publishing import write_whole
from benchmark.schema import CellRecord, DatasetRecord, ExtraPool, PretrainingRecord
from benchmark.store import RECORDS, Store
from benchmark.tuning.records import StudyRecord

Kept = CellRecord | PretrainingRecord | DatasetRecord | ExtraPool | StudyRecord
# Small records whose names follow from their content or their time: taken where they are missing.
SINGLE = ("environments", "machines", "runs")
_MOST_BYTES = 1 << 26


@dataclass
class Merged:
    """What became of the folders of another store.

    Attributes:
        taken: Taken over, by kind.
        known: Were here already.
        notes: Sentences about what was left out, and why.
    """

    taken: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RECORDS, 0))
    known: int = 0
    notes: list[str] = field(default_factory=list)


def merge_stores(output: Path, others: Sequence[Path], console: Console) -> None:
    """Merge stores into one, and say what was taken.

    Raises:
        UsageError: One of them is no store; nothing has been taken then.
        StoreUnwritableError: The store cannot be written.
    """
    for other in others:
        if not any((other / kind).is_dir() for kind in RECORDS):
            raise UsageError(f"{other} is no store: it has no folder cells; name it as in --output")
        if other.resolve() == output.resolve():
            raise UsageError(f"{other} is the store that is merged into: name another")
    store = Store(output)
    store.ensure_writable()
    for other in others:
        print_merged(other, merge(store, Store(other)), console)


def print_merged(source: Path, merged: Merged, console: Console) -> None:
    """Say what was taken from a source."""
    for note in merged.notes:
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    taken = merged.taken
    console.print(
        f"{source}: {taken['cells']} cells, {taken['pretrained']} pretrainings and "
        f"{taken['datasets']} datasets taken over, {merged.known} were here already",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def merge(store: Store, other: Store) -> Merged:
    """Take over what ``store`` lacks; finished work that is here already is never replaced.

    A failed attempt is taken where there is none here, and gives way to finished work.
    """
    merged = Merged()
    for kind, (file, model) in RECORDS.items():
        for folder in sorted((other.root / kind).glob("[0-9a-f]*")):
            try:
                record = other._read(folder / file, model)
            except StoreError as error:
                merged.notes.append(f"{error}; left out")
                continue
            if isinstance(record, Kept):
                _merge_folder(store, kind, folder, record, merged)
    for name in SINGLE:
        for path in sorted((other.root / name).glob("*.json")):
            target = store.root / name / path.name
            if not target.exists() and _is_small_json(path):
                write_whole(target, path.read_bytes(), durable=True)
    return merged


def _is_small_json(path: Path) -> bool:
    try:
        if path.is_symlink() or path.stat().st_size > _MOST_BYTES:
            return False
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def _merge_folder(store: Store, kind: str, source: Path, record: Kept, merged: Merged) -> None:
    """Take over one folder, if it is whole and of use here."""
    target = store.root / kind / record.key
    finished = getattr(record, "status", "done") == "done"
    if store.is_done(kind, record.key):
        merged.known += 1
        if finished and kind == "cells":
            merged.notes += _difference(target, source, record)
        return
    if not finished and target.exists():
        merged.known += 1
        return
    damage = next(_damage(source, record), None)
    if damage is not None:
        merged.notes.append(f"{source} is damaged ({damage}); left out")
        return
    with store.working(kind, record.key, "merge") as ours:
        if not ours:
            merged.notes.append(f"{kind}/{record.key} is being computed here; left out")
            return
        with store.folder(kind, record.key) as folder:
            for path in _plain_files(source):
                place = folder / path.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
    merged.taken[kind] += 1


def _plain_files(folder: Path) -> Iterator[Path]:
    """All files below a folder; links could lead out of it and are left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path


def _damage(folder: Path, record: Kept) -> Iterator[str]:
    for name, sha256 in record.files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            yield f"{name} is missing"
        elif file_sha256(path) != sha256:
            yield f"{name} is not what was written"


def _difference(ours: Path, theirs: Path, record: Kept) -> Iterator[str]:
    """Say where two machines came to other predictions of the same cell."""
    name = "predictions.parquet"
    if (ours / name).is_file() and file_sha256(ours / name) != record.files.get(name):
        yield (
            f"{theirs} has other predictions than {ours}, as another machine or number of threads "
            "may give; those that were here stay"
        )
