"""Writing down why a task failed, where the leaderboard and the report look for it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from benchmark.backbones.options import BackboneSpec
from benchmark.errors import StoreError
from benchmark.files import write_record, write_text
from benchmark.grid import PretrainingSpec
from benchmark.schema import CellLabels, CellRecord, Failure, PretrainingRecord
from benchmark.store import Store
from benchmark.tasks import FOLDER, READING, Task


def record_failure(store: Store, task: Task, failure: Failure, log: str = "") -> None:
    """Write a failed record, ``error.json`` and the log; a dataset leaves no record.

    Nor does a worker of a tuning: its trials have theirs in the search.

    A cell that failed stays in the leaderboard with its reason; which runs try it again,
    ``--retry`` says. Where another process is at the work by now, nothing is written.

    Raises:
        StoreUnwritableError: It cannot be written.
    """
    if task.kind in READING or task.kind == "tune":
        return
    with store.working(FOLDER[task.kind], task.key, task.title) as ours:
        if ours:
            _write(store, task, failure, log)
            if failure.fault == "method" and failure.traceback:
                # Another attempt comes after a change of the method, and owes it nothing.
                store.checkpoint(task.key).unlink(missing_ok=True)


def failure_sign(store: Store, task: Task) -> tuple[int, int] | None:
    """Differs between two failures of a task that were written down; None where there is none."""
    try:
        status = (store.root / FOLDER[task.kind] / task.key / "error.json").stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def failure_elsewhere(store: Store, task: Task) -> Failure | None:
    """Why a task has failed, as whichever run wrote it down."""
    try:
        record = store.cell(task.key) if task.kind == "cell" else store.pretraining(task.key)
    except StoreError:
        return None
    return record.error if record is not None and record.status == "failed" else None


def _write(store: Store, task: Task, failure: Failure, log: str) -> None:
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
        backbone=BackboneSpec.from_json(spec.backbone).label,
        dataset=spec.dataset.title if spec.dataset else None,
        seed=spec.seed,
        finished=finished,
        error=failure,
    )
    write_record(folder / "pretraining.json", record)
