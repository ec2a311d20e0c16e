"""What is left of a run: which task comes next, and what becomes of it, whichever engine does it.

Several runs may share a store. Work that another process holds the lease of is left to it and
looked at again until it is done, has failed, or its lease has run out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmark.engines.base import Display, Outcome
from benchmark.errors import StoreUnwritableError
from benchmark.failures import failure_elsewhere, failure_sign, record_failure
from benchmark.schema import Failure
from benchmark.store import Store
from benchmark.tasks import FOLDER, Task

MOST_ATTEMPTS = 3
"""Of a task whose worker the machine kills; the last attempt has the machine to itself."""

KILLED = "WorkerKilled"
_LOOK_SECONDS = 1.0


class Agenda:
    """The tasks of a run, the longest first as their needs allow.

    Args:
        store: Where the work lies.
        tasks: What is to be done.
        display: Told what becomes of it.

    Attributes:
        outcome: How it ends.
        stopped: Whether nothing more is begun.
    """

    def __init__(self, store: Store, tasks: tuple[Task, ...], display: Display) -> None:
        self.store, self.display, self.outcome = store, display, Outcome()
        self._waiting = {task.id: task for task in tasks}
        self._missing = set(self._waiting)
        self._running: dict[str, Task] = {}
        self._attempts: dict[str, int] = {}
        self._look_again: dict[str, float] = {}
        self._failed_before = {task.id: failure_sign(store, task) for task in tasks}
        self.stopped = False

    @property
    def unfinished(self) -> bool:
        """Whether anything is left that this run has to do or to wait for."""
        return bool(self._running or (self._waiting and not self.stopped))

    def stop(self) -> None:
        """Begin nothing more."""
        self.stopped = True

    def ready(self) -> int:
        """How many tasks could begin now."""
        return sum(1 for _ in self._ready())

    def next(self) -> tuple[Task, str] | None:
        """The task to begin, and the token of a holder whose lease has run out; None: not now."""
        if any(self._is_last(task) for task in self._running.values()):
            return None
        settled = True
        while settled and not self.stopped:
            settled = False
            for task in sorted(self._ready(), key=lambda t: (t.kind == "cell", -t.cost)):
                if (self._is_last(task) and self._running) or not self._is_time_to_look(task):
                    continue
                if self._is_settled(task):
                    settled = True  # Others may be ready by it, or have failed with it.
                    break
                if self._is_free(task):
                    holder = self.store.leases.holder(FOLDER[task.kind], task.key)
                    del self._waiting[task.id]
                    self._running[task.id] = task
                    return task, holder.record.token if holder else ""
        return None

    def _is_time_to_look(self, task: Task) -> bool:
        return time.monotonic() >= self._look_again.get(task.id, 0.0)

    def _is_free(self, task: Task) -> bool:
        """Whether no other process is at work on a task."""
        blocking = self.store.leases.blocked(FOLDER[task.kind], task.key)
        if blocking is None:
            return True
        if task.id not in self._look_again:
            self.display.told(f"{task.title}: another run is at it ({blocking.where})")
        self._look_again[task.id] = time.monotonic() + _LOOK_SECONDS
        return False

    def _ready(self) -> Iterator[Task]:
        return (t for t in self._waiting.values() if not self._missing.intersection(t.needs))

    def _is_last(self, task: Task) -> bool:
        """Whether an attempt is the last one, which has the machine to itself."""
        return self._attempts.get(task.id, 1) >= MOST_ATTEMPTS

    def _is_settled(self, task: Task) -> bool:
        """Whether another run has done a task, or failed at it, since this one was planned."""
        if self.store.is_done(FOLDER[task.kind], task.key):
            del self._waiting[task.id]
            self._missing.discard(task.id)
            self.outcome.elsewhere.append(task)
            self.display.finished_elsewhere(task)
            return True
        sign = failure_sign(self.store, task)
        if sign is not None and sign != self._failed_before[task.id]:
            failure = failure_elsewhere(self.store, task)
            if failure is not None:
                del self._waiting[task.id]
                self._end_failed(task, failure)
                return True
        return False

    def done(self, task: Task, seconds: float) -> None:
        """A worker has done a task."""
        del self._running[task.id]
        self._missing.discard(task.id)
        self.outcome.done.append(task)
        self.display.finished(task, seconds)

    def put_back(self, task: Task) -> None:
        """A worker has left a task, to be gone on with here or elsewhere."""
        del self._running[task.id]
        self._waiting[task.id] = task
        self._look_again[task.id] = time.monotonic() + _LOOK_SECONDS
        self.display.put_back(task)

    def unwritable(self, task: Task, failure: Failure) -> None:
        """The store cannot be written: nothing more can be done, and no task is to blame."""
        del self._running[task.id]
        self._waiting[task.id] = task
        self._cannot_write(failure)

    def _cannot_write(self, failure: Failure) -> None:
        self.stop()
        if not self.outcome.bad_input:
            self.outcome.bad_input.append(failure)

    def failed(self, task: Task, failure: Failure, log: str = "") -> None:
        """A worker has failed at a task, or died; what the machine has done to it is tried again.

        Never what the method has done: it would do so again, or hide that it sometimes does.
        """
        del self._running[task.id]
        self.store.clear_unfinished(FOLDER[task.kind], task.key)
        if self.store.is_done(FOLDER[task.kind], task.key):  # It died after the last step.
            self._running[task.id] = task
            self.done(task, 0.0)
            return
        attempt = self._attempts.get(task.id, 1)
        if failure.type == KILLED and attempt < MOST_ATTEMPTS and not self.stopped:
            self._attempts[task.id] = attempt + 1
            self._waiting[task.id] = task.next_attempt()
            self.display.told(f"{task.title}: {failure.sentence}; trying again")
            self.display.put_back(task)
            return
        if failure.fault == "input" and task.kind == "prepare":
            self.outcome.bad_input.append(failure)
        try:
            record_failure(self.store, task, failure, log)
        except StoreUnwritableError as error:
            self._cannot_write(Failure(sentence=str(error), fault="machine"))
        self._end_failed(task, failure)

    def _end_failed(self, task: Task, failure: Failure) -> None:
        """Fail whatever needs the task, too."""
        self.outcome.failed.append((task, failure))
        self.display.failed(task, failure)
        for other in [t for t in self._waiting.values() if task.id in t.needs]:
            if self._waiting.pop(other.id, None) is None:
                continue
            reason = f"{task.title} failed: {failure.sentence}"
            inherited = failure.model_copy(update={"sentence": reason})
            try:
                record_failure(self.store, other, inherited, "")
            except StoreUnwritableError as error:
                self._cannot_write(Failure(sentence=str(error), fault="machine"))
            self._end_failed(other, inherited)
