"""Processes that take turns: who is told when, what is heard, and what becomes of a failure."""

import sys
import time
from pathlib import Path

import pytest

from benchmarks.turns import Contestant, ContestantError, Ratio, Speed, Turns, take_turns

HERE = f"{Path(__file__).stem}"


@pytest.fixture(autouse=True)
def _this_file_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Path(__file__).resolve().parents[2]
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent}:{repository}")


def write_a_line(turns: Turns, *, book: str, line: str, items: int = 1) -> None:
    """A contestant that does nothing but say when it was its turn."""
    print("a library talks on standard output", flush=True)
    turns.ready(name=line)
    while True:
        turns.begin()
        with Path(book).open("a", encoding="utf-8") as file:
            file.write(line)
        turns.done(items, line=line)


def fall(turns: Turns, *, after: int) -> None:
    """A contestant that ends after some turns; -1: before the first."""
    if after < 0:
        raise RuntimeError("no such library")
    turns.ready()
    for _ in range(after):
        turns.begin()
        turns.done(1)
    turns.begin()
    sys.exit("out of memory")


def repeat(turns: Turns, *, name: str) -> None:
    """A contestant that has to know what the first one is called."""
    turns.ready(heard=name)
    while True:
        turns.begin()
        time.sleep(0.01)
        turns.done(10)


def writer(name: str, book: Path) -> Contestant:
    return Contestant(name, f"{HERE}:write_a_line", {"book": str(book), "line": name})


def test_all_work_in_turn_and_the_first_round_is_not_counted(tmp_path: Path) -> None:
    book = tmp_path / "book"
    speeds = take_turns([writer("a", book), writer("b", book)], rounds=2, threads=1)
    assert book.read_text(encoding="utf-8") == "ababab"
    for name in "ab":
        speed = speeds[name]
        assert isinstance(speed, Speed)
        assert len(speed.seconds) == 2
        assert speed.facts["line"] == name


def test_a_contestant_is_told_what_it_has_to_equal_and_seconds_are_of_an_item(
    tmp_path: Path,
) -> None:
    follower = Contestant("follower", f"{HERE}:repeat", told=("name",))
    speeds = take_turns([writer("first", tmp_path / "book"), follower], rounds=1, threads=1)
    speed = speeds["follower"]
    assert isinstance(speed, Speed)
    assert speed.facts["heard"] == "first"
    assert 0.001 <= speed.median < 0.01


@pytest.mark.parametrize(("after", "reason"), [(-1, "no such library"), (1, "out of memory")])
def test_one_that_fails_says_why_and_the_others_go_on(
    tmp_path: Path, after: int, reason: str
) -> None:
    failing = Contestant("failing", f"{HERE}:fall", {"after": after})
    speeds = take_turns([failing, writer("b", tmp_path / "book")], rounds=2, threads=1)
    assert isinstance(speeds["failing"], ContestantError)
    assert reason in str(speeds["failing"])
    assert isinstance(speeds["b"], Speed)


def test_without_the_first_there_is_nothing_to_equal() -> None:
    failing = Contestant("failing", f"{HERE}:fall", {"after": -1})
    follower = Contestant("follower", f"{HERE}:repeat", told=("name",))
    speeds = take_turns([failing, follower], rounds=1, threads=1)
    assert "nothing to compare" in str(speeds["follower"])


def test_the_ratio_is_of_neighbours_in_time() -> None:
    # The machine became slower and faster again; the medians' ratio would be 3.
    slow, fast = Speed((2.0, 40.0, 30.0), {}), Speed((1.0, 20.0, 10.0), {})
    assert Ratio.of(slow, fast) == Ratio(median=2.0, low=2.0, high=3.0)
