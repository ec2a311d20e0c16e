"""The engine ``slurm``: tasks as job arrays, submitted through submitit."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.engines.agenda import Agenda
from benchmark.engines.base import Display, Outcome
from benchmark.engines.job_files import JobFile, do_order
from benchmark.engines.job_states import OVER, States, local_states, slurm_states
from benchmark.engines.launching import Ended, Event, Started, conclude, import_path, order_of
from benchmark.engines.local_settings import LocalSettings
from benchmark.engines.options import Resources, SlurmOptions, resources_of
from benchmark.engines.slurm_jobs import executor, parameters
from benchmark.environment import cores, git_revision
from benchmark.progress import Progress
from benchmark.schema import Failure
from benchmark.store import Store
from benchmark.tasks import READING, Task
from benchmark.worker import Order

# Slurm refuses longer arrays unless it is told otherwise (MaxArraySize).
MOST_IN_ARRAY = 1000
# How often the queue is looked at; Slurm's masters do not like to be asked more often.
POLL_SECONDS = {"slurm": 5.0, "local": 0.5}
STATES: dict[str, States] = {"slurm": slurm_states, "local": local_states}
# A network file system may show what a job has written some time after the job has ended.
LATE_SECONDS = {"slurm": 30.0, "local": 0.0}
# How long the end of a run waits for the processes of jobs that are done.
END_SECONDS = 10.0
# The cluster's fault, after which the same job may end well.
FAULTS = ("NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REVOKED")
ADVICE = {
    "TIMEOUT": "raise resources.<method>.minutes; the next run goes on from the checkpoint",
    "OUT_OF_MEMORY": "raise resources.<method>.memory_gb",
    "CANCELLED": "somebody has cancelled it",
}


@dataclass(frozen=True)
class SlurmSettings:
    """What the jobs of a run are given.

    Attributes:
        options: How jobs are submitted.
        resources: By method; see :func:`benchmark.engines.options.resources_of`.
        local: Device, precision, limits and plugins, as for local workers.
    """

    options: SlurmOptions
    resources: dict[str, Resources]
    local: LocalSettings


@dataclass
class _Submitted:
    """A task in the queue or at work."""

    task: Task
    job: Any
    file: JobFile
    begun: float | None = None
    over_since: float | None = None


class SlurmEngine:
    """Submits what is ready as one array for each kind of resources, and waits for the jobs.

    The store has to lie on a file system that all nodes see. Jobs write what they have to say
    into files beside it; nothing that a job has pickled is read.

    Raises:
        UsageError: submitit is not installed, or there is no Slurm.
    """

    def __init__(self, store: Store, settings: SlurmSettings, display: Display) -> None:
        self.store, self.settings, self.display = store, settings, display
        self.folder = store.root.resolve() / "jobs"
        self._revision = git_revision()
        self._arrays: dict[Path, list[Any]] = {}
        self._of_interest: set[Path] = set()
        self._faults: Counter[str] = Counter()
        self._states: States = STATES[settings.options.cluster]

    def run(self, tasks: tuple[Task, ...]) -> Outcome:
        """Do all tasks.

        Raises:
            KeyboardInterrupt: The user has interrupted; all jobs are cancelled first.
        """
        agenda = Agenda(self.store, tasks, self.display)
        submitted: list[_Submitted] = []
        try:
            while len(agenda) or submitted:
                submitted += self._submit(agenda, len(submitted))
                states = self._states([one.job for one in submitted]) or {}
                for one in list(submitted):
                    if not self._look_at(one, agenda, states.get(one.job.job_id, "")):
                        submitted.remove(one)
                        one.file.remove()
                self.display.tick()
                if len(agenda) or submitted:
                    time.sleep(POLL_SECONDS[self.settings.options.cluster])
        finally:
            for one in submitted:
                one.job.cancel(check=False)
                one.file.remove()
            self._tidy()
        return agenda.outcome

    def _submit(self, agenda: Agenda, submitted: int) -> list[_Submitted]:
        """All that is ready, in an array for each kind of resources."""
        ready = [task for task in agenda.ready() if not agenda.settle(task)]
        if self.settings.options.cluster == "local":
            # There is no queue that holds the others back.
            ready = ready[: max(0, min(self.settings.options.at_once, cores()) - submitted)]
        kinds: dict[Resources, list[Task]] = defaultdict(list)
        for task in ready:
            kinds[self.resources(task)].append(task)
        arrays = [
            (resources, tasks[first : first + MOST_IN_ARRAY])
            for resources, tasks in kinds.items()
            for first in range(0, len(tasks), MOST_IN_ARRAY)
        ]
        found: list[_Submitted] = []
        for resources, tasks in arrays:
            files = [JobFile.fresh(self.folder, task) for task in tasks]
            orders = [
                self._order(task, resources, agenda.overdue(task)).model_dump_json()
                for task in tasks
            ]
            limits = [self.settings.local.limits] * len(tasks)
            for task in tasks:
                agenda.start(task)
            jobs = self._submit_array(resources, orders, [str(f.path) for f in files], limits)
            found += [_Submitted(*one) for one in zip(tasks, jobs, files, strict=True)]
        return found

    def _submit_array(self, resources: Resources, *columns: Sequence[Any]) -> list[Any]:
        options = self.settings.options
        # A new one for each array: what one is told of, it keeps for all that follow.
        folder = self.folder / secrets.token_hex(4)
        array = executor(folder, options.cluster)
        array.update_parameters(**parameters(resources, options))
        before = os.environ.get("PYTHONPATH")
        # Jobs inherit it, so that they import this very code.
        os.environ["PYTHONPATH"] = import_path()
        try:
            jobs: list[Any] = array.map_array(do_order, *columns)
        finally:
            if before is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = before
        self._arrays[folder] = jobs
        return jobs

    def resources(self, task: Task) -> Resources:
        """What a task is given, with nothing left open but memory and time."""
        asked = resources_of(self.settings.resources, task.method)
        no_gpu = self.settings.local.device == "cpu" or task.kind in READING
        devices = self.settings.local.devices
        gpus = 0.0 if no_gpu else float(devices) if asked.gpus is None else asked.gpus
        return asked.model_copy(update={"cpus": asked.cpus or devices, "gpus": gpus})

    def _order(self, task: Task, resources: Resources, overdue: str) -> Order:
        local, cores = self.settings.local, resources.cpus or 1
        order = order_of(task, self.store, local, cores, self._revision, overdue)
        return order.model_copy(update={"lifeline": True})

    def _look_at(self, one: _Submitted, agenda: Agenda, state: str) -> bool:
        """Read what a job has said since, and see to its end; False once it is over."""
        for event in one.file.read():
            if not self._heed(one, agenda, event):
                return False
        if state not in OVER:
            return True
        one.over_since = one.over_since or time.monotonic()
        if time.monotonic() - one.over_since < LATE_SECONDS[self.settings.options.cluster]:
            return True
        self._died(one, agenda, state)
        return False

    def _heed(self, one: _Submitted, agenda: Agenda, event: Event) -> bool:
        if isinstance(event, Started):
            one.begun = time.monotonic()
            self.display.started(one.task)
        elif isinstance(event, Progress):
            self.display.progressed(one.task, event)
        elif event.how == "interrupted":
            self._again(one, agenda, "Slurm took the machine back", ADVICE["TIMEOUT"])
        else:
            conclude(agenda, one.task, event, time.monotonic() - (one.begun or time.monotonic()))
        return not isinstance(event, Ended)

    def _died(self, one: _Submitted, agenda: Agenda, state: str) -> None:
        """A job is over and has not said how: submit it again where that is the cluster's fault."""
        task = one.task
        reason = f"job {one.job.job_id} ended without a word in state {state}"
        if state in FAULTS:
            self._again(one, agenda, reason, "the nodes are not to be relied on")
            return
        folder = one.job.paths.folder
        self._of_interest.add(folder)
        self._fail(task, agenda, reason, ADVICE.get(state, f"see its output in {folder}"))

    def _again(self, one: _Submitted, agenda: Agenda, reason: str, advice: str) -> None:
        """Submit a task again that is not to blame, unless that has befallen it too often."""
        task = one.task
        self._faults[task.id] += 1
        if self._faults[task.id] > self.settings.options.retries:
            times = f"{reason}, for the {self._faults[task.id]}. time"
            self._fail(task, agenda, times, advice)
            return
        self.display.told(f"{task.title}: {reason}, submitted again")
        agenda.put_back(task)

    def _fail(self, task: Task, agenda: Agenda, reason: str, advice: str) -> None:
        sentence = f"{reason}: {advice}"
        agenda.fail(task, Failure(sentence=sentence, type="JobFault", fault="machine"))

    def _are_over(self, jobs: list[Any]) -> bool:
        states = self._states(jobs)
        return states is not None and OVER.issuperset(states.values())

    def _tidy(self) -> None:
        """Remove what submitit has kept of jobs whose logs nobody needs."""
        patience = time.monotonic() + END_SECONDS
        for folder, jobs in self._arrays.items():
            # They have said that they are done a moment before they are.
            while not self._are_over(jobs) and time.monotonic() < patience:
                time.sleep(POLL_SECONDS["local"])
            if folder not in self._of_interest:
                shutil.rmtree(folder, ignore_errors=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()
