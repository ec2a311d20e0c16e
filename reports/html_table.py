"""The leaderboard as a page shows it: what its cells say, sort by, and may be filtered by."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.reports.columns import LABELS_SAVED, Column, Value
from benchmark.reports.tables import WHOLE, DatasetGroup, LeaderboardTable, Row

if TYPE_CHECKING:
    from benchmark.statistics.results import Interval

EXTRA = 3
"""Columns of this priority and above are shown on request."""
SEARCHABLE = 4
"""With more methods than this a field to search them by name is shown."""


@dataclass(frozen=True)
class Filter:
    """A choice that leaves some rows or tables out of sight.

    Attributes:
        name: Of the data attribute that it looks at.
        label: What a reader calls it.
        everything: The choice that leaves nothing out.
        choices: Value and text of each other choice.
    """

    name: str
    label: str
    everything: str
    choices: tuple[tuple[str, str], ...]


def filters(tables: Sequence[LeaderboardTable]) -> list[Filter]:
    """The choices for the page's tables; none where there is nothing to choose."""
    rows = [row for table in tables for row in table.rows]
    datasets = {table.group.identity: table.group.full_title for table in tables}
    shots = sorted({table.shots for table in tables})
    backbones = sorted({row.identity.backbone for row in rows})
    # The whole network first, as everywhere.
    transfers = sorted({row.identity.transfer for row in rows}, key=lambda t: (t != WHOLE, t))
    families = sorted({family(row) for row in rows})
    made = (
        Filter(
            "dataset",
            "Dataset",
            "all datasets",
            tuple((str(place), title) for place, title in enumerate(datasets.values())),
        ),
        Filter(
            "shots",
            "Labels",
            "all numbers",
            tuple((str(count), f"{count} labelled images") for count in shots),
        ),
        Filter("backbone", "Backbone", "all backbones", _plain(backbones)),
        Filter("transfer", "Transfer", "all transfers", _plain(transfers)),
        Filter("family", "Family", "all families", _plain(families)),
    )
    return [choice for choice in made if len(choice.choices) > 1]


def _plain(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((text, text) for text in texts)


def searchable(tables: Sequence[LeaderboardTable]) -> bool:
    """Whether there are so many methods that a reader may want to search them."""
    return len({row.identity.method for table in tables for row in table.rows}) > SEARCHABLE


def place_of(group: DatasetGroup, tables: Sequence[LeaderboardTable]) -> int:
    """The place of a dataset among those of the tables, as its filter counts them."""
    return list(dict.fromkeys(table.group.identity for table in tables)).index(group.identity)


def family(row: Row) -> str:
    """The family of a row's method."""
    return (row.done + row.failed)[0].labels.family


def sort_value(column: Column, entries: Mapping[str, Value]) -> str:
    """What a cell is sorted by: a number, or text without regard to case; "" where it is empty.

    Of a text in a column of numbers, such as ``1–3`` or ``12 (8 to 20)``, the first number counts.
    """
    value = entries.get(column.key)
    if value is None:
        return ""
    if not isinstance(value, str):
        return f"{value:.12g}" if math.isfinite(value) else ""
    if not column.numeric:
        return value.casefold()
    number = re.search(r"[-−]?\d+(?:\.\d+)?", value)
    return number.group().replace("−", "-") if number else ""


def explained(tables: Sequence[LeaderboardTable]) -> list[Column]:
    """Each column of the tables once, for the list of what they mean."""
    columns = {column.key: column for table in tables for column in table.columns()}
    return list(columns.values())


def is_extra(column: Column) -> bool:
    """Whether a column is shown on request alone, so that the others fit a screen."""
    # A line of a terminal has no room for it, but it is what a reader comes for.
    return column.priority >= EXTRA and column is not LABELS_SAVED


def columns_of(table: LeaderboardTable) -> tuple[Column, ...]:
    """The columns of a table; a backbone that all rows share stands in the caption."""
    return table.columns(keep_backbone=False)


def caption(table: LeaderboardTable) -> str:
    """Shots, and the backbone where there is just one."""
    backbones = table.backbones()
    where = f", {backbones[0]}" if len(backbones) == 1 else ""
    return f"{table.labelled_images}{where}"


def has_extra_columns(tables: Sequence[LeaderboardTable]) -> bool:
    """Whether a table has columns that are shown on request alone."""
    return any(is_extra(column) for table in tables for column in columns_of(table))


@dataclass(frozen=True)
class Bar:
    """A row's MRE and its interval as a drawing, in percent of the table's width for it."""

    mean: float
    low: float
    high: float


def bar(row: Row, table: LeaderboardTable) -> Bar:
    """The drawing under a row's MRE, from zero to the largest number in the table."""
    ends = [_ends(other) for other in table.ranked]
    largest = max((high for *_, high in ends), default=0.0)
    if largest <= 0.0:
        return Bar(0.0, 0.0, 0.0)
    return Bar(*(round(100 * value / largest, 1) for value in _ends(row)))


def _ends(row: Row) -> tuple[float, float, float]:
    mean = row.number("mre") or 0.0
    interval: Interval | None = row.intervals.get("mre")
    if interval is None or not math.isfinite(interval.low + interval.high):
        return mean, mean, mean
    return mean, max(0.0, interval.low), max(mean, interval.high)
