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
from benchmark.tasks import Task, imports_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")


@pytest.fixture(autouse=True)
def none_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines here start a process of their own, as they do outside of tests."""
    monkeypatch.setattr(zygote, "_waiting", None)


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


def test_engines_share_one_process_where_it_is_kept_and_the_environment_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = started(monkeypatch)
    with zygote.kept():
        run(tmp_path, "a")
        monkeypatch.setenv("COLUMNS", "77")
        run(tmp_path, "b")
        assert modules.count("benchmark.engines.zygote") == 1
        monkeypatch.setenv("OMP_PROC_BIND", "close")
        run(tmp_path, "c")
    run(tmp_path, "d")
    assert modules.count("benchmark.engines.zygote") == 3


def loaded(parent: Zygote, modules: tuple[str, ...]) -> str:
    """The files that a worker has in memory which waits for its order."""
    worker = parent.fork({}, modules)
    maps = Path(f"/proc/{worker.pid}/maps").read_text()
    worker.kill()
    worker.wait()
    for pipe in (worker.stdin, worker.stdout):
        pipe.close()
    return maps


def test_a_worker_that_prepares_images_is_forked_without_torch() -> None:
    made = Zygote(os.environ)
    try:
        reading = Task(kind="prepare", key="a", title="")
        assert "libtorch" not in loaded(made, imports_of((reading,)))
        assert "libtorch" in loaded(made, ("torch",))
    finally:
        made.close()


def test_networks_that_no_task_trains_are_not_imported() -> None:
    def task(name: str) -> Task:
        return Task(kind="cell", key="a", title="", payload={"spec": {"backbone": {"name": name}}})

    reading = Task(kind="prepare", key="b", title="", payload={"spec": {"name": "hand"}})
    unet, timm = "benchmark.backbones.unet", "benchmark.backbones.timm_unet"
    assert not [name for name in imports_of((reading,)) if "backbones" in name or "cell" in name]
    assert {unet} == {unet, timm} & set(imports_of((reading, task("unet"))))
    assert {timm} == {unet, timm} & set(imports_of((task("timm/resnet10t"),)))
    assert {unet, timm} <= set(imports_of((task("unet"), task("timm/resnet18"))))


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
    def dead(_: Zygote, *__: Any) -> None:
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
