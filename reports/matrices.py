"""Matrices of numbers as heat maps: tinted cells over the page, so that text reads on any theme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap

STEPS = 24
STRONGEST = 0.5
"""Opacity of the strongest tint: the ink on it keeps a contrast of 4.5 : 1 in both themes."""


def tints(colour: str) -> ListedColormap:
    """From nothing to the strongest tint of one colour."""
    return _colours([(colour, level) for level in np.linspace(0.03, STRONGEST, STEPS)])


def opposed_tints(low: str, high: str) -> ListedColormap:
    """From the strongest tint of one colour through nothing to that of another."""
    levels = np.linspace(STRONGEST, 0, STEPS // 2, endpoint=False)
    falling = [(low, level) for level in levels]
    return _colours([*falling, (high, 0.0), *((high, level) for level in levels[::-1])])


def _colours(pairs: Sequence[tuple[str, float]]) -> ListedColormap:
    from matplotlib.colors import ListedColormap, to_rgba

    return ListedColormap([to_rgba(colour, float(level)) for colour, level in pairs])


def heat_map(
    axes: Axes,
    values: np.ndarray,
    colours: ListedColormap,
    limits: tuple[float, float],
    rows: Sequence[str],
    columns: Sequence[str],
) -> None:
    """A seaborn heat map without text, with the names of its rows and columns.

    Args:
        axes: Where to draw.
        values: (rows, columns); NaN leaves a cell blank.
        colours: By value.
        limits: The values at the ends of the colours.
        rows: One name a row.
        columns: One name a column, written aslant below.
    """
    import seaborn as sns

    axes.grid(visible=False)
    sns.heatmap(
        values,
        ax=axes,
        mask=np.isnan(values),
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
        cbar=False,
        xticklabels=False,
        yticklabels=False,
    )
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows, rotation=0)
    axes.set_xticks(
        np.arange(len(columns)) + 0.5, columns, rotation=40, ha="right", rotation_mode="anchor"
    )
    axes.tick_params(length=0)
