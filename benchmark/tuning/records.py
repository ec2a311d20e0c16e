"""What is kept of a tuning in the store: the search, and how each trial ended."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field

from benchmark.checked_names import Key
from benchmark.dataset_schema import Record
from benchmark.tuning.options import Scoring

TrialState = Literal["complete", "pruned", "failed"]


class TunedDimension(Record):
    """One option that was searched, on a logarithmic scale."""

    name: str
    title: str
    low: float
    high: float
    default: float


class TrialRecord(Record):
    """One trial: the options that were tried and what they gave."""

    number: int
    state: TrialState
    values: dict[str, float] = Field(description="By the name of the dimension.")
    score: float | None = Field(
        None, description="Mean error over the held-out images seen; of pruned trials a part."
    )
    trainings: int = Field(0, description="Fine-tunings that were finished.")
    errors: tuple[float, ...] = Field((), description="By held-out image, in the unit.")
    reason: str = Field("", description="Why it failed, or diverged.")
    seconds: float = 0.0


class TuningSource(Record):
    """Where tuned options come from, in records of cells and in files of tuned options."""

    study: Key
    dataset: str
    score: Scoring
    folds: int
    shots: int
    seeds: tuple[int, ...]
    search_seed: int = 0
    trials: int = Field(description="Trials that were finished or pruned.")
    preset: str = ""

    @property
    def sentence(self) -> str:
        """How the options were chosen, as the end of a sentence."""
        seeds = ", ".join(map(str, self.seeds))
        draw = f"{self.shots} labelled images of {self.dataset} (seed {seeds})"
        if self.score == "val":
            return f"{self.trials} trials scored on the validation images, after {draw}"
        return f"{self.trials} trials of {self.folds}-fold cross-validation within the {draw}"


class StudyRecord(Record):
    """``tuning/<key>/study.json``: the search for the options of one method on one network."""

    key: Key
    method: str
    title: str
    backbone: str
    transfer: str = "whole"
    control: bool = False
    source: TuningSource
    unit: str = ""
    wanted: int = Field(description="Trials asked for.")
    trainings: int = Field(description="Fine-tunings of a whole trial.")
    dimensions: tuple[TunedDimension, ...]
    trials: tuple[TrialRecord, ...] = ()
    version: str = Field("", description="Of this package.")
    files: dict[str, str] = Field(
        default_factory=dict, description="None: the journal beside it grows as trials are added."
    )
    spec: dict[str, Any] = Field(default_factory=dict, description="What the key covers.")

    @property
    def counted(self) -> int:
        """Trials that were finished or pruned."""
        return sum(trial.state != "failed" for trial in self.trials)

    @property
    def default(self) -> TrialRecord | None:
        """The finished trial of the default options, or None."""
        wanted = {dimension.name: dimension.default for dimension in self.dimensions}
        return next(
            (
                t
                for t in self.finished
                if all(math.isclose(t.values[n], v) for n, v in wanted.items())
            ),
            None,
        )

    @property
    def finished(self) -> tuple[TrialRecord, ...]:
        """Trials with a score over all held-out images."""
        return tuple(t for t in self.trials if t.state == "complete" and t.score is not None)

    @property
    def best(self) -> TrialRecord | None:
        """The finished trial with the least error; of equal ones the first."""
        return min(self.finished, key=lambda t: (t.score, t.number), default=None)

    @property
    def name(self) -> str:
        """Method, network and transfer, for readers."""
        transfer = f", {self.transfer}" if self.transfer != "whole" else ""
        return f"{self.title} on {self.backbone}{transfer}"
