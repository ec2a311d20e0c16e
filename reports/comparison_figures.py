"""The images on which two strategies differ most, drawn with both predictions and the truth."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.reports.columns import format_error
from benchmark.reports.comparison import Duel, ImageDifference, called
from benchmark.reports.styles import LIGHT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from benchmark.schema import Preview
    from benchmark.store import Store

FORMATS = ("svg", "pdf", "png")
PANEL = 3.0
"""Side of a panel in inches."""
TRUTH, FIRST, SECOND = "#ffffff", "#5ab4f0", "#ff9257"
RC: Mapping[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "benchmark",
    "pdf.fonttype": 42,
    "text.parse_math": False,
    "font.size": 9.0,
}


def draw_files(store: Store, duel: Duel) -> dict[str, bytes]:
    """The figure of one comparison in every format, by path relative to the store."""
    import matplotlib as mpl

    rc: Any = RC
    with mpl.rc_context(rc):
        figure = _draw(store, duel)
        files = {}
        for kind in FORMATS:
            stream = io.BytesIO()
            undated: Any = {"Date": None} if kind == "svg" else {}
            undated = {"CreationDate": None} if kind == "pdf" else undated
            figure.savefig(stream, format=kind, dpi=200, metadata=undated)
            files[f"comparisons/{_stem(duel)}.{kind}"] = stream.getvalue()
    return files


def _stem(duel: Duel) -> str:
    table = duel.table
    parts = [called(duel.first), "against", called(duel.second), table.group.name]
    parts += [table.group.detail, str(table.shots)]
    return re.sub(r"[^a-z0-9]+", "-", " ".join(filter(None, parts)).lower()).strip("-")


def _draw(store: Store, duel: Duel) -> Figure:
    from matplotlib.figure import Figure

    previews = _previews(store, duel)
    shown = [image for image in duel.images if image.image_id in previews]
    shown = [*shown[:3], *[image for image in shown[-3:] if image not in shown[:3]]]
    rows = 1 + -(-len(shown) // 3)
    figure = Figure(figsize=(3 * PANEL, rows * PANEL + 0.6), layout="constrained")
    grid = figure.add_gridspec(rows, 3)
    _landmark_bars(figure.add_subplot(grid[0, :]), duel)
    for place, image in enumerate(shown):
        axes = figure.add_subplot(grid[1 + place // 3, place % 3])
        _radiograph(axes, store, duel, image, previews[image.image_id])
    figure.suptitle(f"{duel.table.title}: A {called(duel.first)}, B {called(duel.second)}")
    return figure


def _previews(store: Store, duel: Duel) -> dict[str, Preview]:
    key = duel.first.done[0].dataset_key
    return store.previews(key) if key else {}


def _landmark_bars(axes: Axes, duel: Duel) -> None:
    """Each landmark's difference with its interval; filled where it is not chance."""
    landmarks = duel.landmarks[:24]
    places = np.arange(len(landmarks))
    for place, landmark in zip(places, landmarks, strict=True):
        interval = landmark.difference
        colour = LIGHT[0] if interval.estimate < 0 else LIGHT[1]
        axes.plot([place, place], [interval.low, interval.high], color=colour, linewidth=1.5)
        sure = landmark.adjusted_p < 0.05
        axes.plot(
            [place], [interval.estimate], "o", color=colour, markerfacecolor=colour if sure else "w"
        )
    axes.axhline(0, color="#5f6670", linewidth=0.8)
    axes.set_xticks(places, [landmark.name for landmark in landmarks], rotation=40, ha="right")
    axes.set_ylabel(f"A − B, {duel.table.group.unit}")
    axes.set_title("Landmarks: below zero A is better; filled: not chance after Holm", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _radiograph(
    axes: Axes, store: Store, duel: Duel, image: ImageDifference, preview: Preview
) -> None:
    from PIL import Image

    key = duel.first.done[0].dataset_key
    with Image.open(store.root / "datasets" / str(key) / preview.file) as opened:
        picture = np.asarray(opened.convert("L"))
    # The picture is shown in the native frame, in which pixel centres have whole coordinates.
    extent = (-0.5, preview.width - 0.5, preview.height - 0.5, -0.5)
    axes.imshow(picture, cmap="gray", extent=extent)
    seed = duel.seeds[0]
    frames = [_points(store, row.done, seed, image.image_id) for row in (duel.first, duel.second)]
    axes.plot(frames[0]["x_true"], frames[0]["y_true"], "o", mfc="none", mec=TRUTH, ms=5, mew=0.9)
    for frame, colour, marker in zip(frames, (FIRST, SECOND), ("x", "+"), strict=True):
        axes.plot(frame["x"], frame["y"], marker, color=colour, markersize=5, markeredgewidth=1.1)
    axes.set_axis_off()
    errors = f"A × {format_error(image.first)}, B + {format_error(image.second)}"
    axes.set_title(f"{image.image_id}: {errors} {duel.table.group.unit}", fontsize=8)


def _points(store: Store, cells: Sequence[Any], seed: int, image_id: str) -> pd.DataFrame:
    cell = next(cell for cell in cells if cell.labels.seed == seed)
    frame = store.predictions(cell.key)
    return frame[frame["image_id"].astype(str) == image_id]
