"""What the page shows of single tables: who differs from whom, where, and at what cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmark.reports.cost_figures import error_against_cost
from benchmark.reports.figure_files import MOST_TABLES
from benchmark.reports.gallery import PredictionReader, image_errors
from benchmark.reports.landmark_figures import landmark_errors, landmark_heatmap, landmark_map
from benchmark.reports.overlays import to_picture
from benchmark.reports.pair_figures import pairwise_matrix

if TYPE_CHECKING:
    import pandas as pd

    from benchmark.reports.pictures import Picture, PreviewLibrary
    from benchmark.reports.styles import Styles
    from benchmark.reports.tables import LeaderboardTable


@dataclass(frozen=True)
class LandmarkMap:
    """Mean errors as circles around the landmarks of one radiograph.

    Attributes:
        picture: The radiograph.
        circles: An SVG element over it, with a description of its own.
        caption: Whose errors they are, and on which image they are shown.
    """

    picture: Picture
    circles: str
    caption: str


@dataclass(frozen=True)
class Differences:
    """The figures of one table; each is empty where there is nothing to show.

    Attributes:
        table: The table.
        pairs: The matrix of differences between its rows.
        landmarks: The errors of each row at each landmark.
        map: The best row's errors on a radiograph.
        cost: Error against computing time.
    """

    table: LeaderboardTable
    pairs: str
    landmarks: str
    map: LandmarkMap | None
    cost: str


def table_differences(
    tables: Sequence[LeaderboardTable],
    styles: Styles,
    reader: PredictionReader,
    previews: PreviewLibrary,
) -> list[Differences]:
    """One entry a table with a result, most labels of each dataset first.

    Of more than ``MOST_TABLES`` tables, those with the most labels of each dataset.
    """
    finished = [(place, table) for place, table in enumerate(tables) if table.ranked]
    if len(finished) > MOST_TABLES:
        largest = {table.group.identity: (place, table) for place, table in finished}
        finished = list(largest.values())
    order = {table.group.identity: number for number, (_, table) in enumerate(finished)}
    finished.sort(key=lambda placed: (order[placed[1].group.identity], -placed[1].shots))
    return [
        Differences(
            table=table,
            pairs=pairwise_matrix(table, f"pairs-{place}"),
            landmarks=landmark_heatmap(table, f"landmarks-{place}"),
            map=_map(table, reader, previews),
            cost=error_against_cost(table, styles, f"cost-{place}"),
        )
        for place, table in finished
    ]


def _map(
    table: LeaderboardTable, reader: PredictionReader, previews: PreviewLibrary
) -> LandmarkMap | None:
    """The best row's errors, on the radiograph on which it was about as good as on most."""
    best = table.ranked[0]
    cell = best.done[0]
    frame = reader.read(cell.key)
    if frame is None or cell.dataset_key is None or "spacing_x" not in frame:
        return None
    shown = set(previews.image_ids(cell.dataset_key))
    errors = image_errors(frame)
    known = [str(name) for name in errors.index if str(name) in shown]
    if not known:
        return None
    name = known[(len(known) - 1) // 2]
    picture = previews.picture(cell.dataset_key, name)
    if picture is None:
        return None
    rows = frame[frame["image_id"].astype(str) == name]
    circles = landmark_map(
        _places(rows, picture),
        landmark_errors(best),
        picture.width,
        picture.height,
        unit=table.group.unit,
        scale=_scale(rows, picture),
    )
    caption = (
        f"{best.name}, {table.labelled_images}: each circle has the mean error at its "
        f"landmark as radius, drawn to scale on the true landmarks of {name}."
    )
    return LandmarkMap(picture, circles, caption)


def _places(rows: pd.DataFrame, picture: Picture) -> dict[str, tuple[float, float]]:
    """The true landmarks in px of the picture; NaN where one is missing."""
    points = to_picture(rows[["x_true", "y_true"]].to_numpy(float), picture)
    return {
        str(name): (float(x), float(y))
        for name, (x, y) in zip(rows["landmark"], points, strict=True)
    }


def _scale(rows: pd.DataFrame, picture: Picture) -> tuple[float, float]:
    """Px of the picture for one unit of error, along x and along y."""
    spacing = rows[["spacing_x", "spacing_y"]].to_numpy(float)[0]
    native = np.array([picture.native_width, picture.native_height])
    across, down = np.array([picture.width, picture.height]) / native / spacing
    return float(across), float(down)
