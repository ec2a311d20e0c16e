"""The engine ``local``: worker processes on this machine, one task each."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmark.engines import zygote
from benchmark.engines.agenda import Agenda
from benchmark.engines.base import Display, Outcome
from benchmark.engines.gpus import workers_on_gpu
from benchmark.engines.interrupting import Interrupting
from benchmark.engines.launching import environment
from benchmark.engines.limits import Watchdog, death, no_memory_left
from benchmark.engines.local_settings import LocalSettings
from benchmark.engines.zygote import Process
from benchmark.environment import git_revision
from benchmark.progress import Progress
from benchmark.schema import Failure
from benchmark.store import Store
from benchmark.tasks import FOLDER, Task, imports_of
from benchmark.worker import Order

POLL_SECONDS = 0.2


@dataclass
class _Worker:
    """A process at work."""

    task: Task
    process: Process
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
        self._zygote: zygote.Zygote | None = None
        self._imports: tuple[str, ...] = ()

    def run(self, tasks: tuple[Task, ...]) -> Outcome:
        """Do all tasks, or stop where the store cannot be written.

        Raises:
            KeyboardInterrupt: The user has interrupted; checkpoints are finished first, unless
                they interrupt again.
        """
        agenda = Agenda(self.store, tasks, self.display)
        self._imports = imports_of(tasks)
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
                if self._zygote is not None:
                    zygote.give_back(self._zygote)
                    self._zygote = None
            finally:
                for worker in workers.values():
                    worker.process.kill()
                    worker.process.wait()
                    self.store.clear_unfinished(FOLDER[worker.task.kind], worker.task.key)
                self._close_zygote()
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
            slot = self._place(task, workers.values())
            if slot is None:
                return
            # With this one: those at work, and those that are about to be started beside it.
            busy = min(self.settings.workers, len(workers) + len(ready))
            overdue = agenda.overdue(task)
            agenda.start(task)
            worker = _Worker(task, self._spawn(task, slot, busy, overdue), slot)
            assert worker.process.stdout is not None
            descriptor = worker.process.stdout.fileno()
            workers[descriptor] = worker
            selector.register(descriptor, selectors.EVENT_READ)
            self.display.started(task)

    def _place(self, task: Task, workers: Iterable[_Worker]) -> int | None:
        """A free slot; None where a task would share a GPU that one of the two fills."""
        taken = {worker.slot: worker.task for worker in workers}
        gpus = len(self.settings.gpus)
        for slot in (n for n in range(self.settings.workers) if n not in taken):
            beside = [t for n, t in taken.items() if gpus and n % gpus == slot % gpus]
            if not beside or not any(t.fills_gpu for t in (task, *beside)):
                return slot
        return None

    def _spawn(self, task: Task, slot: int, busy: int, overdue: str) -> Process:
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
        gpus = settings.gpus
        pinned = {"CUDA_VISIBLE_DEVICES": gpus[slot % len(gpus)]} if gpus else {}
        process = self._launch(pinned)
        assert process.stdin is not None
        # It may have died at the start; reading its output finds that out.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(order.model_dump_json().encode() + b"\n")
            process.stdin.close()
        return process

    def _launch(self, variables: dict[str, str]) -> Process:
        """A worker that waits for its order: forked where that can be done, else started anew."""
        shared = environment(self.settings.threads)
        if zygote.supported():
            try:
                self._zygote = self._zygote or zygote.take(shared)
                return self._zygote.fork(variables, self._imports)
            except OSError:
                self._close_zygote()
        return subprocess.Popen(
            [sys.executable, "-m", "benchmark.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=shared | variables,
        )

    def _close_zygote(self) -> None:
        if self._zygote is not None:
            self._zygote.close()
            self._zygote = None

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
        task, seconds = worker.task, time.monotonic() - worker.started
        agenda.outcome.busy_seconds += seconds
        if worker.ending == "done":
            agenda.done(task, seconds)
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
