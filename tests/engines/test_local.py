"""The local engine: one failing cell does not stop the rest, and its reason is kept."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import torch
from rich.console import Console

from benchmark.display import PlainDisplay
from benchmark.engines.gpus import workers_on_gpu
from benchmark.engines.limits import Limits
from benchmark.engines.local import LocalEngine
from benchmark.engines.local_settings import LocalSettings
from benchmark.engines.zygote import SWITCH
from benchmark.files import file_sha256
from benchmark.store import Store
from benchmark.tasks import Task
from benchmark.worker import Order, _machine

if TYPE_CHECKING:
    from tests.conftest import CommandLine

PLUGIN = '''
"""Methods that go wrong."""

import os

from benchmark.plugins import Method


class Raises(Method):
    """Raises in pretraining."""

    name = "raises"
    title = "Raises"
    family = "other"
    citation = "none"
    trains = frozenset({"encoder"})
    pretraining_data = "pool"

    def pretrain(self, backbone, images, trainer):
        raise ValueError("a bolt came loose")


class Dies(Raises):
    """Takes the whole process along."""

    name = "dies"
    title = "Dies"

    def pretrain(self, backbone, images, trainer):
        print("last words")
        os._exit(7)


class Diverges(Raises):
    """Has a loss that is no number."""

    name = "diverges"
    title = "Diverges"

    def pretrain(self, backbone, images, trainer):
        trainer.fit(lambda batch: backbone.embed(batch).sum() * float("nan"), [backbone], images)


class Oversteps(Raises):
    """Changes a part that it does not declare."""

    name = "oversteps"
    title = "Oversteps"

    def pretrain(self, backbone, images, trainer):
        trainer.fit(lambda batch: (backbone(batch) ** 2).mean(), [backbone], images)


class Overwrites(Raises):
    """Writes over the work of others, and swallows what it is told."""

    name = "overwrites"
    title = "Overwrites"

    def pretrain(self, backbone, images, trainer):
        store = trainer.folder.parent.parent
        for path in store.glob("datasets/*/dataset.json"):
            try:
                path.write_text("mine")
            except Exception:
                pass
        trainer.fit(lambda batch: (backbone.embed(batch) ** 2).mean(), [backbone], images)


class Eats(Raises):
    """Takes memory until there is none."""

    name = "eats"
    title = "Eats"

    def pretrain(self, backbone, images, trainer):
        import time

        eaten = []
        while True:
            eaten.append(bytearray(64 << 20))
            time.sleep(0.02)


class Prints(Raises):
    """Prints a gigabyte, and works."""

    name = "prints"
    title = "Prints"

    def pretrain(self, backbone, images, trainer):
        line = "x" * 1_000_000
        for _ in range(1000):
            print(line)
        print("the last line")
        trainer.fit(lambda batch: (backbone.embed(batch) ** 2).mean(), [backbone], images)
'''

# Stands in for a worker: keeps what it was told under the key of its task, and is done.
OBEDIENT = """
import json, pathlib, sys
order = json.loads(sys.stdin.readline())
told = json.dumps([order["workers"], order["gpu_workers"]])
pathlib.Path(sys.argv[1], order["task"]["key"]).write_text(told)
print(json.dumps({"event": "done"}))
"""


REASONS = {
    "raises": "ValueError: a bolt came loose",
    "dies": "exit status 7",
    "diverges": "nan at step 1",
    "oversteps": "changed the decoder",
    "overwrites": "a method may write into trainer.folder, and nowhere else in it",
    "eats": "more than --memory-limit 3 GB",
}


@pytest.fixture(scope="module")
def store(command_line: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A run of six methods that fail, of one that prints too much, and of the control."""
    folder = tmp_path_factory.mktemp("failing")
    plugin = folder / "wrong.py"
    plugin.write_text(PLUGIN)
    done = command_line.tiny_run(
        folder / "runs", "--plugin", plugin, "--methods", ",".join([*REASONS, "prints"]),
        "--memory-limit", "3", "--reports", "html",
    )  # fmt: skip
    assert done.returncode == 3, done.stdout + done.stderr
    assert "2 of 8 cells done, 6 failed" in done.stdout
    for reason in REASONS.values():
        assert reason in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    return Store(folder / "runs")


def test_the_healthy_cell_is_done(store: Store) -> None:
    status = {c.labels.method: c.status for c in store.cells()}
    assert status.pop("scratch") == "done"
    assert status.pop("prints") == "done"
    assert set(status.values()) == {"failed"}


@pytest.mark.parametrize(("method", "words"), REASONS.items())
def test_the_reason_is_in_the_cell_and_in_the_pretraining(
    store: Store, method: str, words: str
) -> None:
    cell = next(c for c in store.cells() if c.labels.method == method)
    assert cell.error is not None
    assert words in cell.error.sentence
    assert words in _error(store.root / "cells" / cell.key)
    assert words in (store.root / "report.html").read_text()
    record = next(p for p in store.pretrainings() if p.method == method)
    assert record.status == "failed"
    assert record.error is not None
    assert words in record.error.sentence


def test_the_traceback_is_kept_for_the_author_of_the_method(store: Store) -> None:
    folder = next(p for p in (store.root / "pretrained").iterdir() if "bolt" in _error(p))
    assert "in pretrain" in _error(folder)


def test_workers_are_told_how_many_share_the_machine_and_their_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = (
        Task(kind="prepare", key="data", title="first, alone"),
        Task(kind="cell", key="a", title="the longest", needs=("prepare/data",), cost=4),
        Task(kind="cell", key="b", title="beside a", needs=("prepare/data",), cost=3),
        Task(kind="cell", key="c", title="beside a, b", needs=("prepare/data",), cost=2),
        Task(kind="cell", key="d", title="last, alone", needs=("cell/a", "cell/b", "cell/c")),
    )
    display = PlainDisplay(Console(file=io.StringIO()), tasks, 5)
    engine = LocalEngine(Store(tmp_path), LocalSettings(5, 1, gpus=("0", "1")), display)
    start = subprocess.Popen

    def popen(_: list[str], **how: Any) -> subprocess.Popen[bytes]:
        return start([sys.executable, "-c", OBEDIENT, str(tmp_path)], **how)

    monkeypatch.setenv(SWITCH, "0")
    monkeypatch.setattr(subprocess, "Popen", popen)
    assert engine.run(tasks).failed == []
    told = {task.key: json.loads((tmp_path / task.key).read_text()) for task in tasks}
    assert told == {"data": [1, 1], "a": [3, 2], "b": [3, 1], "c": [3, 2], "d": [1, 1]}


# Stands in for a worker: says nothing, or begins and then says nothing more.
SLEEPER = """
import json, sys, time
order = json.loads(sys.stdin.readline())
if order["task"]["key"] == "begun":
    said = {"event": "progress", "stage": "pretrain", "step": 1, "steps": 9, "loss": 1.0}
    print(json.dumps(said), flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(seconds=1.5), "longer than --time-limit 1.5 s"),
        (Limits(silence=1.5), "showed no progress for 1.5 s"),
    ],
)
@pytest.mark.parametrize("key", ["silent", "begun"])
def test_a_worker_that_sleeps_for_ever_is_stopped_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: Limits, words: str, key: str
) -> None:
    tasks = (
        Task(kind="prepare", key=key, title="sleeps", cost=2),
        Task(kind="prepare", key="other", title="works"),
    )
    start = subprocess.Popen

    def popen(_: list[str], **how: Any) -> subprocess.Popen[bytes]:
        program = SLEEPER if not started else OBEDIENT
        started.append(program)
        # Without its site packages, so that the one that works does so within the limit.
        return start([sys.executable, "-S", "-c", program, str(tmp_path)], **how)

    started: list[str] = []
    display = PlainDisplay(Console(file=io.StringIO()), tasks, 1)
    engine = LocalEngine(Store(tmp_path), LocalSettings(1, 1, limits=limits), display)
    monkeypatch.setenv(SWITCH, "0")
    monkeypatch.setattr(subprocess, "Popen", popen)
    outcome = engine.run(tasks)
    ((task, failure),) = outcome.failed
    assert task.key == key
    assert words in failure.sentence
    assert failure.fault == "method"


def test_the_worker_knows_its_machine_as_it_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("set_num_threads", "use_deterministic_algorithms"):
        monkeypatch.setattr(torch, name, lambda *_, **__: None)
    order = Order(
        task=Task(kind="cell", key="a", title="a cell"),
        store=tmp_path,
        device="cpu",
        precision="float32",
        threads=1,
        workers=3,
        gpu_workers=2,
    )
    machine = _machine(order, Store(tmp_path), begun=time.perf_counter() - 2)
    assert (machine.workers, machine.gpu_workers) == (3, 2)
    assert machine.startup_seconds >= 2
    assert machine.environment in Store(tmp_path).environments()


@pytest.mark.parametrize(
    ("gpus", "busy", "shares"),
    [(0, 3, [1, 1, 1]), (1, 3, [3, 3, 3]), (2, 3, [2, 1, 2]), (4, 2, [1, 1])],
)
def test_slots_share_a_gpu_that_is_given_to_them_in_turn(
    gpus: int, busy: int, shares: list[int]
) -> None:
    assert [workers_on_gpu(slot, busy, gpus) for slot in range(busy)] == shares


def test_a_gigabyte_of_output_leaves_its_end_in_the_log(store: Store) -> None:
    record = next(p for p in store.pretrainings() if p.method == "prints")
    log = (store.root / "pretrained" / record.key / "log.txt").read_text()
    assert "the last line" in log
    assert "bytes before this are left out" in log
    assert len(log) < 200_000


def test_what_was_to_be_overwritten_is_as_it_was(store: Store) -> None:
    (dataset,) = store.datasets()
    for name, sha256 in dataset.files.items():
        assert file_sha256(store.root / "datasets" / dataset.key / name) == sha256


def test_only_retry_failed_tries_the_methods_again(command_line: CommandLine, store: Store) -> None:
    plugin = store.root.parent / "wrong.py"
    asked = ("--plugin", plugin, "--methods", "raises,prints")
    again = command_line.tiny_run(store.root, *asked)
    assert again.returncode == 3
    assert "to compute" not in again.stdout
    assert "1 failed, 1 of them before, which --retry failed tries again" in again.stdout
    dry = command_line.tiny_run(store.root, *asked, "--retry", "failed", "--dry-run")
    assert "To do: 1 cells, 1 pretrainings" in dry.stdout


def test_no_temporary_folder_remains(store: Store) -> None:
    assert list(store.root.rglob(".*")) == []


def _error(folder: Path) -> str:
    path = folder / "error.json"
    return path.read_text() if path.exists() else ""


def placed(running: dict[int, bool], fills: bool, gpus: int, workers: int) -> int | None:
    """The slot of a task beside tasks in slots, each of which fills its GPU or does not."""
    settings = LocalSettings(workers, 1, gpus=tuple(map(str, range(gpus))))
    engine = LocalEngine(Store(Path()), settings, PlainDisplay(Console(file=io.StringIO()), (), 1))

    def task(full: bool) -> Task:
        return Task(kind="cell", key="0" * 16, title="", fills_gpu=full)

    beside = [SimpleNamespace(slot=slot, task=task(full)) for slot, full in running.items()]
    return engine._place(task(fills), cast("Any", beside))


def test_a_task_that_fills_a_gpu_shares_it_with_none() -> None:
    assert placed({}, fills=True, gpus=2, workers=4) == 0
    assert placed({0: True}, fills=True, gpus=2, workers=4) == 1
    assert placed({0: True, 1: False}, fills=True, gpus=2, workers=4) is None
    assert placed({0: True, 1: True}, fills=False, gpus=2, workers=4) is None
    assert placed({0: False, 1: False}, fills=False, gpus=2, workers=4) == 2


def test_on_a_cpu_every_free_slot_will_do() -> None:
    assert placed({0: True}, fills=True, gpus=0, workers=2) == 1
    assert placed({0: True, 1: False}, fills=False, gpus=0, workers=2) is None
