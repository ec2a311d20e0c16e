"""Published numbers on the public datasets: shown beside a table and never ranked with it."""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from benchmark.reports.columns import threshold_key
from benchmark.reports.tables import Reference

if TYPE_CHECKING:
    from benchmark.reports.tables import LeaderboardTable

FILE = Path(__file__).with_suffix(".toml")

Confidence = Literal["read", "calculated", "second-hand", "recalled"]

CONFIDENCE: dict[Confidence, str] = {
    "read": "read in the authors' own paper, abstract or repository",
    "calculated": "calculated from numbers that were read in the authors' own text",
    "second-hand": "read in what somebody else wrote about it",
    "recalled": "from memory, not checked against any text",
}
"""What each word says about a number, for readers."""

Text = Annotated[str, Field(min_length=1)]
Percent = Annotated[float, Field(ge=0, le=100)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class PublishedResult(BaseModel):
    """One published number with where it is from and how it was measured.

    Attributes:
        dataset: The name of the dataset's plugin.
        method: What was run, in the authors' words.
        labels: Number of labelled training images, or ``all`` for the whole training set.
        images: How many images ``all`` are, where it is known.
        mre: Mean radial error in ``unit``.
        unit: ``mm``, ``px@512``, or ``px`` where the size of the grid is not known.
        sdr: Percent of landmarks within each threshold, in ``unit``; empty where not known.
        source: Where it was published, and where it was read if not there.
        protocol: One sentence on how its measurement differs from the one here.
        confidence: How far the number itself can be trusted; see ``CONFIDENCE``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Text
    method: Text
    labels: Annotated[int, Field(ge=1)] | Literal["all"]
    images: Annotated[int, Field(ge=1)] | None = None
    mre: Positive
    unit: Text
    sdr: dict[Positive, Percent] = Field(default_factory=dict)
    source: Text
    protocol: Text
    confidence: Confidence

    @field_validator("sdr")
    @classmethod
    def _grows_with_the_threshold(cls, value: Mapping[float, float]) -> dict[float, float]:
        ordered = dict(sorted(value.items()))
        percents = list(ordered.values())
        if percents != sorted(percents):
            raise ValueError("a larger threshold cannot hold fewer landmarks")
        return ordered

    @property
    def sentence(self) -> str:
        """The number with everything that it must not be read without."""
        labels = f"{self.labels_text} {'label' if self.labels == 1 else 'labels'}"
        sdr = ", ".join(f"{percent:g} % within {radius:g}" for radius, percent in self.sdr.items())
        shown = f"{self.mre:g} {self.unit}" + (f" ({sdr})" if sdr else "")
        return (
            f"{self.method}, {labels}: {shown}. {self.source}. {self.protocol} "
            f"Number: {CONFIDENCE[self.confidence]}."
        )

    @property
    def labels_text(self) -> str:
        """The number of labels for a table."""
        if self.labels == "all":
            return "all" if self.images is None else f"all {self.images}"
        return str(self.labels)


class _File(BaseModel):
    """The whole of ``published.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    result: tuple[PublishedResult, ...]


@functools.cache
def published_results() -> tuple[PublishedResult, ...]:
    """All published numbers, in the order of the file; read once a process."""
    return _File.model_validate(tomllib.loads(FILE.read_text(encoding="utf-8"))).result


def published_for(dataset: str, shots: int) -> tuple[PublishedResult, ...]:
    """The numbers to set beside a table: of as many labels as it has shots, and of all labels.

    Args:
        dataset: The name of the dataset's plugin.
        shots: The number of labelled images.

    Returns:
        Few labels before all labels, then by error.
    """
    found = [r for r in published_results() if r.dataset == dataset and r.labels in (shots, "all")]
    return tuple(
        sorted(found, key=lambda r: (math.inf if r.labels == "all" else r.labels, r.mre, r.method))
    )


def published_beside(table: LeaderboardTable) -> tuple[PublishedResult, ...]:
    """The published numbers of a table's dataset.

    There are none for a folder that bears the same name, nor for a test set from which leaking
    images were taken.
    """
    record = table.group.record
    if record is not None and record.leaks_excluded:
        return ()
    name = table.group.name
    plugins = {_plugin_name(cell.spec) for cell in table.group.cells}
    return published_for(name, table.shots) if plugins == {name} else ()


def published_lines(table: LeaderboardTable) -> tuple[Reference, ...]:
    """The published numbers that stand under the rows of a table, never ranked with them.

    Those of as many labels as the table has shots, and the least error with all labels; in the
    table's unit alone, since of others nobody knows what they would be in it.
    """
    found = [r for r in published_beside(table) if r.unit == table.group.unit]
    few = [result for result in found if result.labels != "all"]
    best = sorted((r for r in found if r.labels == "all"), key=lambda r: r.mre)[:1]
    return tuple(
        Reference(
            "published",
            f"Published: {result.method}, {result.labels_text} labels",
            result.sentence,
            {"mre": result.mre} | {threshold_key(t): p for t, p in result.sdr.items()},
        )
        for result in (*few, *best)
    )


def _plugin_name(spec: Mapping[str, object]) -> object:
    """The dataset's plugin as a cell's spec names it, or None."""
    dataset = spec.get("dataset")
    plugin = dataset.get("dataset") if isinstance(dataset, Mapping) else None
    return plugin.get("name") if isinstance(plugin, Mapping) else None
