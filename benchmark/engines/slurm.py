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
from benchmark.engines.launching import Ended, Event, Started, conclude, import_path
from benchmark.engines.local import LocalSettings
from benchmark.engines.options import Resources, SlurmOptions, resources_of
from benchmark.environment import cores, git_revision
from benchmark.errors import UsageError
from benchmark.progress import Progress
from benchmark.schema import Failure
from benchmark.store import Store
from benchmark.tasks import READING, Task
from benchmark.worker import Order

# Slurm refuses longer arrays unless it is told otherwise (MaxArraySize).
MOST_IN_ARRAY = 1000
DAY_MINUTES = 24 * 60
# How often the queue is looked at; Slurm's masters do not like to be asked more often.
POLL_SECONDS = {"slurm": 5.0, "local": 0.5}
# A network file system may show what a job has written some time after the job has ended.
LATE_SECONDS = {"slurm": 30.0, "local": 0.0}
# How long the end of a run waits for the processes of jobs that are done.
END_SECONDS = 10.0
# The cluster's fault, after which the same job may end well.
FAULTS = ("NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REQUEUED", "REVOKED")
ADVICE = {
    "TIMEOUT": "raise resources.<method>.minutes; a pretraining goes on from its checkpoint",
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
                for one in list(submitted):
                    if not self._look_at(one, agenda):
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
        local = self.settings.local
        return Order(
            task=task,
            store=self.store.root.resolve(),
            device=local.device,
            precision=local.precision,
            threads=max(1, (resources.cpus or 1) // local.devices),
            plugins=tuple(path.resolve() for path in local.plugins),
            git_revision=self._revision,
            checkpoint_seconds=local.checkpoint_seconds,
            lease_seconds=self.store.leases.seconds,
            overdue=overdue,
            devices=local.devices,
            lifeline=True,
        )

    def _look_at(self, one: _Submitted, agenda: Agenda) -> bool:
        """Read what a job has said since, and see to its end; False once it is over."""
        over = one.job.done()
        for event in one.file.read():
            if not self._heed(one, agenda, event):
                return False
        if not over:
            return True
        one.over_since = one.over_since or time.monotonic()
        if time.monotonic() - one.over_since < LATE_SECONDS[self.settings.options.cluster]:
            return True
        self._died(one, agenda)
        return False

    def _heed(self, one: _Submitted, agenda: Agenda, event: Event) -> bool:
        if isinstance(event, Started):
            one.begun = time.monotonic()
            self.display.started(one.task)
        elif isinstance(event, Progress):
            self.display.progressed(one.task, event)
        else:
            conclude(agenda, one.task, event, time.monotonic() - (one.begun or time.monotonic()))
        return not isinstance(event, Ended)

    def _died(self, one: _Submitted, agenda: Agenda) -> None:
        """A job is over and has not said how: submit it again where that is the cluster's fault."""
        task, state = one.task, one.job.state.split()[0]
        reason = f"job {one.job.job_id} ended without a word in state {state}"
        if state in FAULTS and self._faults[task.id] < self.settings.options.retries:
            self._faults[task.id] += 1
            self.display.told(f"{task.title}: {reason}, submitted again")
            agenda.put_back(task)
            return
        folder = one.job.paths.folder
        self._of_interest.add(folder)
        hint = ADVICE.get(state, f"see its output in {folder}")
        sentence = f"{reason}: {hint}"
        agenda.fail(task, Failure(sentence=sentence, type="JobFault", fault="machine"))

    def _tidy(self) -> None:
        """Remove what submitit has kept of jobs whose logs nobody needs."""
        patience = time.monotonic() + END_SECONDS
        for folder, jobs in self._arrays.items():
            # They have said that they are done a moment before they are.
            while not all(job.done() for job in jobs) and time.monotonic() < patience:
                time.sleep(POLL_SECONDS["local"])
            if folder not in self._of_interest:
                shutil.rmtree(folder, ignore_errors=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def executor(folder: Path, cluster: str) -> Any:
    """submitit's executor.

    Raises:
        UsageError: submitit is not installed, or there is no Slurm.
    """
    try:
        import submitit
    except ImportError as error:
        raise UsageError(
            "--engine slurm needs submitit: pip install 'fewshot-landmark-benchmark[slurm]'"
        ) from error
    try:
        return submitit.AutoExecutor(folder=folder, cluster=cluster)
    except RuntimeError as error:
        raise UsageError(
            f"--engine slurm: there is no Slurm on this machine ({error}); give the command on a "
            "login node, or try things out with --set slurm.cluster=local"
        ) from error


def parameters(resources: Resources, options: SlurmOptions) -> dict[str, Any]:
    """What submitit is told; names that it passes on to Slurm carry its prefix."""
    gpus = resources.gpus or 0.0
    if gpus != int(gpus):
        raise UsageError(
            f"resources: {gpus:g} GPUs: Slurm gives whole ones; shares are for --engine ray"
        )
    told: dict[str, Any] = {
        "name": "landmarks",
        "tasks_per_node": 1,
        "cpus_per_task": resources.cpus or 1,
        "timeout_min": resources.minutes or DAY_MINUTES,
    }
    if resources.memory_gb is not None:
        told["mem_gb"] = resources.memory_gb
    if options.cluster == "local":
        told["gpus_per_node"] = int(gpus)
        return told
    if options.gres is None and gpus:
        told["gpus_per_node"] = int(gpus)
    told["slurm_array_parallelism"] = options.at_once
    for name in ("partition", "account", "qos", "constraint"):
        value = getattr(options, name)
        if value is not None:
            told[f"slurm_{name}"] = value
    if options.gres is not None and gpus:
        told["slurm_gres"] = options.gres
    return told
