"""The engine `slurm` against jobs that end as they are told to, and what Slurm is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmark.engines import slurm
from benchmark.engines.base import Silent
from benchmark.engines.job_files import JobFile
from benchmark.engines.job_states import GONE, OVER, local_states, slurm_states
from benchmark.engines.launching import started
from benchmark.engines.local_settings import LocalSettings
from benchmark.engines.options import Resources, SlurmOptions
from benchmark.engines.slurm import SlurmEngine, SlurmSettings
from benchmark.engines.slurm_jobs import executor, parameters
from benchmark.errors import UsageError
from benchmark.progress import Progress
from benchmark.store import Store
from benchmark.tasks import Task
from tests.engines.test_ray import DONE, SPEC


def task(number: int, method: str = "ddpm") -> Task:
    spec = SPEC | {"method": {"name": method, "version": 1, "options": {}}}
    return Task(
        kind="pretrain", key=f"{number:016x}", title=f"task {number}", payload={"spec": spec}
    )


class Job:
    """A job that is over as soon as it is looked at."""

    def __init__(self, state: str, folder: Path) -> None:
        self.state, self.job_id, self.paths = state, f"7_{id(self)}", self
        self.folder = folder

    def cancel(self, check: bool = True) -> None:
        """There is nothing to cancel."""


class Queue:
    """Stands in for submitit: writes what each job is told to say, and ends it in a state."""

    def __init__(self, *endings: tuple[str, list[str]]) -> None:
        self.endings = list(endings)
        self.asked: list[dict[str, Any]] = []
        self.arrays: list[int] = []

    def __call__(self, folder: Path, cluster: str) -> Queue:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        return self

    def update_parameters(self, **asked: Any) -> None:
        """Keep them."""
        self.asked.append(asked)

    def map_array(
        self, _: Any, orders: list[str], files: list[str], limits: list[Any]
    ) -> list[Job]:
        """Run all at once."""
        self.arrays.append(len(orders))
        jobs = []
        for file in files:
            state, lines = self.endings.pop(0)
            Path(file).write_text("".join(f"{line}\n" for line in lines))
            jobs.append(Job(state, self.folder))
        return jobs


def run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    queue: Queue,
    *tasks: Task,
    resources: dict[str, Resources] | None = None,
) -> list[str]:
    """Why tasks failed."""
    monkeypatch.setattr(slurm, "executor", queue)
    monkeypatch.setattr(slurm, "STATES", {"slurm": local_states})
    monkeypatch.setattr(slurm, "POLL_SECONDS", {"slurm": 0.01, "local": 0.01})
    monkeypatch.setattr(slurm, "LATE_SECONDS", {"slurm": 0.05, "local": 0.0})
    settings = SlurmSettings(SlurmOptions(), resources or {}, LocalSettings(1, 1, device="cpu"))
    outcome = SlurmEngine(Store(tmp_path), settings, Silent()).run(tasks)
    assert len(outcome.done) + len(outcome.failed) == len(tasks)
    return [failure.sentence for _, failure in outcome.failed]


WELL = ("COMPLETED", [started("node"), DONE])


def test_tasks_of_one_size_are_one_array_and_nothing_of_them_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = Queue(WELL, WELL, WELL)
    resources = {"simclr": Resources(memory_gb=16, minutes=30)}
    tasks = (task(1), task(2, "simclr"), task(3))
    assert run(tmp_path, monkeypatch, queue, *tasks, resources=resources) == []
    assert sorted(queue.arrays) == [1, 2]
    told = {asked["timeout_min"]: asked.get("mem_gb") for asked in queue.asked}
    assert told == {30: 16, 1440: None}
    assert not (tmp_path / "jobs").exists()


def test_a_job_that_is_preempted_is_submitted_again_and_one_out_of_time_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = Queue(("PREEMPTED", [started("node")]), WELL)
    assert run(tmp_path, monkeypatch, queue, task(1)) == []
    (sentence,) = run(tmp_path, monkeypatch, Queue(("TIMEOUT", [])), task(2))
    assert "in state TIMEOUT: raise resources.<method>.minutes" in sentence
    (sentence,) = run(tmp_path, monkeypatch, Queue(("CANCELLED", [])), task(3))
    assert "somebody has cancelled it" in sentence


def test_a_job_that_slurm_interrupts_goes_on_in_another_until_that_was_too_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = ("COMPLETED", [started("node"), json.dumps({"event": "interrupted"})])
    assert run(tmp_path, monkeypatch, Queue(left, left, WELL), task(1)) == []
    (sentence,) = run(tmp_path, monkeypatch, Queue(*[left] * 4), task(2))
    assert "took the machine back, for the 4. time: raise resources" in sentence


def test_a_job_that_is_preempted_for_ever_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = Queue(*[("NODE_FAIL", list[str]())] * 4)
    (sentence,) = run(tmp_path, monkeypatch, queue, task(1))
    assert "in state NODE_FAIL" in sentence
    assert queue.endings == []


def test_the_file_of_a_job_is_read_line_by_line_as_it_grows(tmp_path: Path) -> None:
    file = JobFile.fresh(tmp_path, task(1))
    assert list(file.read()) == []
    line = json.dumps({"event": "progress", "stage": "pretrain", "step": 1, "steps": 2, "loss": 0})
    file.path.write_text(line[:9])
    assert list(file.read()) == []
    file.path.write_text(line + "\n" + line[:5])
    assert list(file.read()) == [Progress("pretrain", 1, 2, 0)]
    assert list(file.read()) == []
    assert JobFile.fresh(tmp_path, task(1)).path != file.path


def test_slurm_is_asked_for_what_the_settings_say() -> None:
    options = SlurmOptions(partition="gpu", account="lab", at_once=8)
    told = parameters(Resources(cpus=4, gpus=2, memory_gb=16, minutes=30), options)
    assert told == {
        "name": "landmarks",
        "tasks_per_node": 1,
        "cpus_per_task": 4,
        "gpus_per_node": 2,
        "mem_gb": 16,
        "timeout_min": 30,
        "slurm_partition": "gpu",
        "slurm_account": "lab",
        "slurm_array_parallelism": 8,
    }
    by_name = parameters(Resources(gpus=1), SlurmOptions(gres="gpu:a100:1"))
    assert by_name["slurm_gres"] == "gpu:a100:1"
    assert "gpus_per_node" not in by_name
    with pytest.raises(UsageError, match="Slurm gives whole ones"):
        parameters(Resources(gpus=0.5), options)


def test_a_machine_without_slurm_is_told_how_to_try_things_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"no Slurm on this machine .*slurm\.cluster=local"):
        executor(tmp_path, "slurm")


@pytest.mark.parametrize(
    ("answer", "status"), [("7_1 RUNNING\n7_2 TIMEOUT\n9 PENDING\n", 0), ("", 1)]
)
def test_the_queue_is_asked_once_for_all_jobs_and_may_be_too_busy_to_answer(
    answer: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "squeue"
    program.write_text(f"#!/bin/sh\nprintf '{answer}'\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    jobs = [Job("", tmp_path) for _ in range(3)]
    for job, name in zip(jobs, ("7_1", "7_2", "8"), strict=True):
        job.job_id = name
    states = slurm_states(jobs)
    if status:
        assert states is None
    else:
        assert states == {"7_1": "RUNNING", "7_2": "TIMEOUT", "8": GONE}
        assert [state in OVER for state in states.values()] == [False, True, True]
