"""Tables with made-up evidence, and a store whose every name is hostile, for report writers."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path

from benchmark.reports.tables import LeaderboardTable, Pair, Row
from benchmark.statistics.results import Comparison, Components, Interval
from benchmark.store import Store
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import STRATEGIES, Data

HOSTILE = r"50 % & {#1} \input{x}_[a]* ^~$\alpha$ <script>alert(1)</script> |`c`" + "\n--- # é"
HOSTILE_DATA = Data(
    name=HOSTILE,
    title=HOSTILE,
    synthetic=True,
    unit="mm",
    thresholds=(2.0, 4.0),
    landmarks=(HOSTILE, "tip", "base"),
)


def hostile_store(root: Path) -> Store:
    """One dataset whose name, title and landmark would break every format if they were not told.

    Two methods, one of which is not installed and has such a name too.
    """
    unknown = dataclasses.replace(STRATEGIES[1], method=f"m-{HOSTILE}", title=HOSTILE)
    return build_store(
        root,
        datasets=[HOSTILE_DATA],
        strategies=[STRATEGIES[0], unknown],
        shots=[10],
        seeds=[0],
        failed=(),
        spec_changes={"method": {"name": "m", "version": 1, "options": {"file": HOSTILE}}},
    )


def judged(
    table: LeaderboardTable, *, apart: bool = True, low: float = 0.9, margin: float | None = None
) -> LeaderboardTable:
    """The table with evidence in place of whatever it has.

    Args:
        table: With any number of rows.
        apart: Whether every two rows are told apart.
        low: Lower end of every interval of MRE as a share of its value; ``-inf`` for no bound.
        margin: Of every comparison.
    """
    places = itertools.count(1) if apart else itertools.repeat(1)
    rows = tuple(_judged_row(row, next(places), low) if row.done else row for row in table.rows)
    ranked = [row.identity for row in rows if row.done]
    comparison, p_value = _comparison(margin), 0.04 if apart else 0.06
    pairs = tuple(Pair(a, b, comparison, p_value) for a, b in itertools.combinations(ranked, 2))
    return dataclasses.replace(table, rows=rows, pairs=pairs, margin=margin)


def _judged_row(row: Row, place: int, low: float) -> Row:
    error = row.number("mre")
    assert error is not None
    end = low * error if math.isfinite(low) else low
    return dataclasses.replace(
        row,
        entries={**row.entries, "place": float(place), "rank": "1–2"},
        intervals={"mre": Interval(error, end, 1.1 * error)},
    )


def _comparison(margin: float | None) -> Comparison:
    components = Components(-0.3, 3, 30, math.nan, 0.02, 0.04, 0.05, 4.2)
    return Comparison(
        difference=Interval(-0.3, -0.5, -0.1),
        components=components,
        p_value=0.01,
        sign_flip_p=0.002,
        win_rate=Interval(0.75, 0.6, 0.86),
        margin=margin,
        verdict="lower" if margin is None else "equivalent",
    )
