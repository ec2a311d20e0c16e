"""A worker process: reads one task from standard input, does it, and reports in JSON lines.

The last line says how it ended: ``done``, ``failed`` with the reason, ``elsewhere`` where another
process holds the lease of the work or has done it, or ``interrupted``.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict

from benchmark import interruption
from benchmark.accounting import process_age
from benchmark.config import CHECKPOINT_SECONDS
from benchmark.errors import (
    DataError,
    LeaseLostError,
    StoreError,
    StoreUnwritableError,
    UsageError,
)
from benchmark.faults import failure_of
from benchmark.interruption import WorkInterrupted
from benchmark.leases import LEASE_SECONDS
from benchmark.log_capture import LogCapture
from benchmark.progress import TRAINING_STAGES, Progress
from benchmark.schema import Failure
from benchmark.store import Store
from benchmark.tasks import FOLDER, READING, Task
from benchmark.team import FollowerStore, followed, follower_rank
from benchmark.write_guard import guarded


class Order(BaseModel):
    """A task and the circumstances in which to do it.

    Those that share the machine, ``workers``, and its GPU, ``gpu_workers``, share the energy.
    ``overdue`` is the token of a holder whose lease on this work has run out. With a ``lifeline``,
    standard input stays open, and the worker ends when its parent closes it. More than one of
    ``devices`` means as many processes at one training.
    """

    model_config = ConfigDict(frozen=True)

    task: Task
    store: Path
    device: str
    precision: str
    threads: int
    workers: int = 1
    gpu_workers: int = 1
    plugins: tuple[Path, ...] = ()
    git_revision: str | None = None
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    lease_seconds: float = LEASE_SECONDS
    overdue: str = ""
    lifeline: bool = False
    devices: int = 1


class _Reporter:
    """Writes events to the parent; where that is gone, the worker leaves its work in good order."""

    def __init__(self, stream: IO[str], store: Store) -> None:
        self.stream, self.store = stream, store

    def send(self, event: str, **values: Any) -> None:
        try:
            self.stream.write(json.dumps({"event": event, **values}) + "\n")
            self.stream.flush()
        except BrokenPipeError:
            if interruption.requested():
                os._exit(1)
            interruption.request()

    def progress(self, progress: Progress) -> None:
        if progress.stage not in TRAINING_STAGES:  # Trainings leave where they save.
            interruption.leave_if_requested()
        lease = self.store.lease
        if lease is not None:
            lease.state = f"{progress.stage} {progress.step}/{progress.steps}"
            if lease.lost:
                lease.ensure_held()
        self.send(
            "progress",
            stage=progress.stage,
            step=progress.step,
            steps=progress.steps,
            loss=progress.loss,
        )


def _machine(order: Order, store: Store, begun: float) -> Any:
    """Set threads, find the device and write down the environment."""
    import torch

    from benchmark.devices import resolve_device, resolve_precision, settle_cpu_precision
    from benchmark.environment import describe
    from benchmark.precision import settled_precision
    from benchmark.pretraining import Machine
    from benchmark.team import join_team

    torch.set_num_threads(order.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Writing over all memory before its use finds mistakes in kernels, and costs their bandwidth.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    device = resolve_device(order.device)
    if order.devices > 1:
        device = join_team(order.devices, device)
    speedup = None
    if order.precision == "auto" and device.type == "cpu":
        settled = settled_precision(store, order.threads)
        settle_cpu_precision(getattr(torch, settled.precision))
        speedup = settled.bfloat16_speedup
    precision = resolve_precision(order.precision, device)
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    name = str(precision).removeprefix("torch.")
    environment = describe(
        device.type,
        name,
        order.threads,
        gpu,
        order.git_revision,
        bfloat16_speedup=speedup,
        processes=order.devices,
    )
    store.write_environment(environment)
    return Machine(
        device,
        environment.id,
        order.workers,
        order.gpu_workers,
        devices=order.devices,
        checkpoint_seconds=order.checkpoint_seconds,
        startup_seconds=time.perf_counter() - begun,
    )


def _read_images(order: Order, store: Store, reporter: _Reporter) -> None:
    from benchmark.extra_images import prepare_extra
    from benchmark.grid import DatasetSpec, ExtraPoolSpec
    from benchmark.preparation import prepare

    payload, plugins, listener = order.task.payload, order.plugins, reporter.progress
    root = Path(payload["root"]) if payload["root"] else None
    options: dict[str, Any] = {"plugins": plugins, "processes": payload["processes"]}
    if order.task.kind == "unlabelled":
        extra = ExtraPoolSpec.model_validate(payload["extra"])
        prepare_extra(store, extra, root, Path(payload["folder"]), listener=listener, **options)
    else:
        dataset = DatasetSpec.model_validate(payload["spec"])
        prepare(store, dataset, root, listener=listener, **options)


def _tune(order: Order, store: Store, reporter: _Reporter, log: LogCapture, begun: float) -> None:
    """Do trials, whose pretrainings are each a piece of work of their own."""
    from benchmark.tuning.objective import Bench
    from benchmark.tuning.orders import TuningOrder
    from benchmark.tuning.working import work_on_trials

    machine = _machine(order, store, begun)
    own = f"{FOLDER['tune']}-{order.task.key}"

    def guard(key: str, trial: str) -> AbstractContextManager[None]:
        return guarded(store, "pretrained", key, log, (own, trial))

    bench = Bench(store, machine, reporter.progress, guard)
    work_on_trials(TuningOrder.model_validate(order.task.payload), bench)


def _do(order: Order, store: Store, reporter: _Reporter, log: LogCapture, begun: float) -> None:
    from benchmark.registry import add_plugin_files

    add_plugin_files(order.plugins)
    task = order.task
    payload = task.payload
    if task.kind in READING:
        _read_images(order, store, reporter)
        return
    if task.kind == "tune":
        _tune(order, store, reporter, log, begun)
        return
    if task.kind == "pretrain":
        from benchmark.grid import PretrainingSpec
        from benchmark.pretraining import run_pretraining

        spec = PretrainingSpec.model_validate(payload["spec"])
        run_pretraining(store, spec, _machine(order, store, begun), reporter.progress)
        return
    from benchmark.cell import run_cell
    from benchmark.grid import CellSpec
    from benchmark.schema import CellLabels

    run_cell(
        store,
        CellSpec.model_validate(payload["spec"]),
        CellLabels.model_validate(payload["labels"]),
        payload["preset"],
        _machine(order, store, begun),
        payload["attempts"],
        reporter.progress,
    )


def main() -> int:
    """Do the task on standard input.

    Returns:
        0 where it is done, or left for another process to do; 3 where it failed and said why.
    """
    begun = time.perf_counter() - process_age()
    interruption.listen_to_signals()
    order = Order.model_validate_json(sys.stdin.readline())
    if order.lifeline:
        interruption.leave_with_parent()
    # Everything that libraries print goes to the log; the pipe to the parent is ours alone.
    # Only the first process of a training writes.
    kind = FollowerStore if follower_rank() else Store
    store = kind(order.store, order.lease_seconds)
    reporter = _Reporter(os.fdopen(os.dup(1), "w", encoding="utf-8"), store)
    with LogCapture() as log:
        event, values = _outcome(order, store, reporter, log, begun)
        reporter.send(event, **values)
    return 3 if event == "failed" else 0


def _outcome(
    order: Order, store: Store, reporter: _Reporter, log: LogCapture, begun: float
) -> tuple[str, dict[str, Any]]:
    """Do the task, and say how it ended."""
    task = order.task
    kind = FOLDER[task.kind]
    try:
        with store.working(kind, task.key, task.title, order.overdue) as ours:
            if not ours:
                return "elsewhere", {}
            # Between planning and now another run may have done it, and counts it as its own.
            if store.is_done(kind, task.key):
                return "elsewhere", {}
            # A worker of a tuning has its pretrainings guarded, one by one.
            guard = nullcontext() if task.kind == "tune" else guarded(store, kind, task.key, log)
            with guard, _team_of(order, reporter):
                _do(order, store, reporter, log, begun)
        return "done", {}
    except WorkInterrupted:
        return "interrupted", {}
    except LeaseLostError:
        if store.is_done(kind, task.key):  # Whoever took the work over has done it.
            store.checkpoint(task.key).unlink(missing_ok=True)
        return "elsewhere", {}
    except Exception as error:
        failure = failure_of(error)
        traceback.print_exc()
        return "failed", {
            "failure": failure.model_dump(),
            "bad_input": isinstance(error, (DataError, UsageError, StoreError)),
            "stops_run": isinstance(error, StoreUnwritableError),
            "log": log.text(),
        }


def _team_of(order: Order, reporter: _Reporter) -> AbstractContextManager[None]:
    """Start the other processes of a training, where this is the first of several."""
    if order.devices == 1 or order.task.kind in READING or follower_rank():
        return nullcontext()

    def died(failure: Failure) -> None:
        told = failure.model_dump()
        reporter.send("failed", failure=told, bad_input=False, stops_run=False, log="")
        os._exit(3)

    told = order.model_copy(update={"lifeline": True})
    return followed(told.model_dump_json(), order.devices, died)


if __name__ == "__main__":
    sys.exit(main())
