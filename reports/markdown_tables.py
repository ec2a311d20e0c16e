"""Markdown tables from plain texts, which are escaped on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from benchmark.reports.leaderboard import escape_markdown

NOT_RECORDED = "Not recorded."


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table and an empty one; nothing where there are no rows.

    Args:
        headings: One a column; a column without any text is left out.
        rows: Texts in the order of the headings.
    """
    lines = [tuple(row) for row in rows]
    kept = [n for n in range(len(headings)) if any(line[n] for line in lines)]
    if not kept:
        return
    yield _line(headings[n] for n in kept)
    yield _line("---" for _ in kept)
    for line in lines:
        yield _line(line[n] for n in kept)
    yield ""


def fact_lines(facts: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A list of names and what is known of them, and an empty line.

    Args:
        facts: Names or questions, and texts; an empty text stands for what nobody has recorded.
    """
    for name, text in facts:
        mark = "" if name.endswith("?") else ":"
        yield f"- **{escape_markdown(name)}{mark}** {escape_markdown(text) or NOT_RECORDED}"
    yield ""


def _line(texts: Iterable[str]) -> str:
    return "| " + " | ".join(escape_markdown(text) for text in texts) + " |"
