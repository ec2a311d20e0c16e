"""Reading what a store holds: records, tables and problems, nothing of it kept in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from benchmark.errors import StoreError
from benchmark.predictions import LandmarkErrors, LandmarkPoints, read_errors, read_points
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
from benchmark.tuning.records import StudyRecord

if TYPE_CHECKING:
    import pandas as pd

R = TypeVar("R", bound=Record)


class StoreReader:
    """What can be read of the folder that ``--output`` names.

    Attributes:
        root: The folder.
        problems: Sentences about files that could not be read, gathered while reading.
        margin: The margin of practical equivalence that reports take, in the datasets' unit;
            where None, that of the last run that declared one.
        claim: The method whose claim to the lowest error the page answers first; where None,
            that of the last run that declared one.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.margin: float | None = None
        self.claim: str | None = None
        self.problems: list[str] = []

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

    def studies(self) -> list[StudyRecord]:
        """All readable searches for options."""
        return self._read_all("tuning", "study.json", StudyRecord)

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

    def points(self, key: str) -> LandmarkPoints:
        """The predictions of a cell beside the truth; StoreError as :meth:`errors`."""
        return read_points(self.root / "cells" / key / "predictions.parquet")

    def image_sizes(self, dataset_key: str) -> dict[str, tuple[float, float]]:
        """Native width and height, px, of a prepared dataset's images by id.

        Raises:
            StoreError: Its index is missing or damaged.
        """
        path = self.root / "datasets" / dataset_key / "index.json"
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))
            return {row["id"]: (float(row["width"]), float(row["height"])) for row in rows}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"cannot read {path} ({error}): `run` again, which prepares the dataset anew"
            ) from error

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
