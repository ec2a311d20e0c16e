"""Runs that meet on one store, are interrupted, or sleep while they hold work."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmark.checkpoints import load_state
from benchmark.engines.agenda import Agenda
from benchmark.engines.base import Silent
from benchmark.engines.interrupting import Interrupting
from benchmark.engines.local import LocalEngine
from benchmark.engines.local_settings import local_settings
from benchmark.store import Store
from benchmark.tasks import Task
from tests.engines.test_agenda import cell, finish

if TYPE_CHECKING:
    from tests.conftest import CommandLine

pytestmark = pytest.mark.slow
PATIENCE = 300.0


@contextmanager
def running(
    command_line: CommandLine, output: Path, *arguments: str
) -> Iterator[subprocess.Popen[str]]:
    """A tiny run of the control in a process group of its own; ended with the context."""
    common = ["--preset", str(command_line.tiny), "--datasets", command_line.phantom]
    common += ["--methods", "scratch", "--device", "cpu", "--reports", "none"]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmark", "run", *common, "--output", str(output), *arguments],
        cwd=command_line.tiny.parents[2],
        env=os.environ | {"COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def told(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=PATIENCE)[0]


def wait_for_training(store: Store, step: int = 1) -> None:
    """Wait until somebody says that a fine-tuning has come to a step."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for holder in store.leases.holders().values():
            match = re.match(r"fine-tune (\d+)/", holder.latest)
            if match is not None and int(match[1]) >= step:
                return
        time.sleep(0.05)
    pytest.fail("nothing was trained")


def test_two_runs_that_start_together_do_each_cell_once_between_them(
    command_line: CommandLine, tmp_path: Path
) -> None:
    asked = ("--shots", "3,5", "--seeds", "2", "--workers", "1")
    with (
        running(command_line, tmp_path, *asked) as first,
        running(command_line, tmp_path, *asked) as second,
    ):
        texts = [told(first), told(second)]
    for text in texts:
        assert "4 of 4 cells done" in text, text
    own = re.compile(r"^done +(?:prepare )?(phantom.*) in ", re.MULTILINE)
    done = [line for text in texts for line in own.findall(text)]
    assert len(done) == len(set(done)) == 5, "four cells and a dataset, each once"
    assert len([c for c in Store(tmp_path).cells() if c.status == "done"]) == 4
    assert list((tmp_path / "leases").iterdir()) == []
    assert first.returncode == second.returncode == 0


def test_work_that_another_run_ends_just_before_a_worker_begins_is_the_other_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, task = Store(tmp_path), cell("a")
    finish(store, "a")
    looks: list[Task] = []

    def settle(agenda: Agenda, asked: Task) -> bool:
        looks.append(asked)
        return len(looks) > 1 and settled(agenda, asked)

    settled = Agenda.settle
    monkeypatch.setattr(Agenda, "settle", settle)
    outcome = LocalEngine(store, local_settings(1, 1, "cpu"), Silent()).run((task,))
    assert (outcome.done, outcome.elsewhere, outcome.failed) == ([], [task], [])
    assert outcome.busy_seconds > 0, "a worker was begun"


def test_ctrl_c_finishes_the_checkpoint_and_leaves(
    command_line: CommandLine, tmp_path: Path
) -> None:
    long = ("--set", "protocol.steps=100000", "--set", "lease_seconds=3", "--shots", "5")
    with running(command_line, tmp_path, *long) as process:
        wait_for_training(Store(tmp_path), step=5)
        assert not (tmp_path / "checkpoints").exists(), "the first one is a minute away"
        os.killpg(process.pid, signal.SIGINT)  # As a terminal does it.
        text = told(process)
    assert process.returncode == 130, text
    assert "interrupted: finishing checkpoints; once more leaves at once" in text
    assert "interrupted: what is finished is kept; run again to go on" in text
    (checkpoint,) = (tmp_path / "checkpoints").iterdir()
    assert load_state(checkpoint)["step"] >= 5
    assert Store(tmp_path).cells() == []
    assert Store(tmp_path).leases.holders() == {}
    assert [path for path in tmp_path.rglob("*") if path.name.startswith(".")] == []


def test_a_second_ctrl_c_leaves_at_once() -> None:
    with Interrupting(Silent()) as interrupting:
        before = interrupting.asked
        os.kill(os.getpid(), signal.SIGINT)
        assert (before, interrupting.asked) == (False, True)
        assert not interrupting.overdue
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_run_that_sleeps_longer_than_its_lease_writes_nothing_when_it_wakes(
    command_line: CommandLine, tmp_path: Path
) -> None:
    settings = ("protocol.steps=80", "lease_seconds=2", "checkpoint_seconds=0")
    asked = ("--shots", "5", "--workers", "1", *(f"--set={setting}" for setting in settings))
    store = Store(tmp_path)
    with running(command_line, tmp_path, *asked) as sleeper:
        wait_for_training(store)
        os.killpg(sleeper.pid, signal.SIGSTOP)
        with running(command_line, tmp_path, *asked) as other:
            text = told(other)
            assert other.returncode == 0, text
            assert "another run is at it" in text
        (path,) = tmp_path.glob("cells/*/cell.json")
        before = path.stat()
        os.killpg(sleeper.pid, signal.SIGCONT)
        text = told(sleeper)
    assert sleeper.returncode == 0, text
    assert "1 of 1 cells done, 1 by another run" in text
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [record.status for record in store.cells()] == ["done"]
    left = [p for p in tmp_path.rglob("*") if p.name.startswith(".")]
    left += list((tmp_path / "leases").iterdir()) + list((tmp_path / "checkpoints").iterdir())
    assert left == []
