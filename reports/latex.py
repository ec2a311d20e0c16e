"""The leaderboard as LaTeX: one booktabs table for each dataset and number of shots."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from benchmark.files import key_of
from benchmark.plugins import Report
from benchmark.reports.building import build_tables
from benchmark.reports.columns import ARROWS, METHOD, MRE
from benchmark.reports.evidence import SIGNIFICANCE
from benchmark.reports.latex_text import escape_latex

if TYPE_CHECKING:
    from benchmark.reports.columns import Column
    from benchmark.reports.tables import LeaderboardTable, Reference, Row
    from benchmark.statistics.results import Interval
    from benchmark.store import Store

HEADER = """\
% The leaderboard, made by the software from the results in its store. Put it into a document with
%   \\usepackage[T1]{fontenc}
%   \\usepackage{booktabs}
% and \\input{leaderboard}. Names in other scripts than Latin need XeLaTeX or LuaLaTeX.
"""
EMPTY = "% The store holds no cell yet.\n"

# What fits the width of a page; the other columns are in leaderboard.csv.
_COLUMNS = ("method", "backbone", "transfer", "variant", "mre", "place", "gain", "seeds")
_SDR = "sdr@"


def render_latex(tables: Sequence[LeaderboardTable]) -> str:
    """The whole file: a comment that names the packages, then the tables.

    Args:
        tables: The tables in their order.
    """
    parts = [HEADER, *("\n".join(_table(table)) + "\n" for table in tables)]
    return "\n".join(parts if tables else [HEADER, EMPTY])


def _table(table: LeaderboardTable) -> Iterator[str]:
    columns = [c for c in table.columns(keep_backbone=False) if _fits(c)]
    yield r"\begin{table}[htbp]"
    yield r"\centering"
    yield r"\small"
    yield rf"\caption{{{_caption(table)}}}"
    yield rf"\label{{{table_label(table)}}}"
    yield rf"\begin{{tabular}}{{{''.join('r' if c.numeric else 'l' for c in columns)}}}"
    yield r"\toprule"
    yield _line([escape_latex(column.title) for column in columns])
    yield _line([_subheading(column, table.group.unit) for column in columns])
    yield r"\midrule"
    best = sole_best(table)
    for row in table.rows:
        yield _line([_entry(column, row, bold=row is best) for column in columns])
    if table.references:
        yield r"\midrule"
    for reference in table.references:
        yield _line([_reference_entry(column, reference) for column in columns])
    yield r"\bottomrule"
    yield r"\end{tabular}"
    for note in table.notes:
        yield rf"\par{{\footnotesize {escape_latex(note)}\par}}"
    yield r"\end{table}"


def _fits(column: Column) -> bool:
    return column.key in _COLUMNS or column.key.startswith(_SDR)


def _line(texts: Sequence[str]) -> str:
    return " & ".join(texts) + r" \\"


def _caption(table: LeaderboardTable) -> str:
    sentences = [f"{table.title}."]
    if len(table.backbones()) == 1:
        sentences.append(f"Backbone {table.backbones()[0]}.")
    if table.group.synthetic:
        sentences.append("Synthetic images.")
    levels = {row.intervals[MRE.key].level for row in table.rows if MRE.key in row.intervals}
    if levels:
        level = " and ".join(f"{100 * level:g} %" for level in sorted(levels))
        sentences.append(f"MRE with its {level} interval.")
    if sole_best(table) is not None:
        sentences.append("Bold: better than every other row by more than chance.")
    return escape_latex(" ".join(sentences))


def table_label(table: LeaderboardTable) -> str:
    """The label of a table, such as ``tab:hand-50``; with a digest where names would not differ."""
    name = table.group.name
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if slug != name or table.group.detail:
        slug = f"{slug}-{key_of([name, table.group.detail])[:8]}".strip("-")
    return f"tab:{slug}-{table.shots}"


def sole_best(table: LeaderboardTable) -> Row | None:
    """The first row, where it is better than every other by more than chance; else None."""
    if len(table.ranked) < 2:
        return None
    best, *others = table.ranked
    return best if all(_is_better(table, best, other) for other in others) else None


def _is_better(table: LeaderboardTable, row: Row, other: Row) -> bool:
    pair = table.pair(row.identity, other.identity)
    if pair is None or pair.adjusted_p >= SIGNIFICANCE:
        return False
    # On the seeds that both have, the order may be another than that of the table.
    difference = pair.comparison.difference.estimate
    return difference < 0 if pair.first == row.identity else difference > 0


def _subheading(column: Column, unit: str) -> str:
    return escape_latex(f"{column.unit_text(unit)} {ARROWS[column.direction]}")


def _entry(column: Column, row: Row, *, bold: bool) -> str:
    value = row.entries.get(column.key)
    if value is None:
        return ""
    text = escape_latex(column.format(value))
    if bold and column.key in (METHOD.key, MRE.key):
        text = rf"\textbf{{{text}}}"
    interval = row.intervals.get(MRE.key) if column.key == MRE.key else None
    return text if interval is None else f"{text} {_interval(column, interval)}"


def _interval(column: Column, interval: Interval) -> str:
    """The ends in brackets; one that the data do not bound as infinity."""
    ends = (
        escape_latex(column.format(end).replace("-", "−")) if math.isfinite(end) else _infinity(end)
        for end in (interval.low, interval.high)
    )
    return "{[}" + ", ".join(ends) + "{]}"


def _infinity(end: float) -> str:
    return r"$-\infty$" if end < 0 else r"$\infty$"


def _reference_entry(column: Column, reference: Reference) -> str:
    if column.key == METHOD.key:
        return rf"\emph{{{escape_latex(reference.title)}}}"
    value = reference.entries.get(column.key)
    return "" if value is None else escape_latex(column.format(value))


class LatexLeaderboard(Report):
    """The leaderboard as LaTeX tables with booktabs, for a paper."""

    name = "latex"
    filename = "leaderboard.tex"

    def render(self, store: Store) -> str:
        """One table for each dataset and number of shots."""
        return render_latex(build_tables(store))
