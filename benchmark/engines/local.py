"""The engine ``local``: worker processes on this machine, one task each."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import benchmark
from benchmark.engines.base import Display, Outcome
from benchmark.environment import cores, git_revision
from benchmark.failures import record_failure
from benchmark.progress import Progress
from benchmark.schema import Failure
from benchmark.store import Store
from benchmark.tasks import FOLDER, Task
from benchmark.worker import Order

# More workers than this seldom fit into memory: each takes about 1 GB.
MOST_WORKERS = 8
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class LocalSettings:
    """How many processes, how many threads in each, and where they compute.

    Attributes:
        workers: Processes at a time.
        threads: Threads of torch in each; part of the environment record, because results are
            bit-identical for one thread count only.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: The protocol's setting, for the environment record.
        gpus: Ids of the GPUs that workers are pinned to, in turn; empty on a CPU.
        plugins: Files with further plugins.
    """

    workers: int
    threads: int
    device: str = "auto"
    precision: str = "auto"
    gpus: tuple[str, ...] = ()
    plugins: tuple[Path, ...] = ()


def local_settings(
    workers: int | None,
    threads: int | None,
    device: str,
    precision: str = "auto",
    plugins: tuple[Path, ...] = (),
) -> LocalSettings:
    """Fill in what the user left open: a worker a GPU, else a worker a core."""
    gpus = visible_gpus() if device != "cpu" else ()
    count = workers or (len(gpus) if gpus else min(cores(), MOST_WORKERS))
    return LocalSettings(
        workers=count,
        threads=threads or max(1, cores() // count),
        device=device,
        precision=precision,
        gpus=gpus,
        plugins=plugins,
    )


def visible_gpus() -> tuple[str, ...]:
    """The ids of the GPUs, without importing torch."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return tuple(part for part in chosen.split(",") if part and part != "-1")
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        listed = subprocess.run(
            [program, "-L"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    count = sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    return tuple(str(number) for number in range(count)) if listed.returncode == 0 else ()


def workers_on_gpu(slot: int, busy: int, gpus: int) -> int:
    """How many of ``busy`` workers are on the GPU of a slot: GPUs are given to slots in turn."""
    return max(1, len(range(slot % gpus, busy, gpus))) if gpus else 1


@dataclass
class _Worker:
    """A process at work."""

    task: Task
    process: subprocess.Popen[bytes]
    slot: int
    started: float = field(default_factory=time.monotonic)
    waiting: bytes = b""
    done: bool = False
    failure: Failure | None = None
    bad_input: bool = False
    log: str = ""

    def read(self) -> bytes:
        assert self.process.stdout is not None
        return os.read(self.process.stdout.fileno(), 1 << 16)


class LocalEngine:
    """Runs tasks as their needs allow, the longest first, each in a process of its own.

    A process that fails, crashes or is killed costs its own task and those that need it; its
    reason goes into the store, and the others go on.
    """

    def __init__(self, store: Store, settings: LocalSettings, display: Display) -> None:
        self.store, self.settings, self.display = store, settings, display
        self._revision = git_revision()

    def run(self, tasks: tuple[Task, ...]) -> Outcome:
        """Do all tasks, or stop after bad input.

        Raises:
            KeyboardInterrupt: The user has interrupted; all workers are stopped first.
        """
        outcome = Outcome()
        waiting = {task.id: task for task in tasks}
        missing: set[str] = set(waiting)
        workers: dict[int, _Worker] = {}
        with selectors.DefaultSelector() as selector:
            try:
                while waiting or workers:
                    self._start(waiting, missing, workers, selector)
                    for key, _ in selector.select(POLL_SECONDS):
                        worker = workers[key.fd]
                        if self._listen(worker):
                            continue
                        selector.unregister(key.fd)
                        del workers[key.fd]
                        self._end(worker, waiting, missing, outcome)
                    self.display.tick()
            finally:
                for worker in workers.values():
                    worker.process.kill()
                    worker.process.wait()
                    self.store.clear_unfinished(FOLDER[worker.task.kind], worker.task.key)
        return outcome

    def _start(
        self,
        waiting: dict[str, Task],
        missing: set[str],
        workers: dict[int, _Worker],
        selector: selectors.DefaultSelector,
    ) -> None:
        while len(workers) < self.settings.workers:
            ready = [t for t in waiting.values() if not missing.intersection(t.needs)]
            if not ready:
                return
            task = max(ready, key=lambda t: (t.kind != "cell", t.cost))
            del waiting[task.id]
            taken = {worker.slot for worker in workers.values()}
            slot = next(n for n in range(self.settings.workers) if n not in taken)
            # With this one: those at work, and those that are about to be started beside it.
            busy = min(self.settings.workers, len(workers) + len(ready))
            worker = _Worker(task, self._spawn(task, slot, busy), slot)
            assert worker.process.stdout is not None
            descriptor = worker.process.stdout.fileno()
            workers[descriptor] = worker
            selector.register(descriptor, selectors.EVENT_READ)
            self.display.started(task)

    def _spawn(self, task: Task, slot: int, busy: int) -> subprocess.Popen[bytes]:
        settings = self.settings
        order = Order(
            task=task,
            store=self.store.root.resolve(),
            device=settings.device,
            precision=settings.precision,
            threads=settings.threads,
            workers=busy,
            gpu_workers=workers_on_gpu(slot, busy, len(settings.gpus)),
            plugins=tuple(path.resolve() for path in settings.plugins),
            git_revision=self._revision,
        )
        environment = os.environ | {
            "OMP_NUM_THREADS": str(settings.threads),
            "OMP_WAIT_POLICY": "PASSIVE",
            "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
            "PYTHONPATH": os.pathsep.join(
                filter(
                    None,
                    [
                        str(Path(benchmark.__file__).parent.parent),
                        os.environ.get("PYTHONPATH"),
                    ],
                )
            ),
        }
        if settings.gpus:
            environment["CUDA_VISIBLE_DEVICES"] = settings.gpus[slot % len(settings.gpus)]
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmark.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        assert process.stdin is not None
        try:
            process.stdin.write(order.model_dump_json().encode() + b"\n")
            process.stdin.close()
        except BrokenPipeError:
            pass  # It died at the start; reading its output finds that out.
        return process

    def _listen(self, worker: _Worker) -> bool:
        """Read what a worker has said; False once it has ended."""
        data = worker.read()
        if not data:
            return False
        *lines, worker.waiting = (worker.waiting + data).split(b"\n")
        for line in lines:
            event = json.loads(line)
            if event["event"] == "progress":
                progress = Progress(event["stage"], event["step"], event["steps"], event["loss"])
                self.display.progressed(worker.task, progress)
            elif event["event"] == "done":
                worker.done = True
            else:
                worker.failure = Failure.model_validate(event["failure"])
                worker.bad_input, worker.log = event["bad_input"], event["log"]
        return True

    def _end(
        self,
        worker: _Worker,
        waiting: dict[str, Task],
        missing: set[str],
        outcome: Outcome,
    ) -> None:
        status = worker.process.wait()
        if worker.process.stdout is not None:
            worker.process.stdout.close()
        task = worker.task
        if worker.done:
            missing.discard(task.id)
            outcome.done.append(task)
            self.display.finished(task, time.monotonic() - worker.started)
            return
        self.store.clear_unfinished(FOLDER[task.kind], task.key)
        failure = worker.failure or Failure(sentence=_death(status), type="WorkerDied")
        if worker.bad_input and task.kind == "prepare":
            outcome.bad_input.append(failure)
        self._fail(task, failure, worker.log, waiting, outcome)

    def _fail(
        self,
        task: Task,
        failure: Failure,
        log: str,
        waiting: dict[str, Task],
        outcome: Outcome,
    ) -> None:
        """Write the failure down, and fail whatever needs the task."""
        outcome.failed.append((task, failure))
        record_failure(self.store, task, failure, log)
        self.display.failed(task, failure)
        for other in [t for t in waiting.values() if task.id in t.needs]:
            waiting.pop(other.id, None)
            reason = f"{task.title} failed: {failure.sentence}"
            inherited = failure.model_copy(update={"sentence": reason})
            self._fail(other, inherited, "", waiting, outcome)


def _death(status: int) -> str:
    if status == -9:
        return "the worker was killed (signal 9): perhaps it ran out of memory; try --workers 1"
    what = f"signal {-status}" if status < 0 else f"exit status {status}"
    return f"the worker ended without a word ({what}): see the log of the system"
