"""How sure a table is: intervals, pairwise comparisons, ranks and groups for its rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from benchmark.reports.columns import Value, threshold_key
from benchmark.reports.errors import TableErrors, table_errors
from benchmark.reports.savings import labels_saved_by
from benchmark.reports.tables import Identity, LeaderboardTable, Pair, Row

if TYPE_CHECKING:
    from benchmark.statistics.results import Interval
    from benchmark.store import Store

SIGNIFICANCE = 0.05
"""Rows whose adjusted p value is below it are told apart."""


def declared_margin(store: Store) -> float | None:
    """The margin of practical equivalence: the caller's, else that of the last run with one."""
    if store.margin is not None:
        return store.margin
    declared = [run.margin for run in store.runs() if run.margin is not None]
    return declared[-1] if declared else None


def with_evidence(store: Store, tables: Sequence[LeaderboardTable]) -> tuple[LeaderboardTable, ...]:
    """The tables with everything that the errors of single images can say.

    Args:
        store: Where the errors lie; files that cannot be read are named in its problems.
        tables: All tables of the report; labels saved are read off several numbers of shots.
    """
    margin = declared_margin(store)
    errors = [table_errors(store, table.ranked, table.group.thresholds) for table in tables]
    saved = labels_saved_by(tables, errors)
    return tuple(
        table if found is None else _judged(table, found, margin, saved.get(number, {}))
        for number, (table, found) in enumerate(zip(tables, errors, strict=True))
    )


def _judged(
    table: LeaderboardTable,
    errors: TableErrors,
    margin: float | None,
    saved: Mapping[Identity, str],
) -> LeaderboardTable:
    identities = [row.identity for row in table.ranked if row.identity in errors.rows]
    pairs = tuple(_pairs(identities, errors, margin))
    places = _places(identities, pairs)
    ranks = _ranks(identities, errors)
    rows = []
    for row in table.rows:
        added: dict[str, Value] = {
            "rank": ranks.get(row.identity),
            "place": places.get(row.identity),
            "labels_saved": saved.get(row.identity),
        }
        rows.append(
            dataclasses.replace(
                row,
                entries={**row.entries, **added},
                intervals=dict(_intervals(table, row, errors)),
            )
        )
    return dataclasses.replace(table, rows=tuple(rows), pairs=pairs, margin=margin)


def _intervals(
    table: LeaderboardTable, row: Row, errors: TableErrors
) -> Iterator[tuple[str, Interval]]:
    """The intervals of a row by column key, in the units of the columns."""
    from benchmark.statistics.components import two_way_interval
    from benchmark.statistics.proportions import proportion_interval

    own = errors.rows.get(row.identity)
    if own is None:
        return
    yield "mre", two_way_interval(own.means, errors.weights)
    for threshold, within in own.within.items():
        yield threshold_key(threshold), _scaled(proportion_interval(within, errors.weights), 100.0)
    control = table.control_of(row)
    if control is not None and control.identity in errors.rows and row is not control:
        seeds = errors.common_seeds(row.identity, control.identity)
        if seeds:
            below = errors.rows[control.identity].at(seeds)
            yield "gain", _gain(own.at(seeds), below, errors.weights)


def _gain(values: np.ndarray, control: np.ndarray, weights: np.ndarray) -> Interval:
    """100 * (1 - MRE / MRE of the control), its interval by the delta method.

    Args:
        values: (seeds, images) errors.
        control: (seeds, images) errors of the control.
        weights: (images,) number of known landmarks.
    """
    from benchmark.statistics.components import two_way_interval

    share = weights / weights.mean()
    mean, below = float((values * share).mean()), float((control * share).mean())
    ratio = mean / below
    # The ratio's derivative in each value: its mean is the ratio, its spread that of the ratio.
    interval = two_way_interval(ratio + (values - ratio * control) / below, weights)
    return _scaled(
        dataclasses.replace(
            interval, estimate=1 - ratio, low=1 - interval.high, high=1 - interval.low
        ),
        100.0,
    )


def _scaled(interval: Interval, factor: float) -> Interval:
    return dataclasses.replace(
        interval,
        estimate=factor * interval.estimate,
        low=factor * interval.low,
        high=factor * interval.high,
    )


def _pairs(
    identities: Sequence[Identity], errors: TableErrors, margin: float | None
) -> Iterator[Pair]:
    from benchmark.statistics.comparison import compare, holm

    found = []
    for first, second in combinations(identities, 2):
        seeds = errors.common_seeds(first, second)
        if seeds:
            one, other = errors.rows[first].at(seeds), errors.rows[second].at(seeds)
            found.append((first, second, compare(one, other, errors.weights, margin)))
    if found:
        adjusted = holm([comparison.p_value for *_, comparison in found])
        for (first, second, comparison), p_value in zip(found, adjusted, strict=True):
            yield Pair(first, second, comparison, float(p_value))


def _places(identities: Sequence[Identity], pairs: Sequence[Pair]) -> dict[Identity, float]:
    """The place of each row: ties share one."""
    from benchmark.statistics.ranks import places

    order = {identity: number for number, identity in enumerate(identities)}
    better = []
    for pair in pairs:
        if pair.adjusted_p < SIGNIFICANCE:
            first, second = order[pair.first], order[pair.second]
            first_is_better = pair.comparison.difference.estimate < 0
            better.append((first, second) if first_is_better else (second, first))
    return dict(zip(identities, map(float, places(len(identities), better)), strict=True))


def _ranks(identities: Sequence[Identity], errors: TableErrors) -> dict[Identity, str]:
    """The 95 % interval of each row's rank, on the seeds that all rows share."""
    from benchmark.statistics.bootstrap import resample
    from benchmark.statistics.ranks import rank_intervals

    seeds = errors.common_seeds(*identities)
    if len(identities) < 2 or not seeds:
        return {}
    values = np.stack([errors.rows[identity].at(seeds) for identity in identities])
    drawn = resample(len(seeds), len(errors.images))
    ranks = rank_intervals(values, drawn, errors.weights)
    return {
        identity: f"{low}" if low == high else f"{low}–{high}"
        for identity, (low, high) in zip(identities, ranks, strict=True)
    }
