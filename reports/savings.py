"""Labels saved: how many more labelled images the control needs for the same error."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from benchmark.reports.errors import TableErrors
    from benchmark.reports.tables import Identity, LeaderboardTable
    from benchmark.statistics.bootstrap import Resamples

Curve = Mapping[int, "TableErrors"]
"""The errors of one dataset's tables by number of shots."""


def labels_saved_by(
    tables: Sequence[LeaderboardTable], errors: Sequence[TableErrors | None]
) -> dict[int, dict[Identity, str]]:
    """By place of each table, the labels that its rows save, as text with the interval.

    Args:
        tables: All tables of a report.
        errors: What was read of each.
    """
    curves: dict[tuple[str, str], dict[int, TableErrors]] = defaultdict(dict)
    for table, found in zip(tables, errors, strict=True):
        if found is not None:
            curves[table.group.identity][table.shots] = found
    saved: dict[int, dict[Identity, str]] = {}
    for place, (table, found) in enumerate(zip(tables, errors, strict=True)):
        if found is None:
            continue
        texts = {}
        for row in table.ranked:
            control = table.control_of(row)
            if control is not None and control is not row and row.identity in found.rows:
                text = _saved(row.identity, control.identity, table, curves[table.group.identity])
                if text is not None:
                    texts[row.identity] = text
        saved[place] = texts
    return saved


def _saved(
    identity: Identity, control: Identity, table: LeaderboardTable, curve: Curve
) -> str | None:
    """The text for one row, or None where the control has fewer than two numbers of shots."""
    from benchmark.statistics.efficiency import labels_saved

    here = curve[table.shots]
    # One set of images at all numbers of shots, so that they can be drawn again together.
    shots = [n for n, e in sorted(curve.items()) if control in e.rows and e.images == here.images]
    if len(shots) < 2:
        return None
    known = [curve[n].rows[control] for n in shots]
    own = here.rows[identity]
    seeds = [s for s in own.seeds if all(s in row.seeds for row in known)]
    if not seeds:
        return None
    return labels_saved(
        shots,
        np.stack([row.at(seeds) for row in known]),
        own.at(seeds),
        at=table.shots,
        resamples=_draws(len(seeds), len(here.images)),
        weights=here.weights,
    ).text


@lru_cache(maxsize=4)
def _draws(seeds: int, images: int) -> Resamples:
    """The draws of one size: every row of a report asks for the same."""
    from benchmark.statistics.bootstrap import resample

    return resample(seeds, images)
