"""A store read once: what several reports need is gathered a single time and kept in memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from benchmark.predictions import LandmarkErrors
from benchmark.store import Store

if TYPE_CHECKING:
    from benchmark.schema import CellRecord, DatasetRecord, EnvironmentRecord, PretrainingRecord

T = TypeVar("T")


class Snapshot(Store):
    """The store as it was when each part was first asked for; read only, for reports.

    What is derived from it (tables, statistics) is kept as well, by name.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._derived: dict[str, Any] = {}
        self._errors: dict[str, LandmarkErrors] = {}
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}

    def cells(self) -> list[CellRecord]:
        """All readable cells, in the order of :meth:`Store.cells`."""
        return list(self._cells)

    def pretrainings(self) -> list[PretrainingRecord]:
        """All readable pretrainings."""
        return list(self._pretrainings)

    def datasets(self) -> list[DatasetRecord]:
        """All readable prepared datasets."""
        return list(self._datasets)

    def environments(self) -> dict[str, EnvironmentRecord]:
        """The environments by id."""
        return dict(self._environments)

    def errors(self, key: str) -> LandmarkErrors:
        """The errors of a cell; the names that cells have in common are kept once."""
        if key not in self._errors:
            read = super().errors(key)
            self._errors[key] = LandmarkErrors(
                self._names.setdefault(read.image_ids, read.image_ids),
                self._names.setdefault(read.landmarks, read.landmarks),
                read.values,
            )
        return self._errors[key]

    def derived(self, name: str, make: Callable[[], T]) -> T:
        """What ``make`` gives, made once a name."""
        if name not in self._derived:
            self._derived[name] = make()
        result: T = self._derived[name]
        return result

    @cached_property
    def _cells(self) -> list[CellRecord]:
        return super().cells()

    @cached_property
    def _pretrainings(self) -> list[PretrainingRecord]:
        return super().pretrainings()

    @cached_property
    def _datasets(self) -> list[DatasetRecord]:
        return super().datasets()

    @cached_property
    def _environments(self) -> dict[str, EnvironmentRecord]:
        return super().environments()
