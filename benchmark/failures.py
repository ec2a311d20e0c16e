"""Writing down why a task failed, where the leaderboard and the report look for it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from benchmark.grid import PretrainingSpec
from benchmark.schema import CellLabels, CellRecord, Failure, PretrainingRecord
from benchmark.store import Store, write_record, write_text
from benchmark.tasks import FOLDER, Task


def record_failure(store: Store, task: Task, failure: Failure, log: str = "") -> None:
    """Write a failed record, ``error.json`` and the log; a dataset leaves no record.

    A cell that failed stays in the leaderboard with its reason, and is tried again by the next
    run that asks for it.
    """
    if task.kind == "prepare":
        return
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    with store.folder(FOLDER[task.kind], task.key) as folder:
        if task.kind == "cell":
            _write_cell(folder, task, failure, finished)
        else:
            _write_pretraining(folder, task, failure, finished)
        write_record(folder / "error.json", failure)
        if log:
            write_text(folder / "log.txt", log)


def _write_cell(folder: Path, task: Task, failure: Failure, finished: str) -> None:
    spec = task.payload["spec"]
    record = CellRecord(
        key=task.key,
        status="failed",
        spec=spec | {"preset": task.payload["preset"]},
        labels=CellLabels.model_validate(task.payload["labels"]),
        attempts=task.payload["attempts"],
        finished=finished,
        error=failure,
    )
    write_record(folder / "cell.json", record)


def _write_pretraining(folder: Path, task: Task, failure: Failure, finished: str) -> None:
    spec = PretrainingSpec.model_validate(task.payload["spec"])
    record = PretrainingRecord(
        key=task.key,
        status="failed",
        spec=task.payload["spec"],
        method=spec.method.name,
        backbone=spec.backbone["name"],
        dataset=spec.dataset.title if spec.dataset else None,
        seed=spec.seed,
        finished=finished,
        error=failure,
    )
    write_record(folder / "pretraining.json", record)
