"""Both metrics side by side, as a Markdown file and for the terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Literal

from benchmark.plugins import Report
from benchmark.reports.leaderboard import GAP, escape_markdown
from benchmark.reports.markdown_tables import markdown_table
from benchmark.reports.published_metric import MetricTable, metric_tables

if TYPE_CHECKING:
    from rich.console import Console

    from benchmark.store import Store

NAME = 16
"""Least width of the column of names in a terminal."""

NOTHING = (
    "The released code knows datasets of 6, 19 and 37 landmarks (chest, head, hand), and tells "
    "them apart by that: no finished cell here is of one."
)


class ReleasedMetric(Report):
    """The metric of the paper's released code beside the own one, over the same predictions."""

    name = "published-metric"
    filename = "published-metric.md"

    def render(self, store: Store) -> str:
        """One table for each table of the leaderboard whose images are real radiographs."""
        return "\n".join(_markdown(list(metric_tables(store, synthetic=False))))

    def show(self, store: Store, console: Console, cells: Collection[str] | None = None) -> None:
        """Print the tables, those of computed images too."""
        from rich.text import Text

        chosen = None if cells is None else [c for c in store.cells() if c.key in cells]
        tables = list(metric_tables(store, chosen))
        if not tables:
            console.print(Text(NOTHING))
        for table in tables:
            _print(table, console)


def _markdown(tables: list[MetricTable]) -> Iterator[str]:
    yield "# Two metrics"
    yield ""
    if not tables:
        yield "No real radiographs of 6, 19 or 37 landmarks: the released code knows no others."
        yield ""
    for table in tables:
        yield f"## {escape_markdown(table.title)}"
        yield ""
        yield from markdown_table(table.headings(), [table.texts(line) for line in table.lines])
        for note in table.notes:
            yield f"- {escape_markdown(note)}"
        yield ""


def _print(table: MetricTable, console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    headings = table.headings(brief=True)
    lines = [table.texts(line, brief=True) for line in table.lines]
    # Headings break between words, so that the names get what room there is.
    widths = [
        max(len(word) for text in (heading, *column) for word in text.split())
        for heading, *column in zip(headings, *lines, strict=True)
    ]
    room = console.width - sum(widths[1:]) - GAP * len(widths)
    widths[0] = max(NAME, min(room, max(len(texts[0]) for texts in lines)))
    for place, (heading, width) in enumerate(zip(headings, widths, strict=True)):
        side: Literal["left", "right"] = "right" if place else "left"
        grid.add_column(Text(heading), justify=side, overflow="fold", width=width)
    for texts in lines:
        grid.add_row(*map(Text, texts))
    console.print()
    console.print(Text(table.title, style="bold"))
    console.print()
    console.print(grid)
    for note in table.notes:
        console.print(Text(note, style="dim"))
