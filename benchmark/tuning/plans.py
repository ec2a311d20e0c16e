"""From a run's settings to its searches: one for each method and control on each network."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict

from benchmark.config import RunConfig
from benchmark.errors import UsageError
from benchmark.files import key_of
from benchmark.grid import CellSpec
from benchmark.planning import Plan, make_plan
from benchmark.schema import CellLabels
from benchmark.tuning.options import SMALLEST, Scoring
from benchmark.tuning.records import TuningSource
from benchmark.tuning.space import Dimension, space_of

VERSION = 1
"""Raised whenever the same search would score the same options otherwise."""


class StudyPlan(BaseModel):
    """A search: what is tuned, over which options, and how it is scored.

    Attributes:
        cells: The cells with the default options, one a seed.
        labels: Of the first of them.
        dimensions: What is searched.
        score: How a trial is scored.
        folds: Parts of each draw, where they are held out.
        seed: Of the search.
        trials: How many are asked for.
        preset: The preset's name.
    """

    model_config = ConfigDict(frozen=True)

    cells: tuple[CellSpec, ...]
    labels: CellLabels
    dimensions: tuple[Dimension, ...]
    score: Scoring
    folds: int
    seed: int
    trials: int
    preset: str

    @cached_property
    def key(self) -> str:
        """16 hex digits over everything that changes a score; the number of trials does not."""
        return key_of(self.identity())

    def identity(self) -> dict[str, Any]:
        """What the key covers."""
        return {
            "version": VERSION,
            "cells": [cell.identity() for cell in self.cells],
            "dimensions": [dimension.model_dump(mode="json") for dimension in self.dimensions],
            "score": self.score,
            "folds": self.folds if self.score == "folds" else None,
            "seed": self.seed,
        }

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the draws that a trial trains on."""
        return tuple(cell.seed for cell in self.cells)

    @property
    def name(self) -> str:
        """For lines in the terminal."""
        return f"{self.labels.method} {self.labels.backbone}{self.labels.transfer_text}"

    def cell(self, seed: int) -> CellSpec:
        """The cell of a seed."""
        return next(cell for cell in self.cells if cell.seed == seed)

    def source(self, trials: int) -> TuningSource:
        """Where options come from that this search has found after so many trials."""
        return TuningSource(
            study=self.key,
            dataset=self.labels.dataset,
            score=self.score,
            folds=self.folds,
            shots=self.labels.shots,
            seeds=self.seeds,
            search_seed=self.seed,
            trials=trials,
            preset=self.preset,
        )


def plan_studies(config: RunConfig) -> tuple[Plan, tuple[StudyPlan, ...]]:
    """The cells of a run and the searches over them, controls included.

    Raises:
        UsageError: The request cannot be carried out; one sentence says why.
        DataError: A dataset's files are missing or wrong.
    """
    _ensure_one_draw(config)
    plan = make_plan(config)
    arms: dict[tuple[str, ...], list[Any]] = {}
    for cell in plan.cells:
        spec = cell.spec
        arm = (spec.method.key, str(spec.backbone), spec.transfer)
        arms.setdefault(arm, []).append(cell)
    options = config.tuning
    return plan, tuple(
        StudyPlan(
            cells=tuple(cell.spec for cell in cells),
            labels=cells[0].labels,
            dimensions=space_of(cells[0].spec),
            score=options.score,
            folds=options.folds,
            seed=options.seed,
            trials=options.trials,
            preset=config.preset,
        )
        for cells in arms.values()
    )


def _ensure_one_draw(config: RunConfig) -> None:
    """Refuse what a search cannot be scored on.

    Raises:
        UsageError: Several datasets or numbers of shots, or settings that need a test image.
    """
    if len(config.datasets) != 1 or len(config.shots) != 1:
        raise UsageError(
            "tune takes one dataset and one number of shots, and `run --tuned` may then have "
            "several: give --dataset and --shots one value each"
        )
    if config.tuned is not None:
        raise UsageError("tune begins from the default options: leave --tuned out")
    if config.engine != "local":
        raise UsageError(
            f"tune does not run on the engine {config.engine!r}: start the same command on each "
            "machine, with one --output that all see, or one --storage"
        )
    if config.devices != 1:
        raise UsageError("tune gives each training one device: leave --devices out")
    if config.protocol.selection != "last":
        raise UsageError(
            "tune scores the last weights, as few-shot users have them: leave protocol.selection "
            "at last"
        )
    if config.protocol.takes_from_the_published:
        raise UsageError(
            "tune searches what the paper's recipe fixes: leave --protocol published out"
        )
    if config.tuning.score == "folds" and config.shots[0] < SMALLEST:
        raise UsageError(
            f"one labelled image cannot be divided into folds: give {SMALLEST} --shots at least, "
            "or tune with --score val on a development dataset"
        )
