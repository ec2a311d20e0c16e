"""What may be set of a tuning: how many trials, how they are scored, and where they are kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Scoring = Literal["folds", "val"]
"""``folds``: cross-validation within the labelled images of the draw. ``val``: the validation
images of a development dataset, one on which no result is to be reported; where it has none,
training images beyond the draw."""

SMALLEST = 2
"""Folds, and labelled images in the smallest draw that can be tuned on."""


class TuningOptions(BaseModel):
    """Settings of ``tune``; the same for every method."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: Annotated[int, Field(ge=1)] = Field(
        20, description="Trials a method that are finished or pruned; the default options are one."
    )
    score: Scoring = Field("folds", description="folds (within the labelled images) or val.")
    folds: Annotated[int, Field(ge=SMALLEST)] = Field(
        3, description="Parts of the labelled images; each is held out once."
    )
    seed: int = Field(0, description="Of the search; the same for every method.")
    storage: str | None = Field(
        None, description="URL of an Optuna storage; None: a journal in the store."
    )
