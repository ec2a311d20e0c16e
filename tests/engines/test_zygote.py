"""Workers that are forked: processes of their own, which share nothing but what was imported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.engines import zygote
from benchmark.engines.base import Outcome, Silent
from benchmark.engines.local import LocalEngine
from benchmark.engines.local_settings import LocalSettings
from benchmark.engines.zygote import Zygote
from benchmark.store import Store
from benchmark.tasks import Task

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")


@pytest.fixture(scope="module")
def parent() -> Iterator[Zygote]:
    made = Zygote(os.environ)
    yield made
    made.close()


def test_a_worker_is_a_process_of_its_own_and_its_end_is_told(parent: Zygote) -> None:
    first, second = parent.fork({}), parent.fork({})
    assert len({first.pid, second.pid, os.getpid()}) == 3
    first.kill()
    assert first.wait() == -9
    # Standard input that is closed without an order is no order: the worker ends with an error.
    second.stdin.close()
    assert second.wait() == 1
    for pipe in (first.stdin, first.stdout, second.stdout):
        pipe.close()


def run(folder: Path, keys: str) -> Outcome:
    """Prepare small datasets, one task a key."""
    tasks = tuple(
        Task(kind="prepare", key=key * 16, title=key, payload={"spec": None}) for key in keys
    )
    return LocalEngine(Store(folder), LocalSettings(1, 1, device="cpu"), Silent()).run(tasks)


def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modules of all processes that are started from now on."""
    modules: list[str] = []
    start = subprocess.Popen

    def popen(arguments: list[str], *rest: Any, **how: Any) -> subprocess.Popen[bytes]:
        modules.extend(arguments[2:3])
        return start(arguments, *rest, **how)

    monkeypatch.setattr(subprocess, "Popen", popen)
    return modules


def test_several_tasks_share_the_imports_of_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = started(monkeypatch)
    assert len(run(tmp_path, "abc").failed) == 3
    assert [name for name in modules if name.startswith("benchmark")] == [
        "benchmark.engines.zygote"
    ]


def test_where_forking_is_turned_off_every_worker_is_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(zygote.SWITCH, "0")
    modules = started(monkeypatch)
    assert len(run(tmp_path, "ab").failed) == 2
    assert modules.count("benchmark.worker") == 2


def test_where_the_parent_of_workers_has_died_they_are_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead(_: Zygote, __: Any) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(Zygote, "fork", dead)
    modules = started(monkeypatch)
    (task, failure), *_ = run(tmp_path, "a").failed
    assert task.title == "a"
    # Not "WorkerDied": it was there, and said itself why it failed.
    assert failure.type == "KeyError"
    assert "benchmark.worker" in modules


def test_a_parent_that_was_killed_is_noticed() -> None:
    made = Zygote(os.environ)
    made.close()
    with pytest.raises(OSError):  # noqa: PT011  (a broken pipe or a closed connection)
        made.fork({})
