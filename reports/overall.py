"""All datasets and numbers of shots together: how each row compares with scratch over them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmark.reports.errors import TableErrors, table_errors
from benchmark.reports.tables import Identity, LeaderboardTable, Row
from benchmark.snapshot import Snapshot

if TYPE_CHECKING:
    from benchmark.statistics.aggregation import Block
    from benchmark.statistics.blocks import CriticalDifference
    from benchmark.statistics.results import Interval
    from benchmark.store import Store

PROFILE_POINTS = 201
PROFILE_RANGE = (0.3, 3.0)


@dataclass(frozen=True, eq=False)
class OverallRow:
    """One strategy over the blocks, which are the tables in which it and its control finished.

    Attributes:
        identity: The strategy.
        title: The method's name.
        blocks: Number of its blocks.
        ratio: Geometric mean over the blocks of MRE over that of scratch, with its interval for
            new seeds and images on these same datasets and numbers of shots.
        interquartile: Interquartile mean of the ratios of single runs (blocks x seeds).
        improvement: Probability that a run has a lower error than one of scratch, mean over
            the blocks.
        ratios: The ratios of single runs.
    """

    identity: Identity
    title: str
    blocks: int
    ratio: Interval
    interquartile: float
    improvement: float
    ratios: np.ndarray


@dataclass(frozen=True, eq=False)
class Area:
    """The area under one strategy's label-efficiency curve on one dataset.

    Attributes:
        identity: The strategy.
        title: The method's name.
        area: Mean error over the range of log(shots), in the dataset's unit, with its interval.
    """

    identity: Identity
    title: str
    area: Interval


@dataclass(frozen=True, eq=False)
class Curve:
    """The areas of one dataset, smallest first, all over the same numbers of shots.

    Attributes:
        dataset: The dataset's full title.
        unit: Its unit.
        shots: The numbers of shots.
        areas: Of the strategies that finished at all of them.
    """

    dataset: str
    unit: str
    shots: tuple[int, ...]
    areas: tuple[Area, ...]


@dataclass(frozen=True, eq=False)
class Overall:
    """The strategies over all blocks, best first.

    Attributes:
        blocks: Title of each block, which is a table with a finished row of scratch.
        rows: Strategies with a control in at least two blocks.
        thresholds: (points,) ratios at which the profiles are read.
        profiles: By identity, (points,) share of runs with a ratio at most that.
        diagram: Average ranks with their critical difference, or None below eight blocks.
        compared: The identities of the diagram, in its order of methods.
        curves: One a dataset with at least two numbers of shots.
    """

    blocks: tuple[str, ...]
    rows: tuple[OverallRow, ...]
    thresholds: np.ndarray
    profiles: Mapping[Identity, np.ndarray]
    diagram: CriticalDifference | None
    compared: tuple[Identity, ...]
    curves: tuple[Curve, ...]


def overall(store: Store, tables: Sequence[LeaderboardTable]) -> Overall | None:
    """Aggregate over the tables; None where there are fewer than two."""
    if len(tables) < 2:
        return None
    errors = [table_errors(store, table.ranked, table.group.thresholds) for table in tables]
    known = [(table, found) for table, found in zip(tables, errors, strict=True) if found]
    blocks, titles = _blocks(known)
    rows = [_row(identity, own, titles[identity]) for identity, own in blocks.items()]
    rows = sorted((row for row in rows if row.blocks > 1), key=lambda row: row.ratio.estimate)
    diagram, compared = _diagram(known)
    from benchmark.statistics.aggregation import performance_profile

    thresholds = np.geomspace(*PROFILE_RANGE, PROFILE_POINTS)
    return Overall(
        blocks=tuple(table.title for table, _ in known),
        rows=tuple(rows),
        thresholds=thresholds,
        profiles={row.identity: performance_profile(row.ratios, thresholds) for row in rows},
        diagram=diagram,
        compared=compared,
        curves=tuple(_curves(known)),
    )


def overall_of(store: Store, tables: Sequence[LeaderboardTable]) -> Overall | None:
    """As :func:`overall` over the tables with a result; made once where the store is a snapshot."""
    finished = [table for table in tables if table.ranked]
    if isinstance(store, Snapshot):
        return store.derived("overall", lambda: overall(store, finished))
    return overall(store, finished)


def _blocks(
    known: Sequence[tuple[LeaderboardTable, TableErrors]],
) -> tuple[dict[Identity, list[Block]], dict[Identity, str]]:
    """By identity, its errors and those of its control in every table that has both."""
    from benchmark.statistics.aggregation import Block

    blocks: dict[Identity, list[Block]] = defaultdict(list)
    titles: dict[Identity, str] = {}
    for table, errors in known:
        for row in table.ranked:
            control = table.control_of(row)
            both = row.identity in errors.rows and control and control.identity in errors.rows
            if control is None or control is row or not both:
                continue
            seeds = errors.common_seeds(row.identity, control.identity)
            if seeds:
                blocks[row.identity].append(
                    Block(
                        method=errors.rows[row.identity].at(seeds),
                        control=errors.rows[control.identity].at(seeds),
                        weights=errors.weights,
                        draw="/".join(table.group.identity),
                    )
                )
                titles[row.identity] = row.title
    return blocks, titles


def _row(identity: Identity, blocks: Sequence[Block], title: str) -> OverallRow:
    from benchmark.statistics.aggregation import (
        interquartile_mean,
        probability_of_improvement,
        ratio_to_control,
    )

    runs = [(_means(b.method, b), _means(b.control, b)) for b in blocks]
    ratios = np.concatenate([own / control for own, control in runs])
    better = [probability_of_improvement(own, control) for own, control in runs]
    return OverallRow(
        identity=identity,
        title=title,
        blocks=len(blocks),
        ratio=ratio_to_control(blocks),
        interquartile=float(interquartile_mean(ratios)),
        improvement=float(np.mean(better)),
        ratios=ratios,
    )


def _means(values: np.ndarray, block: Block) -> np.ndarray:
    """(seeds,) MRE of each run of a block."""
    weights = np.ones(values.shape[-1]) if block.weights is None else block.weights
    return np.asarray(np.average(values, axis=-1, weights=weights))


def _diagram(
    known: Sequence[tuple[LeaderboardTable, TableErrors]],
) -> tuple[CriticalDifference | None, tuple[Identity, ...]]:
    """Ranks over the blocks of the strategies that are in all of them."""
    from benchmark.statistics.blocks import critical_difference

    if not known:
        return None, ()
    tables = [{row.identity: row for row in table.ranked} for table, _ in known]
    everywhere = [identity for identity in tables[0] if all(identity in t for t in tables)]
    if len(everywhere) < 3:
        return None, ()
    errors = np.array([[_mre(table[identity]) for identity in everywhere] for table in tables])
    return critical_difference(errors), tuple(everywhere)


def _mre(row: Row) -> float:
    value = row.number("mre")
    assert value is not None, "a ranked row has an error"
    return value


def _curves(known: Sequence[tuple[LeaderboardTable, TableErrors]]) -> Iterator[Curve]:
    datasets: dict[tuple[str, str], list[tuple[LeaderboardTable, TableErrors]]] = defaultdict(list)
    for table, found in known:
        datasets[table.group.identity].append((table, found))
    for tables in datasets.values():
        first, errors = tables[0]
        # One set of images at all numbers of shots, so that they can be drawn again together.
        alike = [(table, found) for table, found in tables if found.images == errors.images]
        shots = tuple(table.shots for table, _ in alike)
        if len(shots) > 1:
            areas = (_area(row, shots, [found for _, found in alike]) for row in first.ranked)
            ordered = sorted(filter(None, areas), key=lambda area: area.area.estimate)
            yield Curve(first.group.full_title, first.group.unit, shots, tuple(ordered))


def _area(row: Row, shots: Sequence[int], curve: Sequence[TableErrors]) -> Area | None:
    """The area of one row, on the seeds that it has at all numbers of shots."""
    from benchmark.statistics.bootstrap import bootstrap_means, resample
    from benchmark.statistics.efficiency import area_under_curve
    from benchmark.statistics.results import Interval

    own = [errors.rows[row.identity] for errors in curve if row.identity in errors.rows]
    seeds = [seed for seed in own[0].seeds if all(seed in o.seeds for o in own)] if own else []
    if len(own) < len(curve) or not seeds:
        return None
    weights = curve[0].weights
    values = np.stack([errors.at(seeds) for errors in own])
    draws = bootstrap_means(values, resample(len(seeds), values.shape[-1]), weights)
    means = np.average(values, axis=-1, weights=weights).mean(-1)
    low, high = np.percentile(area_under_curve(shots, draws.T), (2.5, 97.5))
    estimate = float(area_under_curve(shots, means))
    return Area(row.identity, row.title, Interval(estimate, float(low), float(high)))
