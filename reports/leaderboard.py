"""The leaderboard in the terminal, in Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from benchmark.plugins import Report
from benchmark.reports.building import build_tables
from benchmark.reports.columns import (
    BACKBONE,
    METHOD,
    MRE,
    SEEDS,
    VARIANT,
    Column,
    leaderboard_columns,
)
from benchmark.reports.published import published_beside
from benchmark.reports.tables import LeaderboardTable, Reference, Row

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from benchmark.schema import CellRecord
    from benchmark.store import Store

EMPTY = (
    "This store holds no cell yet: `python -m benchmark run --methods ddpm,simclr,moco "
    "--shots 50` computes the first ones."
)
PUBLISHED_ELSEWHERE = (
    "Published numbers are not ranked, and were measured otherwise: leaderboard.md says of each "
    "where it is from, how it was measured, and how sure it is."
)
GAP = 2
SMALLEST_NAME = 13


def print_leaderboard(
    store: Store, console: Console, cells: Iterable[CellRecord] | None = None
) -> None:
    """Print one table for each dataset and number of shots, as wide as the console.

    Args:
        store: The store to read.
        console: Columns are left out, the least important first, until they fit its width.
        cells: The cells to show; all of the store where None.
    """
    from rich.text import Text

    tables = build_tables(store, cells)
    if not tables:
        console.print(Text(EMPTY))
    for table in tables:
        _print_table(table, console)


def fitting_columns(table: LeaderboardTable, width: int) -> dict[Column, int]:
    """The columns that fit ``width`` characters, with the width of each.

    Those of priority 0 always stay. Names are folded as far as the gain and the first SDR need.
    """
    columns = table.columns(keep_backbone=False)
    widths = {column: _column_width(column, table) for column in columns}
    kept = [column for column in columns if column.priority <= 1]
    excess = sum(widths[column] + GAP for column in kept) - width
    for column in (c for c in (VARIANT, BACKBONE, METHOD) if c in widths):
        narrowed = max(min(widths[column], SMALLEST_NAME), widths[column] - max(excess, 0))
        excess -= widths[column] - narrowed
        widths[column] = narrowed
    room = width
    fitting = set()
    for column in sorted(columns, key=lambda c: c.priority):
        room -= widths[column] + GAP
        if room < 0 and column.priority > 0:
            break
        fitting.add(column)
    return {column: widths[column] for column in columns if column in fitting}


def _column_width(column: Column, table: LeaderboardTable) -> int:
    texts = [column.title, column.subheading(table.group.unit)]
    texts += [_terminal_text(column, row) for row in table.rows]
    if column is METHOD:
        texts += [reference.title for reference in table.unranked]
    return max(len(text) for text in texts)


def _terminal_text(column: Column, row: Row) -> str:
    """A cell's text; only the error has its interval beside it, for want of room."""
    return column.text(row.entries, row.intervals if column is MRE else {})


def legends(columns: Iterable[Column]) -> list[str]:
    """What must be said under a table that shows these columns."""
    return [f"{column.title}: {column.legend}" for column in columns if column.legend]


def _print_table(table: LeaderboardTable, console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    columns = fitting_columns(table, console.width)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for column, width in columns.items():
        heading = Text(f"{column.title}\n{column.subheading(table.group.unit)}".strip())
        grid.add_column(
            heading,
            justify="right" if column.numeric else "left",
            no_wrap=column.numeric,
            overflow="fold",
            width=width,
        )
    _fill(grid, table, columns)
    title = Text(table.title, style="bold")
    if BACKBONE not in columns and table.backbones():
        title.append(f" · backbone {table.backbones()[0]}", style="not bold")
    if table.group.synthetic:
        title.append(" · synthetic images", style="not bold")
    console.print()
    console.print(title)
    console.print()
    console.print(grid)
    sources = [PUBLISHED_ELSEWHERE] if table.published else []
    for note in (*table.notes, *sources, *legends(columns)):
        console.print(Text(note, style="dim"))
    for row in table.rows:
        for sentence in row.failures():
            console.print(Text(sentence, style="red"))


def _fill(grid: Table, table: LeaderboardTable, columns: Mapping[Column, int]) -> None:
    from rich.text import Text

    for place, row in enumerate(table.rows):
        style = "bold" if place == 0 and row.done else "red" if not row.done else ""
        texts = (fold(_terminal_text(c, row), width) for c, width in columns.items())
        grid.add_row(
            *(Text(text, style=style) for text in texts), end_section=place == len(table.rows) - 1
        )
    for reference in table.unranked:
        texts = (fold(_reference_text(c, reference), width) for c, width in columns.items())
        grid.add_row(*(Text(text, style="italic dim") for text in texts))


def fold(text: str, width: int) -> str:
    """Break a long name after a space, a slash or an underscore where it can be."""
    lines = [""]
    for part in re.findall(r"[^ /_]*[ /_]?", text):
        if len(lines[-1]) + len(part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines if line)


def _reference_text(column: Column, reference: Reference) -> str:
    return reference.title if column is METHOD else column.text(reference.entries, {})


def render_markdown(store: Store) -> str:
    """The leaderboard of all cells as Markdown."""
    parts = ["# Leaderboard", ""]
    tables = build_tables(store)
    if not tables:
        parts += [EMPTY, ""]
    for table in tables:
        parts += _markdown_table(table)
    return "\n".join(parts)


def _markdown_table(table: LeaderboardTable) -> Iterable[str]:
    columns = table.columns()
    yield f"## {escape_markdown(table.title)}"
    yield ""
    if table.group.synthetic:
        yield "Synthetic images."
        yield ""
    yield _markdown_row([column.heading(table.group.unit) for column in columns])
    yield _markdown_row(["---:" if column.numeric else ":---" for column in columns])
    for row in table.rows:
        yield _markdown_row(
            [escape_markdown(column.text(row.entries, row.intervals)) for column in columns]
        )
    for reference in table.unranked:
        texts = (escape_markdown(_reference_text(column, reference)) for column in columns)
        yield _markdown_row([f"*{text}*" if text else "" for text in texts])
    yield ""
    for note in (*table.notes, *legends(columns)):
        yield f"- {escape_markdown(note)}"
    for reference in table.references:
        yield f"- {reference.title}, not ranked: {reference.explanation}"
    for row in table.rows:
        for sentence in row.failures():
            yield f"- {escape_markdown(sentence)}"
    for result in published_beside(table):
        yield f"- Published, not ranked: {escape_markdown(result.sentence)}"
    yield ""


def _markdown_row(texts: Sequence[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is: no HTML, no new cell, no new line."""
    text = " ".join(text.split()).replace("\\", "\\\\")
    for character, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, written)
    for character in "|*`[]":
        text = text.replace(character, f"\\{character}")
    return text


def render_csv(store: Store) -> str:
    """The leaderboard of all cells as CSV: full precision, one line a row or reference line."""
    tables = build_tables(store)
    thresholds = sorted({t for table in tables for t in table.group.thresholds})
    columns = [c for c in leaderboard_columns(thresholds) if c is not SEEDS and c is not METHOD]
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    context = ["dataset", "data", "shots", "unit", "kind", "method", "title"]
    counts = ["seeds_done", "seeds_failed", "failure"]
    measured = [name for column in columns for name in _csv_names(column)]
    writer.writerow([*context, *measured, *counts])
    for table in tables:
        group = table.group
        start = [group.name, group.detail, table.shots, group.unit]
        for row in table.rows:
            kind = "control" if row.control else "method"
            end = [len(row.done), len(row.failed), "; ".join(row.failures())]
            names = [kind, row.identity.method, row.title]
            writer.writerow([*start, *names, *_csv_values(row, columns), *end])
        for reference in table.unranked:
            kind = "published" if reference in table.published else "reference"
            names = [kind, reference.key, reference.title]
            writer.writerow([*start, *names, *_csv_values(reference, columns), "", "", ""])
    return output.getvalue()


def _csv_names(column: Column) -> list[str]:
    names = [column.key]
    if column.has_interval:
        names += [f"{column.key}_low", f"{column.key}_high"]
    return [*names, "mre_sd"] if column is MRE else names


def _csv_values(line: Row | Reference, columns: Sequence[Column]) -> list[object]:
    row = line if isinstance(line, Row) else None
    values: list[object] = []
    for column in columns:
        value = line.entries.get(column.key)
        values.append("" if value is None else value)
        if column.has_interval:
            interval = row.intervals.get(column.key) if row else None
            values += ["", ""] if interval is None else [interval.low, interval.high]
        if column is MRE:
            values.append(row.spreads.get(column.key, "") if row else "")
    return values


class MarkdownLeaderboard(Report):
    """The leaderboard as a Markdown file, for a repository or a pull request."""

    name = "markdown"
    filename = "leaderboard.md"

    def render(self, store: Store) -> str:
        """One table for each dataset and number of shots."""
        return render_markdown(store)


class CsvLeaderboard(Report):
    """The leaderboard as a CSV file, for spreadsheets and scripts."""

    name = "csv"
    filename = "leaderboard.csv"

    def render(self, store: Store) -> str:
        """One line for each row and reference line of every table."""
        return render_csv(store)
