"""The gallery: which predictions are shown over which radiographs, from good to bad."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmark.errors import StoreError
from benchmark.reports.columns import format_error
from benchmark.reports.overlays import Overlay, overlay
from benchmark.reports.tables import LeaderboardTable, Row

if TYPE_CHECKING:
    import pandas as pd

    from benchmark.predictions import LandmarkErrors
    from benchmark.reports.pictures import PreviewLibrary
    from benchmark.store import Store

MOST_PANELS = 24
ROLES = ("Best", "Median", "Worst")


@dataclass(frozen=True)
class Panel:
    """What the gallery shows for one row of one table.

    Attributes:
        identifier: Unique in the page.
        table: The table's place among all tables of the report.
        label: The row's name.
        landmarks: JSON: the names of the landmarks, in the order of the overlays' points.
        own: The best, median and worst image of this row.
        shared: The images that are best, median and worst over all rows of the table.
    """

    identifier: str
    table: int
    label: str
    landmarks: str
    own: tuple[Overlay, ...]
    shared: tuple[Overlay, ...]


class PredictionReader:
    """Reads each predictions file at most once, and notes those that cannot be read.

    Attributes:
        problems: Sentences about the files that could not be read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._frames: dict[str, pd.DataFrame | None] = {}
        self.problems: list[str] = []

    def read(self, key: str) -> pd.DataFrame | None:
        """The predictions of a cell, or None where they cannot be read."""
        if key not in self._frames:
            try:
                self._frames[key] = self._store.predictions(key)
            except StoreError as error:
                self.problems.append(str(error))
                self._frames[key] = None
        return self._frames[key]

    def errors(self, row: Row) -> np.ndarray:
        """(points,) errors of all seeds of a row in the dataset's unit, known points only."""
        found = [np.empty(0)]
        for cell in row.done:
            try:
                found.append(_known(self._store.errors(cell.key)))
            except StoreError as error:
                self.problems.append(str(error))
        return np.concatenate(found)


def _known(errors: LandmarkErrors) -> np.ndarray:
    values = errors.values  # noqa: PD011 (not a table of pandas)
    return np.asarray(values[np.isfinite(values)])


def build_panels(
    tables: Sequence[LeaderboardTable], reader: PredictionReader, previews: PreviewLibrary
) -> list[Panel]:
    """One panel a row with a finished seed, at most ``MOST_PANELS`` a dataset."""
    panels: list[Panel] = []
    shown: dict[tuple[str, str], int] = {}
    # Most labels first: these are the tables that readers ask for when not all can be shown.
    for place, table in sorted(enumerate(tables), key=lambda t: -t[1].shots):
        dataset = table.group.identity
        room = MOST_PANELS - shown.get(dataset, 0)
        made = list(_table_panels(place, table, table.ranked[:room], reader, previews))
        shown[dataset] = shown.get(dataset, 0) + len(made)
        panels += made
    return sorted(panels, key=lambda panel: panel.table)


def gallery_choices(
    tables: Sequence[LeaderboardTable], panels: Sequence[Panel]
) -> list[tuple[int, str, list[Panel]]]:
    """The tables that have panels: place, title and panels, most labels of each dataset first."""
    places = sorted(
        {panel.table for panel in panels},
        key=lambda place: (tables[place].group.identity, -tables[place].shots),
    )
    return [(p, tables[p].title, [panel for panel in panels if panel.table == p]) for p in places]


def _table_panels(
    place: int,
    table: LeaderboardTable,
    rows: Sequence[Row],
    reader: PredictionReader,
    previews: PreviewLibrary,
) -> Iterator[Panel]:
    ranked: list[tuple[Row, pd.DataFrame, pd.Series[float]]] = []
    for row in rows:
        frame = reader.read(row.done[0].key)
        if frame is not None:
            ranked.append((row, frame, image_errors(frame)))
    if not ranked:
        return
    everyone = sum((errors for *_, errors in ranked[1:]), start=ranked[0][2]) / len(ranked)
    for number, (row, frame, errors) in enumerate(ranked):
        cell = row.done[0]
        if cell.dataset_key is None:
            continue
        landmarks = list(dict.fromkeys(frame["landmark"].astype(str)))
        previewed = previews.image_ids(cell.dataset_key)
        own, shared = (
            tuple(
                _overlays(
                    choose_images(ordering, previewed),
                    frame,
                    errors,
                    landmarks,
                    cell.dataset_key,
                    table.group.unit,
                    previews,
                )
            )
            for ordering in (errors, everyone.dropna())
        )
        if own:
            label = row.name if len(row.done) == 1 else f"{row.name}, seed {cell.labels.seed}"
            names = json.dumps(landmarks, ensure_ascii=False)
            yield Panel(f"panel-{place}-{number}", place, label, names, own, shared)


def image_errors(frame: pd.DataFrame) -> pd.Series[float]:
    """Mean error an image over its known landmarks, in the dataset's unit, smallest first."""
    return frame.groupby("image_id")["error"].mean().dropna().sort_values(kind="stable")


def choose_images(errors: pd.Series[float], previewed: Sequence[str]) -> list[tuple[str, str]]:
    """The best, median and worst of the images that have a preview, as (role, image id)."""
    known = errors[errors.index.isin(list(previewed))].sort_values(kind="stable")
    ids = [str(image_id) for image_id in known.index]
    if len(ids) < len(ROLES):
        return list(zip((ROLES[0], ROLES[2]), ids, strict=False))
    return list(zip(ROLES, (ids[0], ids[(len(ids) - 1) // 2], ids[-1]), strict=True))


def _overlays(
    chosen: Sequence[tuple[str, str]],
    frame: pd.DataFrame,
    errors: pd.Series[float],
    landmarks: Sequence[str],
    dataset_key: str,
    unit: str,
    previews: PreviewLibrary,
) -> Iterator[Overlay]:
    """The drawings of the chosen images of one cell; those without a picture are left out."""
    for role, image_id in chosen:
        picture = previews.picture(dataset_key, image_id)
        rows = frame[frame["image_id"].astype(str) == image_id]
        if picture is not None and not rows.empty and image_id in errors.index:
            caption = _caption(image_id, rows, errors, unit)
            yield overlay(rows, landmarks, picture, role, caption)


def _caption(image_id: str, rows: pd.DataFrame, errors: pd.Series[float], unit: str) -> str:
    error = float(errors[image_id])
    place = int((errors < error).sum()) + 1
    worst = rows.sort_values("error", ascending=False, na_position="last").iloc[0]
    return (
        f"{image_id}: mean {format_error(error)} {unit}, place {place} of {len(errors)}; "
        f"furthest {worst['landmark']}, {format_error(float(worst['error']))} {unit}"
    )
