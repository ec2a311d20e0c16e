"""Tidying a store before a run: leftovers of killed processes go, foreign files are set aside."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from benchmark.publishing import is_left_over, remove
from benchmark.store import RECORDS, Store

_KEY = re.compile(r"[0-9a-f]{16}")
# Where temporary names are made: beside what they are to become.
_FOLDERS = (*RECORDS, "", "checkpoints", "environments", "leases", "machines", "runs")


def tidy(store: Store) -> list[str]:
    """Remove what killed processes have left, and set aside what is none of the store's.

    What a process on another machine is at work on is left alone, as is everything that begins
    with a dot and was not made here.

    Returns:
        A sentence for everything that was set aside.
    """
    store.leases.forget_dead()
    for folder in _FOLDERS:
        for path in _entries(store.root / folder):
            if is_left_over(path):
                remove(path)
    for path in _entries(store.root / "checkpoints"):
        key = path.name.removesuffix(".safetensors")
        if any(store.is_done(kind, key) for kind in ("cells", "pretrained")):
            remove(path)
    return [
        store.set_foreign_aside(kind, path.name, reason)
        for kind in RECORDS
        for path, reason in _foreign(store.root / kind, RECORDS[kind][0])
    ]


def _entries(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _foreign(folder: Path, record: str) -> Iterator[tuple[Path, str]]:
    for path in _entries(folder):
        if path.name.startswith("."):
            continue
        if _KEY.fullmatch(path.name) is None:
            yield path, "its name is no key"
        elif not (path / record).exists():
            yield path, f"it holds no {record}"
