"""The metric of the paper's released code over the predictions of finished cells, beside our own.

Nothing is trained for it: the same points are measured twice, and once more without each flaw.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmark.errors import StoreError
from benchmark.published_metric import (
    FLAWS,
    KINDS,
    Kind,
    MetricFlaws,
    published_errors,
    published_unit,
)
from benchmark.reports.building import build_tables
from benchmark.reports.columns import threshold_key

if TYPE_CHECKING:
    from benchmark.reports.tables import LeaderboardTable, Row
    from benchmark.schema import CellRecord
    from benchmark.statistics.results import Interval
    from benchmark.store import Store

CAPTION = (
    "Metric of the code that Di Via et al. (WACV 2025) released, over the same predictions: no "
    "number of it compares with tables that are measured in the images' own coordinates."
)
MEANINGS: Mapping[str, str] = {
    "rounded_points": "prediction and truth rounded to whole px of a 256 x 256 image",
    "cut_disks": "truth read back from a disk that the border may cut",
    "exchanged_axes": "spacing of x and y exchanged",
    "squashed_wrist": "lengths measured in the squashed image",
    "small_grid": "px of 256 x 256 instead of the reference size",
}
"""What each flaw is, by its name in :class:`benchmark.published_metric.MetricFlaws`."""


@dataclass(frozen=True)
class Line:
    """One row of a leaderboard under both metrics, means over its seeds.

    Attributes:
        row: The row.
        mre: Under the released metric, in the table's ``unit``.
        interval: Of ``mre``, 95 % for new seeds and new images.
        sdr: Under the released metric by threshold, percent.
        without: The released MRE with one flaw switched off, by the flaw's name.
    """

    row: Row
    mre: float
    interval: Interval
    sdr: Mapping[float, float]
    without: Mapping[str, float]


@dataclass(frozen=True)
class MetricTable:
    """A leaderboard's table under both metrics.

    Attributes:
        table: The leaderboard's.
        kind: Which of its datasets the released code takes this one for.
        unit: Of the released metric.
        lines: In the order of the table's rows.
    """

    table: LeaderboardTable
    kind: Kind
    unit: str
    lines: tuple[Line, ...]

    @property
    def title(self) -> str:
        """Dataset and shots."""
        return f"{self.table.title}: two metrics"

    def headings(self, *, brief: bool = False) -> list[str]:
        """Of the columns, with units; ``brief``: of the first threshold alone."""
        own, theirs = self.table.group.unit, self.unit
        heads = ["Method", f"MRE own ({own})", f"MRE published ({theirs})"]
        for name in FLAWS[self.kind]:
            unit = own if name == "small_grid" else theirs
            heads.append(f"without {name.replace('_', ' ')} ({unit})")
        for threshold in self._thresholds(brief):
            heads += [f"SDR {threshold:g} own (%)", f"SDR {threshold:g} published (%)"]
        return heads

    def texts(self, line: Line, *, brief: bool = False) -> list[str]:
        """The cells of a line, in the order of the headings; ``brief``: without intervals."""
        row, own = line.row, line.row.intervals.get("mre")
        texts = [row.name, _error(row.number("mre") or 0.0, None if brief else own)]
        texts.append(_error(line.mre, None if brief else line.interval))
        texts += [_error(line.without[name]) for name in FLAWS[self.kind]]
        for threshold in self._thresholds(brief):
            value = row.number(threshold_key(threshold))
            texts += ["" if value is None else f"{value:.1f}", f"{line.sdr[threshold]:.1f}"]
        return texts

    def _thresholds(self, brief: bool) -> tuple[float, ...]:
        return self.table.group.thresholds[: 1 if brief else None]

    @property
    def notes(self) -> list[str]:
        """What must be known of the table, a sentence each."""
        flaws = "; ".join(
            f"{name.replace('_', ' ')}: {MEANINGS[name]}" for name in FLAWS[self.kind]
        )
        return [CAPTION, f"A column 'without' has one flaw off and the others on. {flaws}."]


def _error(value: float, interval: Interval | None = None) -> str:
    bracket = f" [{interval.low:.2f}, {interval.high:.2f}]" if interval is not None else ""
    return f"{value:.2f}{bracket}"


def metric_tables(
    store: Store, cells: Iterable[CellRecord] | None = None, *, synthetic: bool = True
) -> Iterator[MetricTable]:
    """The leaderboard's tables under both metrics, where the released code knows the dataset.

    Args:
        store: Where predictions lie; what cannot be read is named in its problems.
        cells: The cells to show; all of the store where None.
        synthetic: Whether computed images are measured too.
    """
    for table in build_tables(store, cells):
        record = table.group.record
        kind = KINDS.get(len(record.landmark_names)) if record is not None else None
        if kind is None or (table.group.synthetic and not synthetic):
            continue
        lines = [_line(store, row, table, kind) for row in table.ranked]
        found = tuple(line for line in lines if line is not None)
        if found:
            yield MetricTable(table, kind, published_unit(kind), found)


def _line(store: Store, row: Row, table: LeaderboardTable, kind: Kind) -> Line | None:
    """A row under the released metric; None where none of its predictions can be measured."""
    from benchmark.statistics.components import two_way_interval

    whole = MetricFlaws()
    variants = {"": whole} | {name: whole.without(name) for name in FLAWS[kind]}
    measured: dict[str, list[np.ndarray]] = {name: [] for name in variants}
    for cell in row.done:
        try:
            errors = _errors(store, cell, kind, variants)
        except (StoreError, ValueError) as problem:
            sentence = f"{row.name}, seed {cell.labels.seed}: no released metric ({problem})"
            if sentence not in store.problems:
                store.problems.append(sentence)
            continue
        for name, values in errors.items():
            measured[name].append(values)
    if not measured[""]:
        return None
    known = np.isfinite(measured[""][0])
    seen = known.any(1)
    means = np.stack([_image_means(values)[seen] for values in measured[""]])
    return Line(
        row=row,
        mre=_mean(measured[""]),
        interval=two_way_interval(means, known.sum(1)[seen].astype(float)),
        sdr={
            threshold: statistics.fmean(
                100 * float((values[known] <= threshold).mean()) for values in measured[""]
            )
            for threshold in table.group.thresholds
        },
        without={name: _mean(values) for name, values in measured.items() if name},
    )


def _errors(
    store: Store, cell: CellRecord, kind: Kind, variants: Mapping[str, MetricFlaws]
) -> dict[str, np.ndarray]:
    """(images, landmarks) errors of a cell, by the name of what is switched off."""
    points, sizes = store.points(cell.key), store.image_sizes(cell.dataset_key or "")
    absent = [name for name in points.image_ids if name not in sizes]
    if absent:
        raise StoreError(f"the index of the dataset lacks the image {absent[0]}: `run` again")
    frame = np.array([sizes[name] for name in points.image_ids])
    return {
        name: published_errors(points.predicted, points.truth, frame, points.spacing, kind, flaws)
        for name, flaws in variants.items()
    }


def _mean(values: Sequence[np.ndarray]) -> float:
    """Over all known landmarks of each cell, then over cells."""
    return statistics.fmean(float(np.nanmean(each)) for each in values)


def _image_means(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values).sum(1)
    means: np.ndarray = np.nansum(values, axis=1) / np.maximum(known, 1)
    return means
