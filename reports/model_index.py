"""What the front matter of a model card says of a method's results, for the Hugging Face hub."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.reports.front_matter import Yaml
from benchmark.reports.tables import WHOLE

if TYPE_CHECKING:
    from benchmark.reports.tables import LeaderboardTable, Row
    from benchmark.schema import CellRecord
    from benchmark.statistics.results import Interval

LICENCES = {"Apache-2.0": "apache-2.0", "MIT": "mit"}
"""The hub's identifiers of the licences that plugins name without any condition."""

TASK = "keypoint-detection"
COORDINATES = ("Dataset", "Labelled images", "Network", "Transfer", "Variant")
"""The headings of :meth:`Result.coordinates`."""


@dataclass(frozen=True)
class Result:
    """A row of a method and the table in which it stands."""

    table: LeaderboardTable
    row: Row

    @property
    def cells(self) -> tuple[CellRecord, ...]:
        """The cells of the row, done and failed."""
        return self.row.done + self.row.failed

    def text(self, key: str) -> str:
        """A column's text with its interval but no unit; empty where there is nothing."""
        columns = {column.key: column for column in self.table.columns()}
        known = columns.get(key)
        return known.text(self.row.entries, self.row.intervals) if known else ""

    def coordinates(self) -> tuple[str, ...]:
        """Dataset, shots, network, transfer and variant; the default transfer is left out."""
        identity = self.row.identity
        transfer = "" if identity.transfer == WHOLE else identity.transfer
        shots = str(self.table.shots)
        return (
            self.table.group.full_title,
            shots,
            identity.backbone,
            transfer,
            identity.variant,
        )


def licence_fields(licence: str) -> dict[str, Yaml]:
    """The hub's identifier of a licence; one with conditions goes by its own words."""
    if licence in LICENCES:
        return {"license": LICENCES[licence]}
    return {"license": "other", "license_name": licence} if licence else {}


def model_index(title: str, results: Sequence[Result]) -> list[Yaml]:
    """The value of ``model-index``: one entry a finished row, empty without any.

    Args:
        title: The method's title.
        results: Its rows, with unfinished ones, which are left out.
    """
    entries: list[Yaml] = [_entry(result) for result in results if result.row.done]
    return [{"name": title, "results": entries}] if entries else []


def _entry(result: Result) -> Yaml:
    table, identity = result.table, result.row.identity
    return {
        "task": {"type": TASK, "name": "Landmark detection"},
        "dataset": {
            "type": table.group.name,
            "name": table.group.full_title,
            "config": table.labelled_images,
            "split": "test",
            "args": {
                "labelled_images": table.shots,
                "network": identity.backbone,
                "transfer": identity.transfer,
                "variant": identity.variant,
                "seeds": len(result.row.done),
            },
        },
        "metrics": list(_metrics(result)),
    }


def _metrics(result: Result) -> Iterator[Yaml]:
    unit = result.table.group.unit
    error = result.row.number("mre")
    if error is not None:
        yield {
            "type": "mre",
            "name": f"Mean radial error ({unit})",
            "value": error,
            "args": _ends(result.row.intervals.get("mre")),
        }
    for column in result.table.columns():
        value = result.row.number(column.key) if column.key.startswith("sdr@") else None
        if value is not None:
            threshold = f"{float(column.key.removeprefix('sdr@')):g}"
            yield {
                "type": "sdr",
                "name": f"Success detection rate within {threshold} {unit} (%)",
                "value": value,
                "args": _ends(result.row.intervals.get(column.key)),
            }


def _ends(interval: Interval | None) -> Yaml:
    """The ends of an interval that the data bound; empty without one."""
    if interval is None:
        return {}
    ends = {"low": interval.low, "high": interval.high}
    bounded: dict[str, Yaml] = {name: end for name, end in ends.items() if math.isfinite(end)}
    return bounded | {"level": interval.level} if bounded else {}
