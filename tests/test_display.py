"""Progress: the time left follows what tasks have really taken, and lines say what goes on."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from benchmark.display import (
    PlainDisplay,
    RichDisplay,
    TimeLeft,
    human_seconds,
    make_display,
    ranges,
)
from benchmark.progress import Progress
from benchmark.schema import Failure
from benchmark.tasks import Task


def tasks(count: int = 4, cost: float = 100.0) -> tuple[Task, ...]:
    return tuple(
        Task(kind="cell", key=f"{n:02d}", title=f"cell {n}", cost=cost) for n in range(count)
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59, "59 s"), (61, "1 min"), (3599, "60 min"), (3700, "1 h 02 min")],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert human_seconds(seconds) == text


def test_before_anything_is_done_the_costs_are_shared_among_the_workers() -> None:
    assert TimeLeft(tasks(), workers=2).seconds() == pytest.approx(200)
    assert TimeLeft(tasks(1), workers=2).seconds() == pytest.approx(100)


def test_work_that_takes_twice_its_cost_doubles_the_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    every = tasks()
    left = TimeLeft(every, workers=1)
    left.started(every[0])
    clock = 200.0
    left.ended(every[0])
    assert left.seconds() == pytest.approx(600)
    left.started(every[1])
    clock = 300.0
    left.progressed(every[1], Progress("fine-tune", 1, 2))
    assert left.seconds() == pytest.approx(500)


def test_what_an_earlier_run_had_done_makes_no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    every = tasks(2)
    left = TimeLeft(every, workers=1)
    left.started(every[0])
    clock = 10.0
    left.progressed(every[0], Progress("pretrain", 500, 1000))  # 55 of its 100 are done
    assert left.seconds() == pytest.approx(145)
    clock = 100.0
    left.progressed(every[0], Progress("pretrain", 1000, 1000))  # 45 took 90 seconds
    assert left.seconds() == pytest.approx(200)
    left.ended(every[0])
    assert left.seconds() == pytest.approx(200)


def test_lines_tell_stage_steps_loss_and_what_is_left() -> None:
    text = io.StringIO()
    first, second, *_ = every = tasks(2)
    display = make_display(Console(file=text, width=40), every, workers=1)
    assert isinstance(display, PlainDisplay)
    display.started(first)
    display.progressed(first, Progress("fine-tune", 50, 200, 4.25))
    display._spoken -= 3600
    display.tick()
    display.finished(first, 61)
    display.started(second)
    display.failed(second, Failure(sentence="the [loss] is nan"))
    lines = text.getvalue().splitlines()
    assert lines[0].startswith("now     cell 0: fine-tune 50/200 loss 4.250 (0 of 2 cells done")
    assert lines[1].startswith("done    cell 0 in 1 min (1 of 2 cells done")
    assert lines[2] == "failed  cell 1: the [loss] is nan"


def test_bars_are_drawn_in_a_terminal_and_names_are_not_markup() -> None:
    text = io.StringIO()
    console = Console(file=text, width=120, force_terminal=True)
    first, second, *_ = every = tasks(2)
    display = make_display(console, every, workers=1)
    assert isinstance(display, RichDisplay)
    with display:
        display.started(first)
        display.progressed(first, Progress("pretrain", 10, 20, 0.5))
        display.tick()
        display.finished(first, 3)
        display.started(second)
        display.failed(second, Failure(sentence="bad [value]"))
        display.tick()
    assert "bad [value]" in text.getvalue()
    assert "1 of 2 cells done, 1 failed" in text.getvalue()


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([0, 1, 2, 3, 4], "0–4"), ([7], "7"), ([3, 0, 1, 5], "0–1, 3, 5"), ([], ""), ([2, 2], "2")],
)
def test_ranges_of_numbers_are_told_in_few_words(numbers: list[int], text: str) -> None:
    assert ranges(numbers) == text
