"""The store: the folder in which finished work lies, written atomically and read lazily."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmark.errors import StoreError
from benchmark.files import write_record
from benchmark.leases import LEASE_SECONDS, Lease, Leases
from benchmark.publishing import (
    is_left_over,
    remove,
    temporary_name,
    unwritable,
    whole_folder,
)
from benchmark.schema import (
    CellRecord,
    DatasetRecord,
    EnvironmentRecord,
    ExtraPool,
    PretrainingRecord,
    Record,
)
from benchmark.store_reading import StoreReader
from benchmark.tuning.records import StudyRecord

# The file without which a folder of the store holds no finished work.
RECORDS: dict[str, tuple[str, type[Record]]] = {
    "cells": ("cell.json", CellRecord),
    "pretrained": ("pretraining.json", PretrainingRecord),
    "datasets": ("dataset.json", DatasetRecord),
    "unlabelled": ("unlabelled.json", ExtraPool),
    "tuning": ("study.json", StudyRecord),
}


class Store(StoreReader):
    """Reads and writes the folder that ``--output`` names.

    Attributes:
        leases: Who is at work on what.
        lease: What this process is at work on; folders are published only while it is held.
        finish: Called with each folder before it is published, to put the log into it.
    """

    def __init__(self, root: Path, lease_seconds: float = LEASE_SECONDS) -> None:
        super().__init__(root)
        self.leases = Leases(root, lease_seconds)
        self.lease: Lease | None = None
        self.finish: Callable[[Path], None] | None = None

    def ensure_writable(self) -> None:
        """Make the folder and try to write into it.

        Raises:
            StoreError: It cannot be made or written.
        """
        trial = temporary_name(self.root / "writable")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            trial.write_bytes(b"?" * 4096)
        except OSError as error:
            raise unwritable(self.root, error) from error
        finally:
            remove(trial)

    def checkpoint(self, key: str) -> Path:
        """Where the state of an unfinished training is kept."""
        return self.root / "checkpoints" / f"{key}.safetensors"

    @contextmanager
    def folder(self, kind: str, key: str) -> Iterator[Path]:
        """A temporary folder that becomes ``<kind>/<key>`` when the block ends without error.

        An older folder of that name (a failed attempt) is replaced; finished work never is, and
        what is written then is dropped. On an error the temporary folder is removed and the store
        is as it was before.

        Raises:
            StoreUnwritableError: The store cannot be written.
            LeaseLostError: Another process has taken the work over.
        """

        def ready(folder: Path) -> None:
            if self.finish is not None:
                self.finish(folder)
            if self.lease is not None and (self.lease.kind, self.lease.key) == (kind, key):
                self.lease.ensure_held()

        with whole_folder(
            self.root / kind / key, final=lambda place: self._is_final(kind, place), ready=ready
        ) as folder:
            yield folder

    def is_done(self, kind: str, key: str) -> bool:
        """Whether finished work lies in ``<kind>/<key>``, as far as its record tells."""
        return self._is_final(kind, self.root / kind / key)

    def _is_final(self, kind: str, folder: Path) -> bool:
        file, model = RECORDS[kind]
        try:
            record = self._read(folder / file, model)
        except StoreError:
            return False
        return record is not None and getattr(record, "status", "done") == "done"

    @contextmanager
    def working(self, kind: str, key: str, title: str = "", overdue: str = "") -> Iterator[bool]:
        """Hold the lease of ``<kind>/<key>`` in this context; whether nobody else has it.

        What others have begun to write there is removed, so that they cannot finish it.

        Args:
            kind: The folder.
            key: The key.
            title: What the work is, for those who ask.
            overdue: The token of a holder whose lease has run out.
        """
        lease = self.leases.acquire(kind, key, title, overdue)
        if lease is None:
            yield False
            return
        with lease:
            self.lease = lease
            try:
                for folder in (self.root / kind).glob(f".{key}.*"):
                    remove(folder)
                yield True
            finally:
                self.lease = None

    def clear_unfinished(self, kind: str, key: str) -> None:
        """Remove what processes that died while writing ``<kind>/<key>`` have left behind."""
        for folder in (self.root / kind).glob(f".{key}.*"):
            if is_left_over(folder):
                remove(folder)

    def set_aside(self, kind: str, key: str, reason: str) -> str:
        """Move a damaged folder out of the way and say so in one sentence."""
        source = self.root / kind / key
        target = self._move_aside(source, f"{kind}-{key}")
        return f"{source} is damaged ({reason}): set aside as {target}, will be computed again"

    def set_foreign_aside(self, kind: str, name: str, reason: str) -> str:
        """Move out of the way what is none of the store's, and say so in one sentence."""
        source = self.root / kind / name
        target = self._move_aside(source, f"{kind}-{name}")
        return f"{source} does not belong there ({reason}): set aside as {target}"

    def _move_aside(self, source: Path, name: str) -> Path:
        aside = self.root / "set-aside"
        try:
            aside.mkdir(parents=True, exist_ok=True)
            number = sum(1 for _ in aside.glob(f"{glob.escape(name)}-*"))
            target = aside / f"{name}-{number}"
            source.rename(target)
        except OSError as error:
            raise unwritable(aside, error) from error
        return target

    def write_environment(self, record: EnvironmentRecord) -> None:
        """Write an environment once; its id is a digest of its content."""
        path = self.root / "environments" / f"{record.id}.json"
        if not path.exists():
            write_record(path, record)
