"""Pretrainings that have learnt nothing by their own loss, and do not show what a method can do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from benchmark.reports.tables import LeaderboardTable, Row

if TYPE_CHECKING:
    from benchmark.schema import PretrainingRecord


def untaught(table: LeaderboardTable, pretrainings: Iterable[PretrainingRecord]) -> tuple[str, ...]:
    """One sentence a row with a pretraining whose loss ends no lower than that of knowing nothing.

    Args:
        table: The rows.
        pretrainings: Of the store; those without a loss of knowing nothing are taken on trust.
    """
    known = {record.key: record for record in pretrainings}
    return tuple(sentence for row in table.ranked for sentence in _told(row, known))


def _told(row: Row, known: dict[str, PretrainingRecord]) -> Iterator[str]:
    records = [known[cell.pretraining_key] for cell in row.done if cell.pretraining_key in known]
    failed = []
    for record in dict.fromkeys(record.key for record in records):
        metrics = known[record].metrics
        last, reference = metrics.get("loss_last"), metrics.get("reference_loss")
        if isinstance(last, float) and isinstance(reference, float) and last >= reference:
            failed.append((last, reference, str(metrics.get("reference_meaning") or "")))
    if not failed:
        return
    count = len({record.key for record in records})
    which = "its pretraining" if count == 1 else f"{len(failed)} of its {count} pretrainings"
    losses = sorted({f"{last:.3g}" for last, _, _ in failed})
    _, reference, meaning = failed[0]
    yield (
        f"{row.name}: {which} learnt nothing by the loss, which ended at {', '.join(losses)} where "
        f"{reference:.3g} is knowing nothing ({meaning}); at this budget the row does not show "
        "what the method can do."
    )
