"""Tasks: what an engine hands to its workers, in an order that their needs allow."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from benchmark.errors import StoreError
from benchmark.estimates import Estimator
from benchmark.grid import ExtraPoolSpec
from benchmark.planning import Plan, PlannedCell
from benchmark.schema import CellRecord
from benchmark.store import Store, file_sha256

Kind = Literal["prepare", "pretrain", "cell"]
FOLDER: dict[Kind, str] = {"prepare": "datasets", "pretrain": "pretrained", "cell": "cells"}


class Task(BaseModel):
    """One piece of work for one worker process.

    Attributes:
        kind: Prepare a dataset, pretrain a backbone, or run a cell.
        key: The key of what it writes.
        title: What the user sees.
        needs: Ids of the tasks that must be done before.
        cost: Expected seconds on one core.
        payload: What the worker needs, as JSON.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    key: str
    title: str
    needs: tuple[str, ...] = ()
    cost: float = 1.0
    payload: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """Unique in a run."""
        return f"{self.kind}/{self.key}"


class Work(BaseModel):
    """What is left to do of a plan.

    Attributes:
        tasks: By their needs, each only once.
        done: Keys of the cells that are in the store already.
        notes: Sentences about damaged files that were set aside.
    """

    tasks: tuple[Task, ...]
    done: tuple[str, ...]
    notes: tuple[str, ...]


def outstanding(plan: Plan, store: Store, preset: str, processes: int, mend: bool) -> Work:
    """Compare a plan with the store.

    Args:
        plan: All cells asked for.
        store: Where finished work lies.
        preset: The preset's name, kept beside the cell's spec.
        processes: How many processes may decode images.
        mend: Whether damaged files are set aside; a dry run only looks.

    Returns:
        Tasks for all cells that are not done; failed ones are tried again.
    """
    estimator = Estimator.from_store(store)
    looker = _Looker(store, mend)
    tasks: dict[str, Task] = {}
    done: list[str] = []
    for cell in plan.cells:
        record = looker.cell(cell.key)
        if record is not None and record.status == "done":
            done.append(cell.key)
            continue
        for task in _tasks_of(cell, plan, looker, estimator, processes):
            tasks.setdefault(task.id, task)
        attempts = record.attempts + 1 if record is not None else 1
        task = _cell_task(cell, preset, attempts, estimator, tasks)
        tasks.setdefault(task.id, task)
    return Work(tasks=tuple(tasks.values()), done=tuple(done), notes=tuple(looker.notes))


def _tasks_of(
    cell: PlannedCell, plan: Plan, looker: _Looker, estimator: Estimator, processes: int
) -> list[Task]:
    """Preparation and pretraining, where the store lacks them."""
    found: list[Task] = []
    dataset, pretraining = cell.spec.dataset, cell.spec.pretraining
    trains = pretraining is not None and not looker.has_pretraining(pretraining.key)
    extra = pretraining.extra_pool if trains and pretraining is not None else None
    wants_extra = extra is not None and not looker.has_extra(extra.key)
    # Stores of an older version lack what further images are compared with.
    bare = wants_extra and not looker.has_thumbnails(dataset.key)
    if not looker.has_dataset(dataset.key) or bare:
        root = plan.roots[dataset.key]
        found.append(
            Task(
                kind="prepare",
                key=dataset.key,
                title=f"prepare {dataset.title}",
                cost=estimator.preparation(),
                payload={
                    "spec": dataset.model_dump(mode="json"),
                    "root": str(root.resolve()) if root else None,
                    "processes": processes,
                },
            )
        )
    if extra is not None and wants_extra:
        found.append(_extra_task(extra, plan, estimator, processes))
    if pretraining is not None and trains:
        own = pretraining.dataset is not None
        seed = f" seed {pretraining.seed}" if own else ""
        where = f"{dataset.title} " if own else ""
        found.append(
            Task(
                kind="pretrain",
                key=pretraining.key,
                title=f"pretrain {where}{cell.labels.method} {cell.labels.backbone}{seed}",
                needs=(
                    *((f"prepare/{dataset.key}",) if own else ()),
                    *((f"prepare/{extra.key}",) if extra is not None else ()),
                ),
                cost=estimator.pretraining(pretraining),
                payload={"spec": pretraining.model_dump(mode="json")},
            )
        )
    return found


def _extra_task(extra: ExtraPoolSpec, plan: Plan, estimator: Estimator, processes: int) -> Task:
    """Reading a folder of unlabelled images, once the test images are known."""
    root, folder = plan.roots[extra.dataset.key], plan.unlabelled[extra.key]
    return Task(
        kind="prepare",
        key=extra.key,
        title=f"prepare unlabelled images for {extra.dataset.title}",
        needs=(f"prepare/{extra.dataset.key}",),
        cost=estimator.preparation(),
        payload={
            "extra": extra.model_dump(mode="json"),
            "root": str(root.resolve()) if root else None,
            "folder": str(folder.resolve()),
            "processes": processes,
        },
    )


def _cell_task(
    cell: PlannedCell, preset: str, attempts: int, estimator: Estimator, known: Collection[str]
) -> Task:
    needs = [f"prepare/{cell.spec.dataset.key}"]
    if cell.spec.pretraining is not None:
        needs.append(f"pretrain/{cell.spec.pretraining.key}")
    labels = cell.labels
    return Task(
        kind="cell",
        key=cell.key,
        title=f"{labels.dataset} {labels.method} {labels.backbone}{labels.transfer_text} "
        f"{labels.shots} shots seed {labels.seed}",
        needs=tuple(need for need in needs if need in known),
        cost=estimator.cell(cell.spec),
        payload={
            "spec": cell.spec.model_dump(mode="json"),
            "labels": labels.model_dump(mode="json"),
            "preset": preset,
            "attempts": attempts,
        },
    )


class _Looker:
    """Looks into the store once a key, and sets damaged folders aside."""

    def __init__(self, store: Store, mend: bool) -> None:
        self.store, self.mend = store, mend
        self.notes: list[str] = []
        self._seen: dict[str, bool] = {}

    def cell(self, key: str) -> CellRecord | None:
        try:
            record = self.store.cell(key)
        except StoreError as error:
            self._damaged("cells", key, str(error))
            return None
        if record is not None and record.status == "done":
            missing = [f for f in record.files if not self._file("cells", key, f).exists()]
            if missing:
                self._damaged("cells", key, f"{missing[0]} is missing")
                return None
        return record

    def has_dataset(self, key: str) -> bool:
        return self._once("datasets", key, self._dataset)

    def has_extra(self, key: str) -> bool:
        return self._once("datasets", key, self._extra)

    def has_thumbnails(self, key: str) -> bool:
        return self._file("datasets", key, "thumbnails.npy").exists()

    def has_pretraining(self, key: str) -> bool:
        return self._once("pretrained", key, self._pretraining)

    def _once(self, kind: str, key: str, look: Callable[[str], bool]) -> bool:
        name = f"{kind}/{key}"
        if name not in self._seen:
            try:
                self._seen[name] = look(key)
            except StoreError as error:
                self._damaged(kind, key, str(error))
                self._seen[name] = False
        return self._seen[name]

    def _dataset(self, key: str) -> bool:
        record = self.store.dataset(key)
        if record is None:
            return False
        self._verify("datasets", key, record.files)
        return True

    def _extra(self, key: str) -> bool:
        record = self.store.extra_pool(key)
        if record is None:
            return False
        self._verify("datasets", key, record.files)
        return True

    def _pretraining(self, key: str) -> bool:
        record = self.store.pretraining(key)
        if record is None or record.status != "done":
            return False
        self._verify("pretrained", key, record.files)
        return True

    def _verify(self, kind: str, key: str, files: dict[str, str]) -> None:
        for name, sha256 in files.items():
            path = self._file(kind, key, name)
            if not path.exists():
                raise StoreError(f"{name} is missing")
            if file_sha256(path) != sha256:
                raise StoreError(f"{name} is not what was written")

    def _file(self, kind: str, key: str, name: str) -> Path:
        return self.store.root / kind / key / name

    def _damaged(self, kind: str, key: str, reason: str) -> None:
        if self.mend:
            self.notes.append(self.store.set_aside(kind, key, reason))
        else:
            self.notes.append(f"{self.store.root / kind / key} is damaged ({reason})")
