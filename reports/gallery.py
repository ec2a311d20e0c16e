"""The gallery: predictions and truth drawn over radiographs, from good to bad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmark.errors import StoreError
from benchmark.reports.columns import format_error
from benchmark.reports.tables import LeaderboardTable, Row

if TYPE_CHECKING:
    import pandas as pd

    from benchmark.reports.pictures import Picture, PreviewLibrary
    from benchmark.store import Store

MOST_PANELS = 24
ROLES = ("Best", "Median", "Worst")


@dataclass(frozen=True)
class Overlay:
    """One radiograph with its landmarks; the paths are in px of the embedded picture.

    Attributes:
        picture: The radiograph.
        role: Best, median or worst.
        caption: Which image it is and how large its error.
        alternative: The same for those who cannot see it.
        truth: SVG path of rings at the true landmarks.
        prediction: SVG path of crosses at the predicted landmarks.
        lines: SVG path of lines from truth to prediction.
    """

    picture: Picture
    role: str
    caption: str
    alternative: str
    truth: str
    prediction: str
    lines: str


@dataclass(frozen=True)
class Panel:
    """What the gallery shows for one row of one table.

    Attributes:
        identifier: Unique in the page.
        table: The table's place among all tables of the report.
        label: The row's name.
        own: The best, median and worst image of this row.
        shared: The images that are best, median and worst over all rows of the table.
    """

    identifier: str
    table: int
    label: str
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
        frames = (self.read(cell.key) for cell in row.done)
        values = [frame["error"].to_numpy(float) for frame in frames if frame is not None]
        joined = np.concatenate(values) if values else np.empty(0)
        return joined[np.isfinite(joined)]


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
        made = _table_panels(place, table, table.ranked[:room], reader, previews)
        shown[dataset] = shown.get(dataset, 0) + len(made)
        panels += made
    return sorted(panels, key=lambda panel: panel.table)


def _table_panels(
    place: int,
    table: LeaderboardTable,
    rows: Sequence[Row],
    reader: PredictionReader,
    previews: PreviewLibrary,
) -> list[Panel]:
    ranked: list[tuple[Row, pd.Series[float]]] = []
    for row in rows:
        frame = reader.read(row.done[0].key)
        if frame is not None:
            ranked.append((row, image_errors(frame)))
    if not ranked:
        return []
    everyone = sum((errors for _, errors in ranked[1:]), start=ranked[0][1]) / len(ranked)
    panels = []
    for number, (row, errors) in enumerate(ranked):
        cell = row.done[0]
        frame = reader.read(cell.key)
        if frame is None or cell.dataset_key is None:
            continue
        views = []
        for ordering in (errors, everyone.dropna()):
            chosen = choose_images(ordering, previews.image_ids(cell.dataset_key))
            drawn = (
                _overlay(frame, image_id, role, cell.dataset_key, errors, table, previews)
                for role, image_id in chosen
            )
            views.append(tuple(overlay for overlay in drawn if overlay is not None))
        if views[0]:
            label = row.name if len(row.done) == 1 else f"{row.name}, seed {cell.labels.seed}"
            panels.append(Panel(f"panel-{place}-{number}", place, label, views[0], views[1]))
    return panels


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


def _overlay(
    frame: pd.DataFrame,
    image_id: str,
    role: str,
    dataset_key: str,
    errors: pd.Series[float],
    table: LeaderboardTable,
    previews: PreviewLibrary,
) -> Overlay | None:
    picture = previews.picture(dataset_key, image_id)
    points = frame[frame["image_id"].astype(str) == image_id]
    if picture is None or points.empty or image_id not in errors.index:
        return None
    unit = table.group.unit
    error = float(errors[image_id])
    place = int((errors < error).sum()) + 1
    worst = points.sort_values("error", ascending=False, na_position="last").iloc[0]
    caption = (
        f"{image_id}: mean {format_error(error)} {unit}, place {place} of {len(errors)}; "
        f"furthest {worst['landmark']}, {format_error(float(worst['error']))} {unit}"
    )
    truth = to_picture(points[["x_true", "y_true"]].to_numpy(float), picture)
    predicted = to_picture(points[["x", "y"]].to_numpy(float), picture)
    size = max(picture.width, picture.height) / 90
    known = np.isfinite(truth).all(1) & np.isfinite(predicted).all(1)
    return Overlay(
        picture=picture,
        role=role,
        caption=caption,
        alternative=f"{role} radiograph with truth and prediction. {caption}.",
        truth=_rings(truth[np.isfinite(truth).all(1)], size),
        prediction=_crosses(predicted[np.isfinite(predicted).all(1)], 0.8 * size),
        lines=_segments(truth[known], predicted[known]),
    )


def to_picture(points: np.ndarray, picture: Picture) -> np.ndarray:
    """Native px to px of the picture; in both, pixel centres have whole coordinates.

    Args:
        points: (n, 2) x and y in native px.
        picture: The embedded picture and its native frame.

    Returns:
        (n, 2) x and y in px of the picture.
    """
    scale = (picture.width / picture.native_width, picture.height / picture.native_height)
    return np.asarray((points + 0.5) * np.asarray(scale) - 0.5)


def _rings(points: np.ndarray, radius: float) -> str:
    r = f"{radius:.1f}"
    back = f"a{r} {r} 0 1 0 {2 * radius:.1f} 0a{r} {r} 0 1 0 {-2 * radius:.1f} 0"
    return "".join(f"M{x - radius:.1f} {y:.1f}{back}" for x, y in points)


def _crosses(points: np.ndarray, arm: float) -> str:
    stroke = f"l{2 * arm:.1f} {2 * arm:.1f}m0 {-2 * arm:.1f}l{-2 * arm:.1f} {2 * arm:.1f}"
    return "".join(f"M{x - arm:.1f} {y - arm:.1f}{stroke}" for x, y in points)


def _segments(starts: np.ndarray, ends: np.ndarray) -> str:
    return "".join(
        f"M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}" for (a, b), (c, d) in zip(starts, ends, strict=True)
    )
