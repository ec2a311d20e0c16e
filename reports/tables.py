"""What a leaderboard is made of: tables of rows over seeds, and the lines that are not ranked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from benchmark.reports.columns import (
    BACKBONE,
    OPTIONAL,
    TRANSFER,
    Column,
    Value,
    leaderboard_columns,
)
from benchmark.statistics.results import Comparison, Interval
from benchmark.transfer import Transfer

if TYPE_CHECKING:
    from benchmark.schema import CellRecord, DatasetRecord

CONTROL = "scratch"
"""The name of the control over which gains are measured."""

WHOLE = "whole"
"""The transfer that goes without saying."""


class Identity(NamedTuple):
    """What a row, a curve and a gallery panel of one strategy have in common."""

    method: str
    backbone: str
    transfer: str
    variant: str


@dataclass(frozen=True)
class Row:
    """One strategy on one backbone, over its seeds.

    Attributes:
        identity: Tells it from the other rows of its table.
        title: The method's name for readers.
        control: Whether it is a control rather than a pretraining.
        entries: By column key; None where there is nothing to show.
        spreads: Standard deviation over seeds by column key; empty for a single seed.
        intervals: Confidence intervals by column key, in the column's unit.
        done: Its finished cells, by seed.
        failed: Its failed cells, by seed.
    """

    identity: Identity
    title: str
    control: bool
    entries: Mapping[str, Value]
    spreads: Mapping[str, float]
    done: tuple[CellRecord, ...]
    failed: tuple[CellRecord, ...]
    intervals: Mapping[str, Interval] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Title, backbone, transfer and variant, as text."""
        transfer = f", {self.identity.transfer}" if self.identity.transfer != WHOLE else ""
        return f"{self.title} on {self.identity.backbone}{transfer}{self._variant}"

    @property
    def tuned(self) -> bool:
        """Whether its options were searched for."""
        return any(cell.labels.tuned is not None for cell in (*self.done, *self.failed))

    @property
    def pretraining(self) -> str:
        """The name of what was pretrained, whatever was taken over of it."""
        return f"{self.title} on {self.identity.backbone}{self._variant}"

    @property
    def _variant(self) -> str:
        return f" ({self.identity.variant})" if self.identity.variant else ""

    def number(self, key: str) -> float | None:
        """A value as a number, None where it is missing or text."""
        value = self.entries.get(key)
        return None if isinstance(value, str) else value

    def failures(self) -> list[str]:
        """One sentence a failed cell: which it is, and why."""
        return [
            f"{self.name}, seed {cell.labels.seed} failed: {failure_sentence(cell)}"
            for cell in self.failed
        ]


@dataclass(frozen=True)
class Pair:
    """Two rows of one table, compared on the seeds and images that both have.

    Attributes:
        first: The row whose errors come first in the difference.
        second: The row whose errors are taken away.
        comparison: Of their image errors, in the table's unit.
        adjusted_p: ``comparison.p_value`` after Holm over all pairs of the table.
    """

    first: Identity
    second: Identity
    comparison: Comparison
    adjusted_p: float


@dataclass(frozen=True)
class Reference:
    """A line under the table that is never ranked: the floor, or the annotators' distance."""

    key: str
    title: str
    explanation: str
    entries: Mapping[str, Value]


@dataclass(frozen=True)
class DatasetGroup:
    """The cells of one dataset with one content, at all numbers of shots."""

    name: str
    title: str
    detail: str
    unit: str
    thresholds: tuple[float, ...]
    records: tuple[DatasetRecord, ...]
    cells: tuple[CellRecord, ...]

    @property
    def identity(self) -> tuple[str, str]:
        """Name and content, which no two groups share."""
        return self.name, self.detail

    @property
    def full_title(self) -> str:
        """The title, with what tells it from another dataset of the same name."""
        return f"{self.title} ({self.detail})" if self.detail else self.title

    @property
    def record(self) -> DatasetRecord | None:
        """What is known of the data; other records of the group differ in working size alone."""
        return self.records[0] if self.records else None

    @property
    def synthetic(self) -> bool:
        """Whether its images are computed rather than acquired."""
        return self.record is not None and self.record.synthetic


@dataclass(frozen=True)
class LeaderboardTable:
    """All strategies at one number of shots on one dataset, best first.

    Attributes:
        group: The dataset.
        shots: The number of labelled images.
        rows: Best first; rows without a finished seed last.
        references: Lines that are not ranked.
        notes: Sentences that a reader must know.
        warnings: Those of them without which the first screen would mislead.
        pairs: Every two finished rows that share a seed, once, in the order of the rows.
        margin: The declared margin of practical equivalence in the dataset's unit, or None.
        published: What others have published on the dataset, as lines that are not ranked.
    """

    group: DatasetGroup
    shots: int
    rows: tuple[Row, ...]
    references: tuple[Reference, ...]
    notes: tuple[str, ...] = field(default=())
    warnings: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = field(default=())
    margin: float | None = None
    published: tuple[Reference, ...] = ()

    @property
    def unranked(self) -> tuple[Reference, ...]:
        """All lines under the rows: our own first, then the published ones."""
        return (*self.references, *self.published)

    @property
    def title(self) -> str:
        """Dataset and shots, as text."""
        return f"{self.group.full_title}, {self.labelled_images}"

    @property
    def labelled_images(self) -> str:
        """The number of shots in words: ``1 labelled image``, ``25 labelled images``."""
        return f"{self.shots} labelled image{'' if self.shots == 1 else 's'}"

    @property
    def ranked(self) -> tuple[Row, ...]:
        """The rows with at least one finished seed, best first."""
        return tuple(row for row in self.rows if row.done)

    def backbones(self) -> list[str]:
        """The backbones in the table, in order of their first row."""
        return list(dict.fromkeys(row.identity.backbone for row in self.rows))

    def transfers(self) -> set[str]:
        """The transfers in the table."""
        return {row.identity.transfer for row in self.rows}

    def control_of(self, row: Row) -> Row | None:
        """The row of scratch that the row's gain is measured over, where there is just one.

        For a row with tuned options that is the one that was tuned as well.
        """
        transfer = str(Transfer.parse(row.identity.transfer).control)
        same = [
            other
            for other in self.ranked
            if other.identity[:3] == (CONTROL, row.identity.backbone, transfer)
            and other.tuned == row.tuned
        ]
        return same[0] if len(same) == 1 and row.number("gain") is not None else None

    def pair(self, first: Identity, second: Identity) -> Pair | None:
        """The comparison of two rows, in whichever order it was made; None where there is none."""
        wanted = {first, second}
        return next((p for p in self.pairs if {p.first, p.second} == wanted), None)

    def columns(self, *, keep_backbone: bool = True) -> tuple[Column, ...]:
        """The columns that say something here: none of ``OPTIONAL`` without a value.

        Transfers are named as soon as one row does not take over the whole network.
        """
        empty = {c.key for c in OPTIONAL if not any(row.entries.get(c.key) for row in self.rows)}
        if self.transfers() <= {WHOLE}:
            empty.add(TRANSFER.key)
        if not keep_backbone and len(self.backbones()) == 1:
            empty.add(BACKBONE.key)
        return tuple(c for c in leaderboard_columns(self.group.thresholds) if c.key not in empty)

    def reference(self, key: str) -> float | None:
        """The MRE of a reference line, or None."""
        values = (r.entries.get("mre") for r in self.references if r.key == key)
        return next((value for value in values if isinstance(value, float)), None)


def failure_sentence(cell: CellRecord) -> str:
    """Why a cell failed, as one sentence for the user."""
    return cell.error.sentence if cell.error else "no reason was recorded"


def is_done(cell: CellRecord) -> bool:
    """Whether a cell has numbers to show."""
    return cell.status == "done" and cell.metrics is not None
