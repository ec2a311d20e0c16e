"""What is left of a run: which tasks may start now, and what becomes of them, in any engine.

Several runs may share a store. Work that another process holds the lease of is left to it and
looked at again until it is done, has failed, or its lease has run out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from benchmark.engines.base import Display, Outcome
from benchmark.errors import StoreUnwritableError
from benchmark.failures import failure_elsewhere, failure_sign, record_failure
from benchmark.schema import Failure
from benchmark.store import Store
from benchmark.tasks import FOLDER, READING, Task

MOST_ATTEMPTS = 3
"""Of a task whose worker the machine kills; the last attempt has the machine to itself."""

KILLED = "WorkerKilled"
_LOOK_SECONDS = 1.0


class Agenda:
    """The tasks of a run, by what each needs, and how they end.

    Args:
        store: Where the work lies, and the reasons of failures are written.
        tasks: All of them, each once.
        display: Told how tasks end.

    Attributes:
        outcome: How the run ends.
        stopped: Whether nothing more is begun.
    """

    def __init__(self, store: Store, tasks: Iterable[Task], display: Display) -> None:
        self.outcome = Outcome()
        self.stopped = False
        self._store, self._display = store, display
        self._waiting = {task.id: task for task in tasks}
        self._missing = set(self._waiting)
        self._running: set[str] = set()
        self._attempts: dict[str, int] = {}
        self._look_again: dict[str, float] = {}
        self._failed_before = {t.id: failure_sign(store, t) for t in self._waiting.values()}

    def __len__(self) -> int:
        """Tasks that this run has still to start or to wait for."""
        return 0 if self.stopped else len(self._waiting)

    def stop(self) -> None:
        """Begin nothing more."""
        self.stopped = True

    def ready(self) -> list[Task]:
        """Tasks that need nothing more and that nobody else is at: the longest first.

        A task is alone in the list, or is not in it, where it must have the machine to itself.
        """
        if self.stopped or any(map(self._is_last, self._running)):
            return []
        waiting = self._waiting.values()
        ready = [
            task
            for task in waiting
            if not self._missing.intersection(task.needs)
            and time.monotonic() >= self._look_again.get(task.id, 0.0)
        ]
        held = self._store.leases.holders()
        free = [t for t in ready if (FOLDER[t.kind], t.key) not in held or self._is_free(t)]
        free.sort(key=lambda t: (t.kind == "cell", -t.cost))
        shared = [task for task in free if not self._is_last(task.id)]
        return shared or ([] if self._running else free[:1])

    def overdue(self, task: Task) -> str:
        """The token of a holder whose lease on a task that is ready has run out, or nothing."""
        holder = self._store.leases.holder(FOLDER[task.kind], task.key)
        return holder.record.token if holder is not None else ""

    def _is_last(self, name: str) -> bool:
        """Whether an attempt is the last one, which has the machine to itself."""
        return self._attempts.get(name, 1) >= MOST_ATTEMPTS

    def _is_free(self, task: Task) -> bool:
        """Whether no other process is at work on a task."""
        blocking = self._store.leases.blocked(FOLDER[task.kind], task.key)
        if blocking is None:
            return True
        if task.id not in self._look_again:
            self._display.told(f"{task.title}: another run is at it ({blocking.where})")
        self._look_again[task.id] = time.monotonic() + _LOOK_SECONDS
        return False

    def settle(self, task: Task) -> bool:
        """Whether another run has done a task that is ready, or failed at it, since the planning.

        If so, it is settled here, too.
        """
        if self._store.is_done(FOLDER[task.kind], task.key):
            del self._waiting[task.id]
            self._missing.discard(task.id)
            self.outcome.elsewhere.append(task)
            self._display.finished_elsewhere(task)
            return True
        sign = failure_sign(self._store, task)
        if sign is None or sign == self._failed_before[task.id]:
            return False
        failure = failure_elsewhere(self._store, task)
        if failure is None:
            return False
        del self._waiting[task.id]
        self.outcome.failed.append((task, failure))
        self._display.failed(task, failure)
        self._fail_what_needs(task, failure)
        return True

    def absorb(self, outcome: Outcome) -> None:
        """Take over how some of the tasks have ended under another engine."""
        self.outcome.bad_input += outcome.bad_input
        for task in (*outcome.done, *outcome.elsewhere):
            del self._waiting[task.id]
            self._missing.discard(task.id)
        self.outcome.done += outcome.done
        self.outcome.elsewhere += outcome.elsewhere
        for task, failure in outcome.failed:
            self._waiting.pop(task.id, None)
            self.outcome.failed.append((task, failure))
            self._fail_what_needs(task, failure)

    def start(self, task: Task) -> None:
        """A task is at work."""
        del self._waiting[task.id]
        self._running.add(task.id)

    def put_back(self, task: Task) -> None:
        """A worker has left a task, to be begun again or gone on with, here or elsewhere."""
        self._running.discard(task.id)
        self._waiting[task.id] = task
        self._look_again[task.id] = time.monotonic() + _LOOK_SECONDS
        self._display.put_back(task)

    def done(self, task: Task, seconds: float) -> None:
        """A task is done: what needs it may start."""
        self._running.discard(task.id)
        self._missing.discard(task.id)
        self.outcome.done.append(task)
        self._display.finished(task, seconds)

    def unwritable(self, task: Task, failure: Failure) -> None:
        """The store cannot be written: nothing more can be done, and no task is to blame."""
        self.put_back(task)
        self._cannot_write(failure)

    def _cannot_write(self, failure: Failure) -> None:
        self.stop()
        if not self.outcome.bad_input:
            self.outcome.bad_input.append(failure)

    def fail(self, task: Task, failure: Failure, *, log: str = "", bad_input: bool = False) -> None:
        """Write down why a task failed, and fail whatever needs it.

        What the machine has killed is tried again; what the method has done never is, because it
        would do so again, or hide that it sometimes does.

        Args:
            task: At work, or waiting.
            failure: Why.
            log: What it printed.
            bad_input: Whether the user has to mend it; a dataset that cannot be prepared then
                decides the exit status.
        """
        self._running.discard(task.id)
        self._waiting.pop(task.id, None)
        self._store.clear_unfinished(FOLDER[task.kind], task.key)
        if self._store.is_done(FOLDER[task.kind], task.key):  # It died after its last step.
            self.done(task, 0.0)
            return
        attempt = self._attempts.get(task.id, 1)
        if failure.type == KILLED and attempt < MOST_ATTEMPTS and not self.stopped:
            self._attempts[task.id] = attempt + 1
            self._display.told(f"{task.title}: {failure.sentence}; trying again")
            self.put_back(task.next_attempt())
            return
        if bad_input and task.kind in READING:
            self.outcome.bad_input.append(failure)
        self.outcome.failed.append((task, failure))
        try:
            record_failure(self._store, task, failure, log)
        except StoreUnwritableError as error:
            self._cannot_write(Failure(sentence=str(error), fault="machine"))
        self._display.failed(task, failure)
        self._fail_what_needs(task, failure)

    def _fail_what_needs(self, task: Task, failure: Failure) -> None:
        reason = f"{task.title} failed: {failure.sentence}"
        for other in [t for t in self._waiting.values() if task.id in t.needs]:
            # One that needs two failed tasks is gone after the first.
            if other.id in self._waiting:
                inherited = {"sentence": reason, "type": "NeededTaskFailed"}
                self.fail(other, failure.model_copy(update=inherited))
