"""Tasks: what an engine hands to its workers, in an order that their needs allow."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from benchmark.backbones.options import module_of
from benchmark.config import Retry
from benchmark.estimates import Estimator, cell_fills_gpu, pretraining_fills_gpu
from benchmark.grid import DatasetSpec, ExtraPoolSpec
from benchmark.looking import Looker
from benchmark.planning import Plan, PlannedCell
from benchmark.schema import CellRecord
from benchmark.store import Store

Kind = Literal["prepare", "unlabelled", "pretrain", "cell", "tune"]
FOLDER: dict[Kind, str] = {
    "prepare": "datasets",
    "unlabelled": "unlabelled",
    "pretrain": "pretrained",
    "cell": "cells",
    "tune": "tuning",
}
READING: frozenset[Kind] = frozenset({"prepare", "unlabelled"})
"""Tasks that read the user's images and train nothing."""


class Task(BaseModel):
    """One piece of work for one worker process.

    Attributes:
        kind: Prepare a dataset, read further unlabelled images, pretrain a backbone, run a cell, or
            do trials of a tuning until there are enough.
        key: The key of what it writes.
        title: What the user sees.
        needs: Ids of the tasks that must be done before.
        cost: Expected seconds on one core.
        payload: What the worker needs, as JSON.
        fills_gpu: Whether it leaves nothing of a GPU for another task.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    key: str
    title: str
    needs: tuple[str, ...] = ()
    cost: float = 1.0
    payload: dict[str, Any] = {}
    fills_gpu: bool = False

    @property
    def id(self) -> str:
        """Unique in a run."""
        return f"{self.kind}/{self.key}"

    def next_attempt(self) -> Task:
        """The same once more, counted where attempts are."""
        if "attempts" not in self.payload:
            return self
        payload = self.payload | {"attempts": self.payload["attempts"] + 1}
        return self.model_copy(update={"payload": payload})

    @property
    def method(self) -> str | None:
        """The method that it works for; None for the preparation of a dataset."""
        method: dict[str, Any] | None = self.payload.get("spec", {}).get("method")
        return None if method is None else str(method["name"])

    @property
    def backbone(self) -> str | None:
        """The network that it trains; None for the preparation of a dataset."""
        backbone: dict[str, Any] | None = (self.payload.get("spec") or {}).get("backbone")
        return None if backbone is None else str(backbone["name"])


def imports_of(tasks: Iterable[Task]) -> tuple[str, ...]:
    """The modules that workers need for these tasks and that take long to import.

    Nothing of them may start threads or look for a GPU. Networks that no task trains are left out:
    they are most of it.
    """
    modules: dict[str, None] = {"benchmark.worker": None}
    for task in tasks:
        if task.kind in READING:
            modules |= dict.fromkeys(("benchmark.extra_images", "PIL.Image"))
        else:
            modules |= dict.fromkeys(("benchmark.cell", "benchmark.pretraining", "pandas"))
        if task.backbone is not None:
            modules[module_of(task.backbone)] = None
    return tuple(modules)


class Work(BaseModel):
    """What is left to do of a plan.

    Attributes:
        tasks: By their needs, each only once.
        done: Keys of the cells that are in the store already.
        notes: Sentences about damaged files that were set aside.
        given_up: Keys of the cells that failed before and are not tried again.
    """

    tasks: tuple[Task, ...]
    done: tuple[str, ...]
    notes: tuple[str, ...]
    given_up: tuple[str, ...] = ()


def outstanding(
    plan: Plan, store: Store, preset: str, processes: int, mend: bool, retry: Retry = "machine"
) -> Work:
    """Compare a plan with the store.

    Args:
        plan: All cells asked for.
        store: Where finished work lies.
        preset: The preset's name, kept beside the cell's spec.
        processes: How many processes may decode images.
        mend: Whether finished cells are checked by their checksums, and damaged files are set
            aside; a dry run only looks whether they are there.
        retry: Which failed cells are tried again.

    Returns:
        Tasks for all cells that are not done, and that have not failed for good.
    """
    # Reads all records, which a plan that is done does not need.
    estimator = cache(lambda: Estimator.from_store(store))
    looker = Looker(store, mend)
    tasks: dict[str, Task] = {}
    done: list[str] = []
    given_up: list[str] = []
    for cell in plan.cells:
        record = looker.cell(cell.key)
        if record is not None and record.status == "done":
            done.append(cell.key)
            continue
        if record is not None and not _is_tried_again(record, retry):
            given_up.append(cell.key)
            continue
        for task in _tasks_of(cell, plan, looker, estimator(), processes):
            tasks.setdefault(task.id, task)
        attempts = record.attempts + 1 if record is not None else 1
        task = _cell_task(cell, preset, attempts, estimator(), tasks)
        tasks.setdefault(task.id, task)
    return Work(
        tasks=tuple(tasks.values()),
        done=tuple(done),
        notes=tuple(looker.notes),
        given_up=tuple(given_up),
    )


def _is_tried_again(record: CellRecord, retry: Retry) -> bool:
    """Whether a failed cell gets another attempt."""
    if retry == "machine":
        return record.error is None or record.error.fault != "method"
    return retry == "failed"


def _tasks_of(
    cell: PlannedCell, plan: Plan, looker: Looker, estimator: Estimator, processes: int
) -> list[Task]:
    """Preparation and pretraining, where the store lacks them."""
    found: list[Task] = []
    dataset, pretraining = cell.spec.dataset, cell.spec.pretraining
    trains = pretraining is not None and not looker.has_pretraining(pretraining.key)
    extra = pretraining.extra_pool if trains and pretraining is not None else None
    if not looker.has_dataset(dataset.key):
        found.append(_preparation(dataset, plan, estimator, processes))
    if extra is not None and not looker.has_extra(extra.key):
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
                    *((f"unlabelled/{extra.key}",) if extra is not None else ()),
                ),
                cost=estimator.pretraining(pretraining),
                fills_gpu=own and pretraining_fills_gpu(pretraining),
                payload={"spec": pretraining.model_dump(mode="json")},
            )
        )
    return found


def reading_tasks(plan: Plan, looker: Looker, estimator: Estimator, processes: int) -> list[Task]:
    """What is to be read of the user's images, for all cells of a plan and nothing else."""
    tasks: dict[str, Task] = {}
    for cell in plan.cells:
        dataset, pretraining = cell.spec.dataset, cell.spec.pretraining
        extra = pretraining.extra_pool if pretraining is not None else None
        if not looker.has_dataset(dataset.key):
            task = _preparation(dataset, plan, estimator, processes)
            tasks.setdefault(task.id, task)
        if extra is not None and not looker.has_extra(extra.key):
            task = _extra_task(extra, plan, estimator, processes)
            tasks.setdefault(task.id, task)
    return [
        task.model_copy(update={"needs": tuple(need for need in task.needs if need in tasks)})
        for task in tasks.values()
    ]


def _preparation(dataset: DatasetSpec, plan: Plan, estimator: Estimator, processes: int) -> Task:
    root = plan.roots[dataset.key]
    return Task(
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


def _extra_task(extra: ExtraPoolSpec, plan: Plan, estimator: Estimator, processes: int) -> Task:
    """Reading a folder of unlabelled images, once the test images are known."""
    root, folder = plan.roots[extra.dataset.key], plan.unlabelled[extra.key]
    return Task(
        kind="unlabelled",
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
        title=f"{labels.dataset} {labels.method} {labels.backbone}{labels.conditions_text} "
        f"{labels.shots} shots seed {labels.seed}",
        needs=tuple(need for need in needs if need in known),
        cost=estimator.cell(cell.spec),
        fills_gpu=cell_fills_gpu(cell.spec),
        payload={
            "spec": cell.spec.model_dump(mode="json"),
            "labels": labels.model_dump(mode="json"),
            "preset": preset,
            "attempts": attempts,
        },
    )
