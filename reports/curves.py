"""Training curves and generated samples of the store, gathered for the report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.errors import StoreError
from benchmark.reports.building import dataset_groups
from benchmark.reports.loss_figures import LossLine, loss_curves, thin_history
from benchmark.reports.pictures import LONGEST_SAMPLES, embed
from benchmark.reports.tables import WHOLE, Identity, LeaderboardTable, Row

if TYPE_CHECKING:
    from benchmark.reports.pictures import Picture, PreviewLibrary
    from benchmark.reports.styles import Styles
    from benchmark.schema import CellRecord, PretrainingRecord
    from benchmark.store import Store

MOST_PRETRAINING_CURVES = 16
MOST_FINETUNING_CURVES = 12
MOST_SAMPLES = 6
REAL_IMAGES = 8


@dataclass(frozen=True)
class Curve:
    """A small figure with its title."""

    title: str
    detail: str
    svg: str


@dataclass(frozen=True)
class Samples:
    """Images that a pretraining generated, beside images of the same dataset."""

    title: str
    uri: str
    width: int
    height: int
    alternative: str
    real: tuple[Picture, ...]
    real_title: str


def _line(store: Store, kind: str, key: str, identity: Identity, seed: int) -> LossLine | None:
    """The thinned history, or None where there is none; scratch has no pretraining to show."""
    try:
        history = store.history(kind, key)
    except StoreError:
        return None
    if not {"step", "loss"} <= set(history.columns):
        return None
    steps, losses = thin_history(history)
    return LossLine(identity, seed, steps, losses) if len(steps) > 1 else None


def pretraining_curves(
    store: Store, tables: Sequence[LeaderboardTable], styles: Styles
) -> list[Curve]:
    """One figure for each method, backbone and dataset, one line a seed.

    Rows that differ in what they take over of a pretraining share its figure.
    """
    records = {record.key: record for record in store.pretrainings()}
    lines: dict[tuple[tuple[str, str], Identity], dict[str, LossLine]] = defaultdict(dict)
    names: dict[tuple[tuple[str, str], Identity], tuple[str, Row, PretrainingRecord]] = {}
    for table in tables:
        for row in table.rows:
            place = (table.group.identity, row.identity._replace(transfer=WHOLE))
            first = names[place][1] if place in names else row
            for cell in row.done:
                record = records.get(cell.pretraining_key or "")
                if record is None or record.key in lines[place]:
                    continue
                line = _line(store, "pretrained", record.key, first.identity, cell.labels.seed)
                if line is not None:
                    lines[place][record.key] = line
                    names[place] = (table.group.full_title, first, record)
    curves = []
    shown = list(names.items())[:MOST_PRETRAINING_CURVES]
    for number, (place, (title, row, record)) in enumerate(shown):
        reference = record.metrics.get("reference_loss")
        value = float(reference) if isinstance(reference, int | float) else None
        svg = loss_curves([*lines[place].values()], styles, f"pretraining-{number}", value)
        curves.append(Curve(row.pretraining, title, svg))
    return curves


def finetuning_curves(
    store: Store, tables: Sequence[LeaderboardTable], styles: Styles
) -> list[Curve]:
    """One figure a table, one line a row: the first finished seed of each."""
    curves = []
    for number, table in enumerate(tables[:MOST_FINETUNING_CURVES]):
        drawn = (
            _line(store, "cells", row.done[0].key, row.identity, row.done[0].labels.seed)
            for row in table.ranked
        )
        lines = [line for line in drawn if line is not None]
        if lines:
            svg = loss_curves(lines, styles, f"finetuning-{number}")
            seeds = sorted({line.seed for line in lines})
            detail = f"seed {seeds[0]}" if len(seeds) == 1 else "first finished seed of each"
            curves.append(Curve(table.title, detail, svg))
    return curves


def generated_samples(
    store: Store, cells: Sequence[CellRecord], previews: PreviewLibrary
) -> list[Samples]:
    """The sample grids of the pretrainings that made one, the first seed of each."""
    groups = dataset_groups(store, cells)
    shown: set[tuple[tuple[str, str], str, str]] = set()
    found: list[Samples] = []
    for group in groups:
        users = sorted(
            (c for c in group.cells if c.pretraining_key),
            key=lambda c: (c.labels.method, c.labels.backbone, c.labels.seed),
        )
        for cell in users:
            place = (group.identity, cell.labels.method, cell.labels.backbone)
            path = store.root / "pretrained" / str(cell.pretraining_key) / "samples.png"
            if place in shown or not path.is_file() or len(found) == MOST_SAMPLES:
                continue
            try:
                uri, width, height = embed(path, LONGEST_SAMPLES)
            except OSError as error:
                previews.problems.append(f"{path} cannot be read: {error}")
                continue
            shown.add(place)
            key = cell.dataset_key or ""
            real = (previews.picture(key, name) for name in previews.image_ids(key)[:REAL_IMAGES])
            name = f"{cell.labels.title} on {cell.labels.backbone}, seed {cell.labels.seed}"
            found.append(
                Samples(
                    title=f"{name}: {group.full_title}",
                    uri=uri,
                    width=width,
                    height=height,
                    alternative=f"Images generated by {name}, pretrained on {group.full_title}",
                    real=tuple(picture for picture in real if picture is not None),
                    real_title="Test images of the same dataset",
                )
            )
    return found
