"""The engine ``ray``: tasks on the nodes of a Ray cluster, with GPUs or shares of one."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark.engines.agenda import Agenda
from benchmark.engines.base import Display, Outcome
from benchmark.engines.interrupting import Interrupting
from benchmark.engines.launching import Ended, Started, conclude, order_of, parse
from benchmark.engines.local import LocalEngine
from benchmark.engines.local_settings import LocalSettings
from benchmark.engines.nodes import BLIND, Assignment, Said, code_digest
from benchmark.engines.options import RayOptions, Resources, resources_of
from benchmark.engines.ray_cluster import CancelledError, Cluster, NodeLostError
from benchmark.engines.sending import Inputs, take_results
from benchmark.environment import git_revision
from benchmark.errors import StoreError, UsageError
from benchmark.progress import Progress
from benchmark.schema import Failure
from benchmark.store import Store
from benchmark.tasks import FOLDER, READING, Task

POLL_SECONDS = 0.2
# After the limit of a task, its node has so long to say so before the task is cancelled.
GRACE_SECONDS = 60.0


@dataclass(frozen=True)
class RaySettings:
    """What the tasks of a run are given.

    Attributes:
        options: How the cluster is used.
        resources: By method; see :func:`benchmark.engines.options.resources_of`.
        local: Device, limits and plugins; and the workers that prepare datasets on the driver.
        at_once: Tasks at a time; None: as many as the cluster has room for.
        grace_seconds: Beyond its limits, before a task is cancelled whose node says nothing.
    """

    options: RayOptions
    resources: dict[str, Resources]
    local: LocalSettings
    at_once: int | None = None
    grace_seconds: float = GRACE_SECONDS


@dataclass
class _Flight:
    """A task that Ray has been given, and what is known of it.

    ``hold`` keeps the lease of a task whose node cannot hold it itself.
    """

    task: Task
    handle: Any
    hold: ExitStack = field(default_factory=ExitStack)
    begun: float | None = None
    heard: float = 0.0
    parcel: bytes | None = None
    cancelled: bool = False


class RayEngine:
    """Runs tasks as their needs allow, wherever Ray has room for them.

    Datasets are prepared on the driver's own machine, which has the user's files. Tasks of a node
    that is lost are begun again elsewhere, and go on from their last checkpoint where the node
    saw the store. On nodes that do not see it, tasks get what they need with their order, and
    the results come back.
    """

    def __init__(
        self, store: Store, settings: RaySettings, display: Display, cluster: Cluster
    ) -> None:
        self.store, self.settings, self.display = store, settings, display
        self.cluster = cluster
        self._revision = git_revision()
        self._inputs = Inputs(store, cluster.put)
        self._sending = settings.options.store == "sent"
        self._lost: Counter[str] = Counter()

    def run(self, tasks: tuple[Task, ...]) -> Outcome:
        """Do all tasks.

        Raises:
            UsageError: A task asks for more than any node has.
            KeyboardInterrupt: The user has interrupted; checkpoints are finished first, unless
                they interrupt again.
        """
        self._ensure_room(tasks)
        here = tuple(task for task in tasks if task.kind in READING)
        agenda = Agenda(self.store, tasks, self.display)
        agenda.absorb(LocalEngine(self.store, self.settings.local, self.display).run(here))
        flights: list[_Flight] = []
        with self._mark() as mark, Interrupting(self.display) as interrupting:
            try:
                while len(agenda) or flights:
                    self._submit(agenda, flights, mark)
                    self._listen_to_all(flights, agenda)
                    self._cancel_overdue(flights)
                    if interrupting.asked and self._leave(agenda, flights, interrupting):
                        break
                    self.display.tick()
            finally:
                for flight in flights:
                    self.cluster.cancel(flight.handle)
                    flight.hold.close()
            if interrupting.asked:
                raise KeyboardInterrupt
        return agenda.outcome

    def _ensure_room(self, tasks: tuple[Task, ...]) -> None:
        """Refuse what would wait for ever."""
        for task in tasks:
            asked = self.resources(task)
            if task.kind not in READING and not self.cluster.room(asked):
                raise UsageError(
                    f"{task.title} asks for {asked.cpus} cores, {asked.gpus:g} GPUs and "
                    f"{asked.memory_gb or 0:g} GB of memory, which no node of the cluster has: "
                    f"change --set resources.{task.method}.cpus, .gpus or .memory_gb"
                )

    @contextmanager
    def _mark(self) -> Iterator[str | None]:
        """A file by which a node knows that it sees this store, and not another of its name."""
        if self._sending:
            yield None
            return
        with tempfile.NamedTemporaryFile(dir=self.store.root, prefix=".seen.") as file:
            yield Path(file.name).name

    def _submit(self, agenda: Agenda, flights: list[_Flight], mark: str | None) -> None:
        """Give Ray the tasks that are ready: more than it has room for, lest a node waits."""
        most = self.settings.at_once or 2 * self.cluster.room(self.resources(None))
        for task in agenda.ready()[: max(0, most - len(flights))]:
            if agenda.settle(task):
                continue
            overdue, hold = agenda.overdue(task), ExitStack()
            if self._sending and not self._hold(task, overdue, hold):
                continue
            agenda.start(task)
            flights.append(_Flight(task, self._send(task, overdue, mark), hold))

    def _hold(self, task: Task, overdue: str, hold: ExitStack) -> bool:
        """Take the lease of a task for a node that does not see the store."""
        store = Store(self.store.root, self.store.leases.seconds)
        work = store.working(FOLDER[task.kind], task.key, task.title, overdue)
        return hold.enter_context(work)

    def resources(self, task: Task | None) -> Resources:
        """What a task is given; what any other is given where it is None."""
        asked = resources_of(self.settings.resources, task.method if task is not None else None)
        devices, gpus = self.settings.local.devices, asked.gpus
        if gpus is None:
            some = self.settings.local.device != "cpu" and self.cluster.gpus() > 0
            gpus = float(devices) if some else 0.0
        return asked.model_copy(update={"cpus": asked.cpus or devices, "gpus": gpus})

    def _send(self, task: Task, overdue: str, mark: str | None) -> Any:
        resources, local = self.resources(task), self.settings.local
        order = order_of(task, self.store, local, resources.cpus or 1, self._revision, overdue)
        assignment = Assignment(
            order=order.model_dump_json(),
            code=code_digest(),
            mark=None if self._sending else mark,
            gpus=resources.gpus or 0.0,
            limits=local.limits,
        )
        parcels = self._inputs.of(task) if self._sending else None
        return self.cluster.submit(assignment, parcels, resources)

    def _listen_to_all(self, flights: list[_Flight], agenda: Agenda) -> None:
        if not flights:  # All that is left is at work in other runs.
            time.sleep(POLL_SECONDS)
        speaking = self.cluster.speaking([f.handle for f in flights], POLL_SECONDS)
        for flight in [f for f in flights if f.handle in speaking]:
            if not self._listen(flight, agenda):
                flights.remove(flight)

    def _listen(self, flight: _Flight, agenda: Agenda) -> bool:
        """Hear one thing of a task; False once it has ended."""
        flight.heard = time.monotonic()
        try:
            said = self.cluster.hear(flight.handle)
        except NodeLostError as error:
            return self._begin_again(flight, agenda, str(error))
        except CancelledError:
            if agenda.stopped:
                return self._end(flight, agenda, Ended("interrupted"))
            return self._fail(flight, agenda, "its node said nothing when its time was over")
        except RuntimeError as error:
            return self._fail(flight, agenda, f"Ray could not run it ({error})")
        if said is None:
            return self._begin_again(flight, agenda, "it ended without a word")
        if said == BLIND:
            if self.settings.options.store == "shared":
                return self._fail(flight, agenda, f"its node does not see {self.store.root}")
            # From now on all tasks are sent what they need.
            self._sending = True
            return self._end(flight, agenda, Ended("elsewhere"))
        return self._heed(flight, agenda, said)

    def _heed(self, flight: _Flight, agenda: Agenda, said: Said) -> bool:
        """Act on what a task has said; False once it has ended."""
        if isinstance(said, bytes):
            flight.parcel = said
            return True
        event = parse(said)
        if isinstance(event, Progress):
            self.display.progressed(flight.task, event)
        elif isinstance(event, Started):
            flight.begun = time.monotonic()
            self.display.started(flight.task)
        else:
            return self._end(flight, agenda, event)
        return True

    def _end(self, flight: _Flight, agenda: Agenda, end: Ended) -> bool:
        flight.hold.close()
        if end.how == "done" and flight.parcel is not None:
            try:
                take_results(self.store, flight.task, flight.parcel)
            except StoreError as error:
                failure = Failure(sentence=str(error), type="StoreError", fault="machine")
                end = Ended("failed", failure)
        begun = flight.begun or time.monotonic()
        conclude(agenda, flight.task, end, time.monotonic() - begun)
        return False

    def _begin_again(self, flight: _Flight, agenda: Agenda, reason: str) -> bool:
        """Put a task that its node has lost back, unless that has befallen it too often."""
        task = flight.task
        self._lost[task.id] += 1
        times = self._lost[task.id]
        if times > self.settings.options.retries:
            return self._fail(flight, agenda, f"its node was lost {times} times, last: {reason}")
        self.display.told(f"{task.title}: its node is lost, begun again ({reason})")
        return self._end(flight, agenda, Ended("interrupted"))

    def _fail(self, flight: _Flight, agenda: Agenda, sentence: str) -> bool:
        failure = Failure(sentence=sentence, type="NodeFault", fault="machine")
        return self._end(flight, agenda, Ended("failed", failure))

    def _cancel_overdue(self, flights: list[_Flight]) -> None:
        """Kill tasks whose nodes have not even said that their time is over."""
        limits, grace = self.settings.local.limits, self.settings.grace_seconds
        now = time.monotonic()
        for flight in flights:
            if flight.begun is None or flight.cancelled:
                continue
            late = limits.seconds is not None and now - flight.begun > limits.seconds + grace
            if late or now - flight.heard > limits.silence + grace:
                flight.cancelled = True
                self.cluster.cancel(flight.handle)

    def _leave(self, agenda: Agenda, flights: list[_Flight], interrupting: Interrupting) -> bool:
        """Once the user has interrupted, let tasks keep their state; True when it is time to go."""
        agenda.stop()
        for flight in flights:
            if not flight.cancelled:
                flight.cancelled = True
                self.cluster.cancel(flight.handle, force=False)
        return interrupting.overdue
