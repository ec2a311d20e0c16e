"""What a tuning shows while it goes on: a line for every trial that ends, and how far all are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from benchmark.display import human_seconds
from benchmark.engines.base import Silent
from benchmark.progress import Progress
from benchmark.schema import Failure
from benchmark.tasks import Task
from benchmark.tuning.search import Search

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

LOOK_SECONDS = 2.0
PLAIN_SECONDS = 60.0
STATES = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed"}


class TuningDisplay(Silent):
    """Lines about trials, whichever process has done them.

    Args:
        console: Where to print.
        searches: Whose trials are told; those that have ended already are not.
    """

    def __init__(self, console: Console, searches: Sequence[Search]) -> None:
        self._console, self._searches = console, searches
        self._told = {
            (search.plan.key, trial.number)
            for search in searches
            for trial in search.trials(*STATES)
        }
        self._latest: dict[str, str] = {}
        self._looked = self._spoken = time.monotonic()

    def progressed(self, task: Task, progress: Progress) -> None:
        """Remember how far it is."""
        self._latest[task.id] = f"{progress.stage} {progress.step}/{progress.steps}"

    def finished(self, task: Task, seconds: float) -> None:
        """A worker has found nothing more to do."""
        self._latest.pop(task.id, None)

    def put_back(self, task: Task) -> None:
        """It is no longer going on."""
        self._latest.pop(task.id, None)

    def failed(self, task: Task, failure: Failure) -> None:
        """One line with the reason."""
        self._latest.pop(task.id, None)
        self.told(f"{task.title} failed: {failure.sentence}")

    def told(self, sentence: str) -> None:
        """One line."""
        self._say(f"note    {sentence}")

    def tick(self) -> None:
        """Look now and then what has ended."""
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self.look()
        if now - self._spoken >= PLAIN_SECONDS and self._latest:
            self._say(f"now     {'; '.join(self._latest.values())} ({self._summary()})")

    def look(self) -> None:
        """Tell of the trials that have ended since."""
        for search in self._searches:
            for trial in search.trials(*STATES):
                name = (search.plan.key, trial.number)
                if name not in self._told:
                    self._told.add(name)
                    self._say(self._line(search, trial))

    def _line(self, search: Search, trial: FrozenTrial) -> str:
        marks = trial.user_attrs
        if trial.state.name == "FAIL" or marks.get("reason"):
            result = str(marks.get("reason", ""))
        else:
            value = trial.value if trial.value is not None else float("nan")
            result = f"{value:.4g} {search.unit}"
            result += f" after {len(marks.get('errors', []))} of {search.trainings} trainings" * (
                trial.state.name == "PRUNED"
            )
        values = ", ".join(f"{d.title} {trial.params[d.name]:.2g}" for d in search.plan.dimensions)
        own = "default options" if marks.get("default") else values
        state = f"{STATES[trial.state.name]:<7}"
        seconds = human_seconds(marks.get("seconds", 0.0))
        return f"{state} {search.plan.name} trial {trial.number}: {result} ({own}) in {seconds}"

    def _summary(self) -> str:
        return ", ".join(
            f"{search.plan.labels.method} {search.counted} of {search.plan.trials}"
            for search in self._searches
        )

    def _say(self, line: str) -> None:
        self._spoken = time.monotonic()
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
