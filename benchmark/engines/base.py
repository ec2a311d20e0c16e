"""What every engine reports to, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from benchmark.progress import Progress
from benchmark.schema import Failure
from benchmark.tasks import Task


class Display(Protocol):
    """Shows the user what goes on."""

    def started(self, task: Task) -> None:
        """A worker has begun a task."""

    def progressed(self, task: Task, progress: Progress) -> None:
        """A worker has come further."""

    def finished(self, task: Task, seconds: float) -> None:
        """A task is done and in the store."""

    def finished_elsewhere(self, task: Task) -> None:
        """Another run has done a task."""

    def failed(self, task: Task, failure: Failure) -> None:
        """A task has failed; its reason is in the store."""

    def put_back(self, task: Task) -> None:
        """A task that had begun waits again."""

    def told(self, sentence: str) -> None:
        """Something the user should know."""

    def tick(self) -> None:
        """Some time has passed."""


class Silent:
    """Shows nothing."""

    def started(self, task: Task) -> None:
        """Nothing to show."""

    def progressed(self, task: Task, progress: Progress) -> None:
        """Nothing to show."""

    def finished(self, task: Task, seconds: float) -> None:
        """Nothing to show."""

    def finished_elsewhere(self, task: Task) -> None:
        """Nothing to show."""

    def failed(self, task: Task, failure: Failure) -> None:
        """Nothing to show; the outcome has it."""

    def put_back(self, task: Task) -> None:
        """Nothing to show."""

    def told(self, sentence: str) -> None:
        """Nothing to show."""

    def tick(self) -> None:
        """Nothing to show."""


class Engine(Protocol):
    """Does the tasks of a run, wherever that may be."""

    def run(self, tasks: tuple[Task, ...]) -> Outcome:
        """Do all tasks as their needs allow; a failure costs only what needs the task."""


@dataclass
class Outcome:
    """How a run ended.

    Attributes:
        done: Tasks that were finished.
        elsewhere: Tasks that other runs on the store have finished meanwhile.
        failed: Tasks that failed, with the reason.
        bad_input: The reasons of failures that the user has to mend: exit status 2.
        busy_seconds: Of all workers, from the start of each to its end.
    """

    done: list[Task] = field(default_factory=list)
    elsewhere: list[Task] = field(default_factory=list)
    failed: list[tuple[Task, Failure]] = field(default_factory=list)
    bad_input: list[Failure] = field(default_factory=list)
    busy_seconds: float = 0.0
