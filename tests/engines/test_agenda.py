"""What becomes of tasks: the machine's faults are tried again, the methods' are not."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from benchmark.engines.agenda import KILLED, MOST_ATTEMPTS, Agenda
from benchmark.engines.base import Silent
from benchmark.engines.limits import available_share, death
from benchmark.failures import record_failure
from benchmark.files import write_record
from benchmark.schema import CellLabels, CellRecord, Failure
from benchmark.store import Store
from benchmark.tasks import Task

LABELS = CellLabels(dataset="d", method="m", title="M", backbone="unet", shots=5, seed=0)


def cell(key: str, cost: float = 1.0, needs: tuple[str, ...] = ()) -> Task:
    payload = {
        "spec": {},
        "labels": LABELS.model_dump(mode="json"),
        "preset": "quick",
        "attempts": 1,
    }
    return Task(kind="cell", key=key, title=key, cost=cost, needs=needs, payload=payload)


class Notes(Silent):
    """Keeps what the user is told."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def told(self, sentence: str) -> None:
        self.sentences.append(sentence)


def finish(store: Store, key: str) -> None:
    with store.folder("cells", key) as folder:
        record = CellRecord(key=key, status="done", spec={}, labels=LABELS)
        write_record(folder / "cell.json", record)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits before looking again."""
    monkeypatch.setattr("benchmark.engines.agenda._LOOK_SECONDS", 0.0)


@pytest.mark.usefixtures("at_once")
def test_what_the_machine_kills_is_tried_again_and_the_last_attempt_is_alone(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    agenda = Agenda(store, (cell("a", cost=3), cell("b"), cell("c")), Notes())
    killed = death(-signal.SIGKILL)
    assert killed.type == KILLED
    for attempt in range(1, MOST_ATTEMPTS):
        task = agenda.ready()[0]
        assert (task.key, task.payload["attempts"]) == ("a", attempt)
        agenda.start(task)
        agenda.fail(task, killed)
        assert agenda.outcome.failed == []
    assert [task.key for task in agenda.ready()] == ["b", "c"], "others first"
    for task in agenda.ready():
        agenda.start(task)
    assert agenda.ready() == [], "the last attempt waits until it is alone"
    agenda.done(cell("b"), 1.0)
    agenda.done(cell("c"), 1.0)
    (last,) = agenda.ready()
    assert last.payload["attempts"] == MOST_ATTEMPTS
    agenda.start(last)
    agenda.fail(last, killed)
    assert len(agenda) == 0
    record = store.cell("a")
    assert record is not None
    assert record.attempts == MOST_ATTEMPTS
    assert record.error is not None
    assert record.error.fault == "machine"


@pytest.mark.parametrize("failure", [Failure(sentence="x", fault="method"), death(7), death(-11)])
def test_what_the_method_has_done_is_not_tried_again(tmp_path: Path, failure: Failure) -> None:
    assert failure.fault == "method"
    agenda = Agenda(Store(tmp_path), (cell("a"), cell("b", needs=("cell/a",))), Notes())
    (task,) = agenda.ready()
    agenda.start(task)
    agenda.fail(task, failure)
    assert len(agenda) == 0
    assert [t.key for t, _ in agenda.outcome.failed] == ["a", "b"]


def test_a_worker_that_died_after_it_had_finished_has_finished(tmp_path: Path) -> None:
    store = Store(tmp_path)
    agenda = Agenda(store, (cell("a"),), Notes())
    (task,) = agenda.ready()
    agenda.start(task)
    finish(store, "a")
    agenda.fail(task, death(7))
    assert [t.key for t in agenda.outcome.done] == ["a"]
    assert agenda.outcome.failed == []


@pytest.mark.usefixtures("at_once")
def test_work_of_another_run_is_waited_for_and_then_counted_as_done_elsewhere(
    tmp_path: Path,
) -> None:
    store, other, notes = Store(tmp_path), Store(tmp_path), Notes()
    agenda = Agenda(store, (cell("a"), cell("b", needs=("cell/a",))), notes)
    with other.working("cells", "a", "the work") as theirs:
        assert theirs
        assert agenda.ready() == agenda.ready() == []
        finish(other, "a")
    assert len(notes.sentences) == 1
    assert "another run is at it" in notes.sentences[0]
    (task,) = agenda.ready()
    assert agenda.settle(task)
    assert [t.key for t in agenda.outcome.elsewhere] == ["a"]
    assert [t.key for t in agenda.ready()] == ["b"]


def test_a_failure_of_another_run_is_taken_over_and_an_older_one_is_not(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record_failure(store, cell("a"), Failure(sentence="before this run", fault="machine"))
    agenda = Agenda(store, (cell("a"),), Notes())
    (task,) = agenda.ready()
    assert not agenda.settle(task), "it is tried again"
    record_failure(Store(tmp_path), cell("a"), Failure(sentence="meanwhile", fault="method"))
    assert agenda.settle(task)
    assert [f.sentence for _, f in agenda.outcome.failed] == ["meanwhile"]


def test_a_store_that_cannot_be_written_stops_the_run_and_blames_no_task(tmp_path: Path) -> None:
    agenda = Agenda(Store(tmp_path), (cell("a"), cell("b")), Notes())
    task = agenda.ready()[0]
    agenda.start(task)
    agenda.unwritable(task, Failure(sentence="the disk is full", fault="machine"))
    assert len(agenda) == 0
    assert agenda.ready() == []
    assert agenda.outcome.failed == []
    assert [f.sentence for f in agenda.outcome.bad_input] == ["the disk is full"]


def test_the_memory_that_is_left_is_the_lesser_of_machine_and_container(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 500 kB\n")
    assert available_share(meminfo, tmp_path) == 0.5
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("900\n")
    (tmp_path / "memory.stat").write_text("anon 700\ninactive_file 100\n")
    assert available_share(meminfo, tmp_path) == pytest.approx(0.2)
    (tmp_path / "memory.max").write_text("max\n")
    assert available_share(meminfo, tmp_path) == 0.5
    assert available_share(tmp_path / "none", tmp_path) is None
