"""What the page shows of each dataset: its tables, its legend and its curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.reports import figures
from benchmark.reports.gallery import PredictionReader
from benchmark.reports.styles import Styles
from benchmark.reports.tables import DatasetGroup, LeaderboardTable, Row


@dataclass(frozen=True)
class DatasetSection:
    """Everything the report shows of one dataset's results.

    Attributes:
        place: The place of the dataset in the page.
        group: The dataset.
        tables: Its tables with their places among all tables of the page, fewest labels first.
        series: Its finished rows, each strategy once.
        efficiency: The label-efficiency curve as SVG; empty where nothing has finished.
        cumulative: The error distribution as SVG; empty where no prediction can be read.
        cumulative_title: What the error distribution is of.
    """

    place: int
    group: DatasetGroup
    tables: tuple[tuple[int, LeaderboardTable], ...]
    series: tuple[Row, ...]
    efficiency: str
    cumulative: str
    cumulative_title: str


def dataset_sections(
    tables: Sequence[LeaderboardTable], styles: Styles, reader: PredictionReader
) -> list[DatasetSection]:
    """One section a dataset, in the order of the tables."""
    identities = list(dict.fromkeys(table.group.identity for table in tables))
    sections = []
    for number, identity in enumerate(identities):
        placed = [(p, t) for p, t in enumerate(tables) if t.group.identity == identity]
        finished = [table for _, table in placed if table.ranked]
        # Legends in the order of the table with the most labels, then what only others have.
        rows = {row.identity: row for table in reversed(finished) for row in table.ranked}
        curve = (
            figures.label_efficiency(finished, styles, f"efficiency-{number}") if finished else ""
        )
        sections.append(
            DatasetSection(
                place=number,
                group=placed[0][1].group,
                tables=tuple(placed),
                series=tuple(rows.values()),
                efficiency=curve,
                cumulative=_cumulative(finished, styles, reader, number),
                cumulative_title=finished[-1].labelled_images if finished else "",
            )
        )
    return sections


def _cumulative(
    finished: Sequence[LeaderboardTable], styles: Styles, reader: PredictionReader, number: int
) -> str:
    """The error distribution of the table with the most labels."""
    if not finished:
        return ""
    errors = {
        row.identity: values for row in finished[-1].ranked if len(values := reader.errors(row))
    }
    if not errors:
        return ""
    return figures.cumulative_errors(finished[-1], errors, styles, f"cumulative-{number}")
