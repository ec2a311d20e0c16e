"""A worker process: reads one task from standard input, does it, and reports in JSON lines."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict

from benchmark.accounting import process_age
from benchmark.errors import BenchmarkError, DataError, StoreError, UsageError
from benchmark.progress import Progress
from benchmark.schema import Failure
from benchmark.store import Store
from benchmark.tasks import FOLDER, Task


class Order(BaseModel):
    """A task and the circumstances in which to do it.

    Those that share the machine, ``workers``, and its GPU, ``gpu_workers``, share the energy.
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


class _Reporter:
    """Writes events to the parent; the first write to a parent that is gone ends the worker."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream

    def send(self, event: str, **values: Any) -> None:
        try:
            self.stream.write(json.dumps({"event": event, **values}) + "\n")
            self.stream.flush()
        except BrokenPipeError:
            os._exit(1)

    def progress(self, progress: Progress) -> None:
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

    torch.set_num_threads(order.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    device = resolve_device(order.device)
    speedup = None
    if order.precision == "auto" and device.type == "cpu":
        settled = settled_precision(store, order.threads)
        settle_cpu_precision(getattr(torch, settled.precision))
        speedup = settled.bfloat16_speedup
    precision = resolve_precision(order.precision, device)
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    name = str(precision).removeprefix("torch.")
    environment = describe(
        device.type, name, order.threads, gpu, order.git_revision, bfloat16_speedup=speedup
    )
    store.write_environment(environment)
    return Machine(
        device,
        environment.id,
        order.workers,
        order.gpu_workers,
        startup_seconds=time.perf_counter() - begun,
    )


def _do(order: Order, reporter: _Reporter, begun: float) -> None:
    from benchmark.registry import add_plugin_files

    add_plugin_files(order.plugins)
    store, task = Store(order.store), order.task
    payload = task.payload
    if task.kind == "prepare" and "extra" in payload:
        from benchmark.extra_images import prepare_extra
        from benchmark.grid import ExtraPoolSpec

        prepare_extra(
            store,
            ExtraPoolSpec.model_validate(payload["extra"]),
            Path(payload["root"]) if payload["root"] else None,
            Path(payload["folder"]),
            plugins=order.plugins,
            processes=payload["processes"],
            listener=reporter.progress,
        )
        return
    if task.kind == "prepare":
        from benchmark.grid import DatasetSpec
        from benchmark.preparation import prepare

        prepare(
            store,
            DatasetSpec.model_validate(payload["spec"]),
            Path(payload["root"]) if payload["root"] else None,
            plugins=order.plugins,
            processes=payload["processes"],
            listener=reporter.progress,
        )
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


def failure_of(error: BaseException) -> Failure:
    """What is kept of an exception; errors of ours are sentences, others name their kind."""
    text = str(error).strip() or type(error).__name__
    sentence = text if isinstance(error, BenchmarkError) else f"{type(error).__name__}: {text}"
    return Failure(
        sentence=" ".join(sentence.split())[:2000],
        type=type(error).__name__,
        traceback="".join(traceback.format_exception(error))[-20000:],
    )


def main() -> int:
    """Do the task on standard input; exit status 0 when done, 3 when it failed and said why."""
    begun = time.perf_counter() - process_age()
    order = Order.model_validate_json(sys.stdin.readline())
    # Everything that libraries print goes to the log; the pipe to the parent is ours alone.
    reporter = _Reporter(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    with tempfile.NamedTemporaryFile("w", prefix="landmark-log-", suffix=".txt") as log:
        for descriptor in (1, 2):
            os.dup2(log.fileno(), descriptor)
        failure, stops_run = None, False
        try:
            _do(order, reporter, begun)
        except Exception as error:
            failure = failure_of(error)
            stops_run = isinstance(error, (DataError, UsageError, StoreError))
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        if failure is None:
            _keep_log(order, Path(log.name))
            reporter.send("done")
            return 0
        text = Path(log.name).read_text(encoding="utf-8", errors="replace")[-100_000:]
        reporter.send("failed", failure=failure.model_dump(), bad_input=stops_run, log=text)
        return 3


def _keep_log(order: Order, log: Path) -> None:
    folder = order.store / FOLDER[order.task.kind] / order.task.key
    if folder.is_dir():
        shutil.copyfile(log, folder / "log.txt")


if __name__ == "__main__":
    sys.exit(main())
