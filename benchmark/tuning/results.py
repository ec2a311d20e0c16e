"""The table at the end of a tuning: the best options beside the default ones, and what they say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmark.tuning.records import StudyRecord

if TYPE_CHECKING:
    from benchmark.statistics.results import Interval


COLUMNS = (
    "Method",
    "Trials",
    "Default ({unit})",
    "Best ({unit})",
    "Best - default",
    "All finished",
    "Best options",
)


def difference(record: StudyRecord) -> Interval | None:
    """Best minus default over the same held-out images, with its 95 % interval.

    None where either was not finished, or they are one. The best was chosen by these very images,
    so it looks better here than it is.
    """
    from benchmark.statistics.comparison import compare

    best, default = record.best, record.default
    if best is None or default is None or best.number == default.number or len(best.errors) < 2:
        return None
    one, other = (np.array([trial.errors]) for trial in (best, default))
    return compare(one, other).difference


def print_results(records: Sequence[StudyRecord], console: Console) -> None:
    """One row a search, its best options in a line below, and the sentences that belong to it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    unit = next((record.unit for record in records if record.unit), "")
    for name in COLUMNS[:-1]:
        table.add_column(name.format(unit=unit), overflow="fold", no_wrap=name != COLUMNS[0])
    for record in records:
        table.add_row(*map(escape, summary(record)[:-1]))
    console.print()
    console.print(table)
    # In a column of their own they would be folded into a tower.
    for record in records:
        if record.best is not None:
            _say(f"{record.name}, best: {summary(record)[-1]}", console)
    for sentence in sentences(records):
        _say(sentence, console)


def _say(line: str, console: Console) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def summary(record: StudyRecord) -> list[str]:
    """The texts of a search, one for each of ``COLUMNS``."""
    best, default, between = record.best, record.default, difference(record)
    pruned = sum(trial.state == "pruned" for trial in record.trials)
    failed = sum(trial.state == "failed" for trial in record.trials)
    parts = [f"{record.counted}"]
    parts += [f"{pruned} pruned"] if pruned else []
    parts += [f"{failed} failed"] if failed else []
    scores = [trial.score for trial in record.finished if trial.score is not None]
    return [
        record.name,
        ", ".join(parts),
        _number(default.score if default else None),
        _number(best.score if best else None),
        f"{between.estimate:+.2g} [{between.low:+.2g}, {between.high:+.2g}]" if between else "",
        f"{min(scores):.3g}–{max(scores):.3g}" if scores else "",
        ", ".join(f"{d.title} {best.values[d.name]:.2g}" for d in record.dimensions)
        if best
        else "",
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def sentences(records: Sequence[StudyRecord]) -> Iterator[str]:
    """What must be said under the table."""
    if any(record.best is not None for record in records):
        yield (
            "Scores are mean errors over held-out labelled images, none of them a test image; "
            "brackets are 95 % intervals for new images. The best options were chosen by these "
            "scores, so they look better here than they are: run --tuned measures them."
        )
    for record in records:
        default, best = record.default, record.best
        if best is not None and default is not None and best.number == default.number:
            yield f"{record.name}: no trial was better than the default options."
        failed = [trial for trial in record.trials if trial.state == "failed"]
        if failed:
            count = "1 trial" if len(failed) == 1 else f"{len(failed)} trials"
            yield f"{record.name}: {count} failed; the last: {failed[-1].reason}"
    counts = {record.counted for record in records}
    if len(counts) > 1:
        yield (
            f"Methods differ in their trials ({min(counts)} to {max(counts)}): the comparison is "
            "fair once all have as many; the same command goes on."
        )
