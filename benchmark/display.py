"""Live progress of a run: stage, steps, loss, cells done and the time left."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmark.progress import REPORT_EVERY
from benchmark.progress import Progress as WorkerProgress
from benchmark.schema import Failure
from benchmark.tasks import Task

# How much of a task's cost its stages take, so that a bar does not jump.
STAGE_SPAN = {
    "prepare": (0.05, 1.0),
    "pretrain": (0.1, 1.0),
    "fine-tune": (0.1, 0.9),
    "evaluate": (0.9, 1.0),
}
# Without a terminal, a line about the state of things now and then.
PLAIN_SECONDS = 30.0


def human_seconds(seconds: float) -> str:
    """For example ``45 s``, ``3 min``, ``2 h 05 min``."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{int(seconds // 3600)} h {round(seconds % 3600 / 60):02d} min"


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers in few words: ``0–4, 7``."""
    ordered = sorted(set(numbers))
    starts = [n for place, n in enumerate(ordered) if place == 0 or ordered[place - 1] != n - 1]
    ends = [n for n in ordered if n + 1 not in set(ordered)]
    return ", ".join(
        f"{start}" if start == end else f"{start}–{end}"
        for start, end in zip(starts, ends, strict=True)
    )


@dataclass
class _Active:
    """A task under way.

    Attributes:
        started: When it began, or was gone on with.
        share: How much of its cost is done.
        earlier: How much of it an earlier run had done; None before it has said a word.
    """

    started: float
    share: float = 0.0
    earlier: float | None = None


class TimeLeft:
    """The time left, from the costs of the tasks and the seconds that they really took."""

    def __init__(self, tasks: tuple[Task, ...], workers: int) -> None:
        self.left = {task.id: task.cost for task in tasks}
        self.workers = workers
        self.active: dict[str, _Active] = {}
        self.cost_done = 0.0
        self.seconds_done = 0.0

    def started(self, task: Task) -> None:
        """A task has begun."""
        self.active[task.id] = _Active(time.monotonic())

    def progressed(self, task: Task, progress: WorkerProgress) -> None:
        """A task has come further."""
        low, high = STAGE_SPAN.get(progress.stage, (0.0, 1.0))
        active = self.active[task.id]
        active.share = low + (high - low) * progress.step / max(1, progress.steps)
        if active.earlier is None:
            active.earlier = 0.0
            if progress.step > REPORT_EVERY:  # from a checkpoint; a start is told of sooner
                active.earlier, active.started = active.share, time.monotonic()

    def ended(self, task: Task) -> None:
        """A task is done, or failed and left nothing to do."""
        cost = self.left.pop(task.id, 0.0)
        active = self.active.pop(task.id, None)
        if active is not None:
            self.cost_done += cost * (1 - (active.earlier or 0.0))
            self.seconds_done += time.monotonic() - active.started

    def put_back(self, task: Task) -> None:
        """A task that had begun waits again."""
        self.active.pop(task.id, None)

    def seconds(self) -> float:
        """Expected seconds until all is done; the longest running task bounds it from below."""
        now = time.monotonic()
        cost, spent = self.cost_done, self.seconds_done
        for name, active in self.active.items():
            cost += self.left[name] * (active.share - (active.earlier or 0.0))
            spent += now - active.started
        pace = spent / cost if cost > 5 else 1.0
        remaining = {
            name: cost * (1 - (self.active[name].share if name in self.active else 0.0))
            for name, cost in self.left.items()
        }
        longest = max(remaining.values(), default=0.0)
        return pace * max(sum(remaining.values()) / self.workers, longest)


class _Counting:
    """Counts cells and keeps the time left; the two displays below add the drawing."""

    def __init__(self, tasks: tuple[Task, ...], workers: int) -> None:
        self.time_left = TimeLeft(tasks, workers)
        self.cells = sum(task.kind == "cell" for task in tasks)
        self.cells_done = 0
        self.cells_failed = 0

    def _end(self, task: Task, failed: bool) -> None:
        self.time_left.ended(task)
        if task.kind == "cell":
            self.cells_done += not failed
            self.cells_failed += failed

    def _summary(self) -> str:
        failed = f", {self.cells_failed} failed" if self.cells_failed else ""
        left = human_seconds(self.time_left.seconds()) if self.time_left.left else "nothing"
        return f"{self.cells_done} of {self.cells} cells done{failed}, about {left} left"


class PlainDisplay(_Counting):
    """Lines of text, for logs and pipes."""

    def __init__(self, console: Console, tasks: tuple[Task, ...], workers: int) -> None:
        super().__init__(tasks, workers)
        self.console = console
        self._latest: dict[str, str] = {}
        self._spoken = time.monotonic()

    def started(self, task: Task) -> None:
        """Remember it; the line comes when it is done."""
        self.time_left.started(task)
        self._latest[task.id] = task.title

    def progressed(self, task: Task, progress: WorkerProgress) -> None:
        """Remember how far it is."""
        self.time_left.progressed(task, progress)
        loss = f" loss {progress.loss:.3f}" if progress.loss is not None else ""
        self._latest[task.id] = (
            f"{task.title}: {progress.stage} {progress.step}/{progress.steps}{loss}"
        )

    def finished(self, task: Task, seconds: float) -> None:
        """One line."""
        self._end(task, failed=False)
        self._latest.pop(task.id, None)
        self._say(f"done    {task.title} in {human_seconds(seconds)} ({self._summary()})")

    def finished_elsewhere(self, task: Task) -> None:
        """One line."""
        self._end(task, failed=False)
        self._say(f"done    {task.title} by another run ({self._summary()})")

    def put_back(self, task: Task) -> None:
        """It is no longer going on."""
        self.time_left.put_back(task)
        self._latest.pop(task.id, None)

    def told(self, sentence: str) -> None:
        """One line."""
        self._say(f"note    {sentence}")

    def failed(self, task: Task, failure: Failure) -> None:
        """One line with the reason."""
        self._end(task, failed=True)
        self._latest.pop(task.id, None)
        self._say(f"failed  {task.title}: {failure.sentence}")

    def tick(self) -> None:
        """Say now and then what is going on."""
        if time.monotonic() - self._spoken > PLAIN_SECONDS and self._latest:
            self._say(f"now     {'; '.join(self._latest.values())} ({self._summary()})")

    def _say(self, line: str) -> None:
        self._spoken = time.monotonic()
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


class RichDisplay(_Counting):
    """Bars in a terminal: one for the run, one for each worker."""

    def __init__(self, console: Console, tasks: tuple[Task, ...], workers: int) -> None:
        super().__init__(tasks, workers)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._all = self.progress.add_task(
            "[bold]all cells", total=max(1, self.cells), detail=self._summary()
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def started(self, task: Task) -> None:
        """Add a bar."""
        self.time_left.started(task)
        self._bars[task.id] = self.progress.add_task(
            escape(task.title), total=1.0, detail="starting"
        )

    def progressed(self, task: Task, progress: WorkerProgress) -> None:
        """Move the bar."""
        self.time_left.progressed(task, progress)
        loss = f" loss {progress.loss:.3f}" if progress.loss is not None else ""
        self.progress.update(
            self._bars[task.id],
            completed=self.time_left.active[task.id].share,
            detail=f"{progress.stage} {progress.step}/{progress.steps}{loss}",
        )

    def finished(self, task: Task, seconds: float) -> None:
        """Replace the bar by a line."""
        self._end(task, failed=False)
        self.progress.remove_task(self._bars.pop(task.id))
        title = escape(task.title)
        self.progress.console.print(f"[green]done[/]    {title} in {human_seconds(seconds)}")

    def finished_elsewhere(self, task: Task) -> None:
        """A line."""
        self._end(task, failed=False)
        self.progress.console.print(f"[green]done[/]    {escape(task.title)} by another run")

    def put_back(self, task: Task) -> None:
        """Remove the bar."""
        self.time_left.put_back(task)
        if task.id in self._bars:
            self.progress.remove_task(self._bars.pop(task.id))

    def told(self, sentence: str) -> None:
        """A line."""
        self.progress.console.print(f"note    {sentence}", markup=False, highlight=False)

    def failed(self, task: Task, failure: Failure) -> None:
        """Replace the bar by a line with the reason."""
        self._end(task, failed=True)
        if task.id in self._bars:
            self.progress.remove_task(self._bars.pop(task.id))
        console = self.progress.console
        console.print(f"[red]failed[/]  {escape(task.title)}: ", end="")
        console.print(failure.sentence, markup=False, highlight=False)

    def tick(self) -> None:
        """Refresh the summary."""
        self.progress.update(
            self._all, completed=self.cells_done + self.cells_failed, detail=self._summary()
        )


def make_display(
    console: Console, tasks: tuple[Task, ...], workers: int
) -> PlainDisplay | RichDisplay:
    """Bars where there is a terminal, lines where there is none."""
    kind: type[PlainDisplay | RichDisplay]
    kind = RichDisplay if console.is_terminal else PlainDisplay
    return kind(console, tasks, workers)
