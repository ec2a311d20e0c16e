"""Leases: one holder at a time, whatever clocks say, and a holder that slept writes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmark.errors import LeaseLostError
from benchmark.files import write_record
from benchmark.leases import Lease, Leases
from benchmark.processes import is_dead, this_process
from benchmark.schema import CellLabels, CellRecord
from benchmark.store import Store

WORK = ("cells", "ab")
BRIEF = 0.3


def labels() -> CellLabels:
    return CellLabels(dataset="d", method="m", title="M", backbone="unet", shots=5, seed=0)


def publish(store: Store, text: str) -> None:
    with store.folder(*WORK) as folder:
        (folder / "text.txt").write_text(text)
        record = CellRecord(key="ab", status="done", spec={}, labels=labels())
        write_record(folder / "cell.json", record)


def published(root: Path) -> str:
    return (root / "cells" / "ab" / "text.txt").read_text()


def overdue(leases: Leases) -> str:
    """Watch a silent holder until its lease has run out; its token."""
    while leases.blocked(*WORK) is not None:
        time.sleep(0.02)
    holder = leases.holder(*WORK)
    assert holder is not None
    return holder.record.token


def test_a_second_process_waits_while_the_first_gives_signs(tmp_path: Path) -> None:
    first, second = Leases(tmp_path, BRIEF), Leases(tmp_path, BRIEF)
    lease = first.acquire(*WORK, "the work")
    assert lease is not None
    with lease:
        assert second.acquire(*WORK) is None
        until = time.monotonic() + 3 * BRIEF
        while time.monotonic() < until:
            blocking = second.blocked(*WORK)
            assert blocking is not None
            assert blocking.record.title == "the work"
            lease.sign()
            time.sleep(0.02)
    assert second.blocked(*WORK) is None
    assert second.acquire(*WORK) is not None


def test_of_many_that_ask_at_once_one_alone_gets_it(tmp_path: Path) -> None:
    for round_number in range(10):
        with ThreadPoolExecutor(8) as pool:
            key = f"{round_number}"
            got = pool.map(lambda _, key=key: Leases(tmp_path).acquire("cells", key), range(8))
            assert sum(lease is not None for lease in got) == 1


def test_of_many_that_take_over_a_silent_holder_one_alone_gets_it(tmp_path: Path) -> None:
    assert Leases(tmp_path, BRIEF).acquire(*WORK) is not None
    token = overdue(Leases(tmp_path, BRIEF))
    with ThreadPoolExecutor(8) as pool:
        got = pool.map(lambda _: Leases(tmp_path).acquire(*WORK, overdue=token), range(8))
        assert sum(lease is not None for lease in got) == 1


@pytest.mark.parametrize("shift", [-86400.0, 86400.0])
def test_a_clock_that_is_wrong_by_a_day_neither_loses_nor_keeps_a_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    now, passed = time.time(), 0.0
    monkeypatch.setattr(time, "time", lambda: now + shift)
    monkeypatch.setattr(time, "monotonic", lambda: passed)
    lease = Leases(tmp_path, 60).acquire(*WORK)
    assert lease is not None
    os.utime(lease.path, (now + shift, now + shift))
    other = Leases(tmp_path, 60)
    assert other.blocked(*WORK) is not None
    passed = 40.0
    # The holder's machine has its clock set back between two signs: the file looks older.
    os.utime(lease.path, (now + 2 * shift, now + 2 * shift))
    assert other.blocked(*WORK) is not None
    passed = 80.0
    assert other.blocked(*WORK) is not None, "the sign came 40 s ago"
    passed = 101.0
    assert other.blocked(*WORK) is None


def taken_over(tmp_path: Path) -> tuple[Store, Lease, Store]:
    """A holder that gave no sign for too long, and its store; the store of who took over."""
    asleep, awake = Store(tmp_path, BRIEF), Store(tmp_path, BRIEF)
    lease = asleep.leases.acquire(*WORK)
    assert lease is not None
    asleep.lease = lease
    return asleep, lease, awake


def test_a_holder_that_wakes_after_its_lease_was_taken_writes_nothing(tmp_path: Path) -> None:
    asleep, lease, awake = taken_over(tmp_path)
    with awake.working(*WORK, overdue=overdue(awake.leases)) as ours:
        assert ours
        assert not lease.held()
        with pytest.raises(LeaseLostError, match="gave no sign"):
            publish(asleep, "asleep")
        assert not (tmp_path / "cells" / "ab").exists()
        publish(awake, "awake")
    assert published(tmp_path) == "awake"
    with pytest.raises(LeaseLostError):
        publish(asleep, "asleep")
    assert published(tmp_path) == "awake"
    lease.give_back()
    assert list((tmp_path / "leases").iterdir()) == []


def test_a_holder_that_falls_asleep_between_its_last_look_and_the_rename_writes_nothing(
    tmp_path: Path,
) -> None:
    asleep, lease, awake = taken_over(tmp_path)
    look = lease.ensure_held

    def looks_and_sleeps() -> None:
        look()
        with awake.working(*WORK, overdue=overdue(awake.leases)) as ours:
            assert ours
            publish(awake, "awake")

    lease.ensure_held = looks_and_sleeps  # type: ignore[method-assign]
    with pytest.raises(LeaseLostError, match="was removed"):
        publish(asleep, "asleep")
    assert published(tmp_path) == "awake"


def test_finished_work_is_never_written_twice_even_without_a_lease(tmp_path: Path) -> None:
    publish(Store(tmp_path), "first")
    publish(Store(tmp_path), "second")
    assert published(tmp_path) == "first"
    assert [path.name for path in (tmp_path / "cells").iterdir()] == ["ab"]


def test_the_lease_of_a_dead_process_is_free_at_once(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from benchmark.leases import Leases; "
        "assert Leases(pathlib.Path(sys.argv[1])).acquire('cells', 'ab')"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    leases = Leases(tmp_path)
    holder = leases.holder(*WORK)
    assert holder is not None
    assert holder.dead
    assert leases.blocked(*WORK) is None
    lease = leases.acquire(*WORK)
    assert lease is not None
    assert lease.generation == 2
    lease.give_back()
    assert leases.holders() == {}


def test_leases_of_dead_processes_are_forgotten_and_others_kept(tmp_path: Path) -> None:
    leases = Leases(tmp_path)
    assert leases.acquire("cells", "alive") is not None
    dead = leases.acquire("cells", "dead")
    assert dead is not None
    text = dead.path.read_text()
    dead.path.write_text(text.replace(f"-{os.getpid()}-", "-999999999-"))
    leases.forget_dead()
    assert list(leases.holders()) == [("cells", "alive")]


def test_a_lease_whose_folder_vanishes_is_lost_and_says_so(tmp_path: Path) -> None:
    lease = Leases(tmp_path, BRIEF).acquire(*WORK)
    assert lease is not None
    lease.path.unlink()
    assert not lease.sign()
    with pytest.raises(LeaseLostError):
        lease.ensure_held()


def test_a_file_system_without_links_has_leases_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert Leases(tmp_path).acquire(*WORK) is not None
    assert Leases(tmp_path).acquire(*WORK) is None
    assert [path.name for path in (tmp_path / "leases").iterdir()] == ["cells-ab.1"]


def test_a_process_of_another_machine_is_never_called_dead() -> None:
    own = this_process()
    assert not is_dead(own)
    assert is_dead(own.rpartition("-")[0] + "-1"), "another process got its number"
    assert not is_dead("00000000-999999999-1")
    assert not is_dead("nonsense")
