"""The store: the folder in which finished work lies, written atomically and read lazily."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from benchmark.errors import StoreError
from benchmark.leases import LEASE_SECONDS, Lease, Leases
from benchmark.predictions import LandmarkErrors, read_errors
from benchmark.publishing import (
    is_left_over,
    remove,
    temporary_name,
    unwritable,
    whole_folder,
    write_whole,
)
from benchmark.schema import (
    CellRecord,
    DatasetRecord,
    EnvironmentRecord,
    ExtraPool,
    PretrainingRecord,
    Preview,
    Record,
    RunRecord,
)

if TYPE_CHECKING:
    import pandas as pd

R = TypeVar("R", bound=Record)


def key_of(spec: Any) -> str:
    """16 hex digits of the sha256 over the canonical JSON of ``spec``."""
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_sha256(path: Path) -> str:
    """The hex sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, as :func:`write_file` does."""
    write_file(path, text)


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file that can be made again, such as a report, whole or not at all.

    Raises:
        StoreUnwritableError: The folder cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    write_whole(path, data, durable=False)


def write_record(path: Path, record: Record) -> None:
    """Write a record as indented JSON, whole or not at all, and wait until it is on the disk."""
    write_whole(path, (record.model_dump_json(indent=1) + "\n").encode(), durable=True)


# The file without which a folder of the store holds no finished work.
RECORDS: dict[str, tuple[str, type[Record]]] = {
    "cells": ("cell.json", CellRecord),
    "pretrained": ("pretraining.json", PretrainingRecord),
    "datasets": ("dataset.json", DatasetRecord),
    "unlabelled": ("unlabelled.json", ExtraPool),
}


class Store:
    """Reads and writes the folder that ``--output`` names.

    Attributes:
        root: The folder.
        problems: Sentences about files that could not be read, gathered while reading.
        margin: The margin of practical equivalence that reports take, in the datasets' unit;
            where None, that of the last run that declared one.
        leases: Who is at work on what.
        lease: What this process is at work on; folders are published only while it is held.
        finish: Called with each folder before it is published, to put the log into it.
    """

    def __init__(self, root: Path, lease_seconds: float = LEASE_SECONDS) -> None:
        self.root = root
        self.leases = Leases(root, lease_seconds)
        self.lease: Lease | None = None
        self.finish: Callable[[Path], None] | None = None
        self.margin: float | None = None
        self.problems: list[str] = []

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

    # --- reading -----------------------------------------------------------------------------

    def cells(self) -> list[CellRecord]:
        """All readable cells, done and failed, ordered by their labels."""
        records = self._read_all("cells", "cell.json", CellRecord)
        return sorted(
            records,
            key=lambda c: (
                c.labels.dataset,
                c.labels.shots,
                c.labels.method,
                c.labels.backbone,
                c.labels.transfer,
                c.labels.seed,
                c.key,
            ),
        )

    def cell(self, key: str) -> CellRecord | None:
        """One cell, or None where there is none.

        Raises:
            StoreError: Its file is there but cannot be read.
        """
        return self._read(self.root / "cells" / key / "cell.json", CellRecord)

    def pretrainings(self) -> list[PretrainingRecord]:
        """All readable pretrainings."""
        return self._read_all("pretrained", "pretraining.json", PretrainingRecord)

    def pretraining(self, key: str) -> PretrainingRecord | None:
        """One pretraining, or None; StoreError where its file cannot be read."""
        return self._read(self.root / "pretrained" / key / "pretraining.json", PretrainingRecord)

    def datasets(self) -> list[DatasetRecord]:
        """All readable prepared datasets."""
        return self._read_all("datasets", "dataset.json", DatasetRecord)

    def dataset(self, key: str) -> DatasetRecord | None:
        """One prepared dataset, or None; StoreError where its file cannot be read."""
        return self._read(self.root / "datasets" / key / "dataset.json", DatasetRecord)

    def extra_pool(self, key: str) -> ExtraPool | None:
        """Prepared unlabelled images, or None; StoreError where their file cannot be read."""
        return self._read(self.root / "unlabelled" / key / "unlabelled.json", ExtraPool)

    def previews(self, dataset_key: str) -> dict[str, Preview]:
        """Previews of test images by image id; ``file`` is relative to the dataset's folder."""
        path = self.root / "datasets" / dataset_key / "previews.json"
        if not path.exists():
            return {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return {k: Preview.model_validate(v) for k, v in found.items()}
        except (OSError, ValueError, AttributeError) as error:
            reason = " ".join(str(error).split())[:200]
            self.problems.append(f"{path} is damaged ({reason}): there are no pictures of it")
            return {}

    def environments(self) -> dict[str, EnvironmentRecord]:
        """The environments by id."""
        paths = sorted((self.root / "environments").glob("*.json"))
        records = (self._try_read(path, EnvironmentRecord) for path in paths)
        return {record.id: record for record in records if record is not None}

    def runs(self) -> list[RunRecord]:
        """The calls of ``run`` on this store, oldest first."""
        paths = sorted((self.root / "runs").glob("*.json"))
        return [r for r in (self._try_read(path, RunRecord) for path in paths) if r is not None]

    def predictions(self, key: str) -> pd.DataFrame:
        """The predictions of a cell, one row an image and landmark, native px.

        Raises:
            StoreError: The file is missing or damaged.
        """
        return self._table(self.root / "cells" / key / "predictions.parquet")

    def errors(self, key: str) -> LandmarkErrors:
        """The errors of a cell, in the dataset's unit; StoreError where the file cannot be read."""
        return read_errors(self.root / "cells" / key / "predictions.parquet")

    def history(self, kind: str, key: str) -> pd.DataFrame:
        """Loss and learning rate by step; ``kind`` is ``cells`` or ``pretrained``."""
        return self._table(self.root / kind / key / "history.parquet")

    def _table(self, path: Path) -> pd.DataFrame:
        import pandas as pd

        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise StoreError(
                f"cannot read {path} ({error}): delete its folder and run again"
            ) from error

    def _read(self, path: Path, model: type[R]) -> R | None:
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(
                f"cannot read {path} ({error}): delete its folder to compute it again"
            ) from error
        try:
            record = model.model_validate_json(text)
        except ValidationError as error:
            raise StoreError(
                f"{path} is damaged ({error.errors()[0]['msg']}): delete its folder, or `run` "
                "again, which sets it aside and computes it anew"
            ) from error
        if getattr(record, "key", path.parent.name) != path.parent.name:
            raise StoreError(
                f"{path} belongs elsewhere (it is of {getattr(record, 'key', '')}): delete its "
                "folder, or `run` again, which sets it aside"
            )
        return record

    def _try_read(self, path: Path, model: type[R]) -> R | None:
        try:
            return self._read(path, model)
        except StoreError as error:
            self.problems.append(str(error))
            return None

    def _read_all(self, kind: str, file: str, model: type[R]) -> list[R]:
        paths = sorted((self.root / kind).glob(f"[0-9a-f]*/{file}"))
        return [r for r in (self._try_read(path, model) for path in paths) if r is not None]

    # --- writing -----------------------------------------------------------------------------

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
