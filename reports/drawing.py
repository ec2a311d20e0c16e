"""A figure that is yet to be painted, so that a page and a file can each have it in its colours."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from benchmark.reports.palettes import Palette


@dataclass(frozen=True)
class Drawing:
    """What a figure shows and how it is painted.

    Attributes:
        width: In points, which are px of the SVG.
        height: In points.
        description: What the figure shows, for those who cannot see it.
        paint: Paints it on empty axes in the colours of a palette.
    """

    width: float
    height: float
    description: str
    paint: Callable[[Axes, Palette], None]


@contextmanager
def painted(drawing: Drawing, palette: Palette, **settings: Any) -> Iterator[Figure]:
    """The painted figure, under the settings that it has to be saved with.

    Args:
        drawing: What to paint.
        palette: Its colours.
        settings: Further rcParams, dots written as two underscores (``pdf__fonttype=42``).
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure as MplFigure

    rc: Any = _settings(palette)
    rc |= {name.replace("__", "."): value for name, value in settings.items()}
    # No pyplot: its figures are global state, and its backends look for a screen.
    with mpl.rc_context(rc), warnings.catch_warnings():
        # A letter that matplotlib's font lacks is drawn as a box in files; pages have other fonts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = MplFigure(figsize=(drawing.width / 72, drawing.height / 72), layout="constrained")
        drawing.paint(figure.add_subplot(), palette)
        yield figure


def arrange_for_good(figure: Figure) -> None:
    """Lay a painted figure out once: to save it would lay it out, and draw it, twice a format."""
    figure.draw_without_rendering()
    # Not "none", which leaves a placeholder for which a figure is drawn once more.
    figure.set_layout_engine(None)


def arranged(axes: Axes) -> Figure:
    """The figure of these axes after its layout, so that places in it can be measured."""
    from matplotlib.figure import Figure as MplFigure

    figure = axes.figure
    assert isinstance(figure, MplFigure), "a drawing has one figure, without parts"
    figure.draw_without_rendering()
    return figure


def _settings(palette: Palette) -> dict[str, Any]:
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": "benchmark",
        "text.parse_math": False,
        "font.family": ["DejaVu Sans"],
        "font.size": 10.5,
        "axes.labelsize": 10.5,
        "axes.linewidth": 0.8,
        "axes.edgecolor": palette.muted,
        "axes.labelcolor": palette.ink,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "savefig.facecolor": "none",
        "text.color": palette.ink,
        "xtick.color": palette.muted,
        "ytick.color": palette.muted,
        "xtick.labelcolor": palette.ink,
        "ytick.labelcolor": palette.ink,
        "xtick.labelsize": 10.0,
        "ytick.labelsize": 10.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": palette.grid,
        "grid.linewidth": 0.8,
        "lines.solid_capstyle": "round",
    }
