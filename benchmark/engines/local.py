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
from benchmark.config import CHECKPOINT_SECONDS
from benchmark.engines.agenda import Agenda
from benchmark.engines.base import Display, Outcome
from benchmark.engines.interrupting import Interrupting
from benchmark.engines.limits import Limits, Watchdog, death, no_memory_left
from benchmark.environment import cores, git_revision
from benchmark.errors import UsageError
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
        gpus: Ids of the GPUs that workers are pinned to, in turn; empty on a CPU. Where a training
            has several, an entry names as many.
        plugins: Files with further plugins.
        limits: What a worker may take.
        checkpoint_seconds: Between two checkpoints of a training.
        devices: Processes at one training.
    """

    workers: int
    threads: int
    device: str = "auto"
    precision: str = "auto"
    gpus: tuple[str, ...] = ()
    plugins: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=Limits)
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    devices: int = 1


def local_settings(
    workers: int | None,
    threads: int | None,
    device: str,
    precision: str = "auto",
    plugins: tuple[Path, ...] = (),
    devices: int = 1,
) -> LocalSettings:
    """Fill in what the user left open: a worker a GPU, else a worker a core.

    Raises:
        UsageError: A training is to have more GPUs than there are.
    """
    gpus = grouped(visible_gpus() if device != "cpu" else (), devices)
    count = workers or (len(gpus) if gpus else max(1, min(cores(), MOST_WORKERS) // devices))
    return LocalSettings(
        workers=count,
        threads=threads or max(1, cores() // (count * devices)),
        device=device,
        precision=precision,
        gpus=gpus,
        plugins=plugins,
        devices=devices,
    )


def grouped(gpus: tuple[str, ...], devices: int) -> tuple[str, ...]:
    """The GPUs in groups of as many as a training has; what is left over stays idle.

    Raises:
        UsageError: They do not make one group.
    """
    if gpus and len(gpus) < devices:
        raise UsageError(f"--devices {devices}: this machine has {len(gpus)} GPUs; ask for fewer")
    count = len(gpus) // devices
    return tuple(",".join(gpus[n * devices : (n + 1) * devices]) for n in range(count))


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
    heard: float = field(default_factory=time.monotonic)
    waiting: bytes = b""
    ending: str = ""
    asked_to_leave: bool = False
    failure: Failure | None = None
    bad_input: bool = False
    stops_run: bool = False
    log: str = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self, failure: Failure) -> None:
        """Stop it, for this reason."""
        self.failure, self.ending, self.log = failure, "stopped", ""
        self.process.kill()

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
        self._watchdog = Watchdog(settings.limits)

    def run(self, tasks: tuple[Task, ...]) -> Outcome:
        """Do all tasks, or stop where the store cannot be written.

        Raises:
            KeyboardInterrupt: The user has interrupted; checkpoints are finished first, unless
                they interrupt again.
        """
        agenda = Agenda(self.store, tasks, self.display)
        workers: dict[int, _Worker] = {}
        with selectors.DefaultSelector() as selector, Interrupting(self.display) as interrupting:
            try:
                while len(agenda) or workers:
                    self._start(agenda, workers, selector)
                    for key, _ in selector.select(POLL_SECONDS):
                        worker = workers[key.fd]
                        if self._listen(worker):
                            continue
                        selector.unregister(key.fd)
                        del workers[key.fd]
                        self._end(worker, agenda)
                    self._watch(list(workers.values()))
                    self._leave(agenda, list(workers.values()), interrupting)
                    self.display.tick()
            finally:
                for worker in workers.values():
                    worker.process.kill()
                    worker.process.wait()
                    self.store.clear_unfinished(FOLDER[worker.task.kind], worker.task.key)
                self.store.leases.forget_dead()
            if interrupting.asked:
                raise KeyboardInterrupt
        return agenda.outcome

    def _watch(self, workers: list[_Worker]) -> None:
        """Stop workers that take more than they may."""
        under_watch = [worker for worker in workers if not worker.ending]
        for worker in under_watch:
            offence = self._watchdog.offence(worker)
            if offence is not None:
                worker.stop(offence)
        largest = self._watchdog.too_large(under_watch)
        if largest is not None:
            largest.stop(no_memory_left(largest))

    def _leave(self, agenda: Agenda, workers: list[_Worker], interrupting: Interrupting) -> None:
        """Once the user has interrupted, let workers keep their state, for some time."""
        if not interrupting.asked:
            return
        agenda.stop()
        for worker in workers:
            if interrupting.overdue:
                worker.process.kill()
            elif not worker.asked_to_leave:
                worker.asked_to_leave = True
                worker.process.terminate()

    def _start(
        self, agenda: Agenda, workers: dict[int, _Worker], selector: selectors.DefaultSelector
    ) -> None:
        while len(workers) < self.settings.workers:
            ready = agenda.ready()
            if not ready:
                return
            task = ready[0]
            if agenda.settle(task):
                continue
            # With this one: those at work, and those that are about to be started beside it.
            busy = min(self.settings.workers, len(workers) + len(ready))
            overdue = agenda.overdue(task)
            agenda.start(task)
            taken = {worker.slot for worker in workers.values()}
            slot = next(n for n in range(self.settings.workers) if n not in taken)
            worker = _Worker(task, self._spawn(task, slot, busy, overdue), slot)
            assert worker.process.stdout is not None
            descriptor = worker.process.stdout.fileno()
            workers[descriptor] = worker
            selector.register(descriptor, selectors.EVENT_READ)
            self.display.started(task)

    def _spawn(self, task: Task, slot: int, busy: int, overdue: str) -> subprocess.Popen[bytes]:
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
            checkpoint_seconds=settings.checkpoint_seconds,
            lease_seconds=self.store.leases.seconds,
            overdue=overdue,
            devices=settings.devices,
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
            worker.heard = time.monotonic()
            if event["event"] == "progress":
                progress = Progress(event["stage"], event["step"], event["steps"], event["loss"])
                self.display.progressed(worker.task, progress)
            elif not worker.ending:
                worker.ending = event["event"]
                if worker.ending == "failed":
                    worker.failure = Failure.model_validate(event["failure"])
                    worker.bad_input, worker.stops_run = event["bad_input"], event["stops_run"]
                    worker.log = event["log"]
        return True

    def _end(self, worker: _Worker, agenda: Agenda) -> None:
        status = worker.process.wait()
        if worker.process.stdout is not None:
            worker.process.stdout.close()
        task = worker.task
        if worker.ending == "done":
            agenda.done(task, time.monotonic() - worker.started)
        elif worker.ending in ("elsewhere", "interrupted") or (
            agenda.stopped and worker.failure is None
        ):
            self.store.clear_unfinished(FOLDER[task.kind], task.key)
            agenda.put_back(task)
        elif worker.failure is not None and worker.stops_run:
            agenda.unwritable(task, worker.failure)
        else:
            failure = worker.failure or death(status)
            agenda.fail(task, failure, log=worker.log, bad_input=worker.bad_input)
