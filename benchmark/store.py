"""The store: the folder in which finished work lies, written atomically and read lazily."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from benchmark.errors import StoreError
from benchmark.predictions import LandmarkErrors, read_errors
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
    """Write a file under a temporary name beside its place, then rename it.

    Raises:
        StoreError: The folder cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def write_record(path: Path, record: Record) -> None:
    """Write a record as indented JSON, atomically."""
    write_text(path, record.model_dump_json(indent=1) + "\n")


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot write {path} ({error.strerror or error}): give a folder that can be written "
        "and has room with --output"
    )


class Store:
    """Reads and writes the folder that ``--output`` names.

    Attributes:
        root: The folder.
        problems: Sentences about files that could not be read, gathered while reading.
        margin: The margin of practical equivalence that reports take, in the datasets' unit;
            where None, that of the last run that declared one.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.margin: float | None = None
        self.problems: list[str] = []

    def ensure_writable(self) -> None:
        """Make the folder and try to write into it.

        Raises:
            StoreError: It cannot be made or written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.root, prefix=".writable."):
                pass
        except OSError as error:
            raise _unwritable(self.root, error) from error

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
        return self._read(self.root / "datasets" / key / "extra.json", ExtraPool)

    def previews(self, dataset_key: str) -> dict[str, Preview]:
        """Previews of test images by image id; ``file`` is relative to the dataset's folder."""
        path = self.root / "datasets" / dataset_key / "previews.json"
        if not path.exists():
            return {}
        return {k: Preview.model_validate(v) for k, v in json.loads(path.read_text()).items()}

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
            return model.model_validate_json(text)
        except ValidationError as error:
            raise StoreError(
                f"{path} is damaged ({error.errors()[0]['msg']}): delete its folder, or `run` "
                "again, which sets it aside and computes it anew"
            ) from error

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

    @contextmanager
    def folder(self, kind: str, key: str) -> Iterator[Path]:
        """A temporary folder that becomes ``<kind>/<key>`` when the block ends without error.

        An older folder of that name (a failed attempt) is replaced. On an error the temporary
        folder is removed and the store is as it was before.

        Raises:
            StoreError: The store cannot be written.
        """
        target = self.root / kind / key
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{key}."))
        except OSError as error:
            raise _unwritable(target, error) from error
        try:
            yield temporary
            temporary.chmod(0o755)
            if target.exists():
                shutil.rmtree(target)
            temporary.replace(target)
        except OSError as error:
            raise _unwritable(target, error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def clear_unfinished(self, kind: str, key: str) -> None:
        """Remove what a process that died while writing ``<kind>/<key>`` has left behind."""
        for folder in (self.root / kind).glob(f".{key}.*"):
            shutil.rmtree(folder, ignore_errors=True)

    def set_aside(self, kind: str, key: str, reason: str) -> str:
        """Move a damaged folder out of the way and say so in one sentence."""
        source = self.root / kind / key
        aside = self.root / "set-aside"
        try:
            aside.mkdir(parents=True, exist_ok=True)
            number = sum(1 for _ in aside.glob(f"{kind}-{key}*"))
            target = aside / f"{kind}-{key}-{number}"
            source.rename(target)
        except OSError as error:
            raise _unwritable(aside, error) from error
        return f"{source} is damaged ({reason}): set aside as {target}, will be computed again"

    def write_environment(self, record: EnvironmentRecord) -> None:
        """Write an environment once; its id is a digest of its content."""
        path = self.root / "environments" / f"{record.id}.json"
        if not path.exists():
            write_record(path, record)
