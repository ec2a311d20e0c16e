"""Turns matplotlib figures into SVG for a page: themed by CSS, accessible, without metadata."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from benchmark.reports.styles import SeriesStyle

# matplotlib must be given colours; these stand for CSS variables, which follow the page's theme.
INK, MUTED, GRID, FLOOR, CONTROL = "#010201", "#010202", "#010203", "#010204", "#010205"
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    FLOOR: "var(--floor)",
    CONTROL: "var(--control)",
}
_SERIES = "#0103"

RC: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "benchmark",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 10.5,
    "axes.labelsize": 10.5,
    "axes.linewidth": 0.8,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 10.0,
    "ytick.labelsize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "lines.solid_capstyle": "round",
}


def colour_of(style: SeriesStyle) -> str:
    """The stand-in colour of a strategy."""
    return CONTROL if style.slot is None else f"{_SERIES}{style.slot:02x}"


@contextmanager
def canvas(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """A figure of ``width`` x ``height`` px with one set of axes, under the page's settings."""
    import matplotlib as mpl
    from matplotlib.figure import Figure as MplFigure

    rc: Any = RC
    # No pyplot: its figures are global state, and its backends look for a screen.
    with mpl.rc_context(rc):
        figure = MplFigure(figsize=(width / 72, height / 72), layout="constrained")
        yield figure, figure.add_subplot()


def line_style(style: SeriesStyle) -> Any:
    """The dashes of a strategy as matplotlib's line style."""
    return (0, style.dashes) if style.dashes else "solid"


def log_ticks(low: float, high: float, steps: Sequence[float]) -> list[float]:
    """The numbers step * 10^k between two numbers above zero."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [step * 10.0**power for power in decades for step in steps]
    return [tick for tick in ticks if low <= tick <= high]


def fixed_ticks(axis: Axis, places: Sequence[float]) -> None:
    """Ticks at the given places and nowhere else, as plain numbers."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    axis.set_major_locator(FixedLocator(places))
    axis.set_major_formatter(FixedFormatter([f"{place:g}" for place in places]))
    axis.set_minor_locator(NullLocator())


def to_svg(figure: Figure, identifier: str, description: str) -> str:
    """The figure as an SVG element to be put into a page.

    Args:
        figure: Drawn under ``RC`` with the stand-in colours.
        identifier: Put before every id, so that two figures never share one.
        description: What the figure shows, for those who cannot see it.
    """
    stream = io.StringIO()
    figure.savefig(
        stream,
        format="svg",
        metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
    )
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    text = re.sub(_SERIES + "([0-9a-f]{2})", lambda m: f"var(--series-{int(m.group(1), 16)})", text)
    text = re.sub(r"font: (?:(\d{3}|bold) )?([\d.]+)px [^;\"]+", _page_font, text)
    text = _unique_ids(text, identifier)
    # Attributes of the element itself: the page sets the width, and readers get the description.
    opening = re.sub(r' (?:width|height|xmlns(?::xlink)?|version)="[^"]*"', "", text[: _end(text)])
    opening = opening.replace(
        "<svg", f'<svg role="img" aria-label="{escape(description, quote=True)}"', 1
    )
    body = text[_end(text) :].replace("xlink:href", "href")
    return opening + re.sub(r">\s+<", "><", re.sub(r"\s*\n\s*", " ", body)).strip()


def _end(text: str) -> int:
    return text.index(">")


def _page_font(match: re.Match[str]) -> str:
    weight = f"; font-weight: {match.group(1)}" if match.group(1) else ""
    return f"font-size: {match.group(2)}px{weight}"


def _unique_ids(text: str, identifier: str) -> str:
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text))
    names = {name for pair in used for name in pair if name}

    def rename(match: re.Match[str]) -> str:
        return f' id="{identifier}-{match.group(1)}"' if match.group(1) in names else ""

    text = re.sub(r' id="([^"]*)"', rename, text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{identifier}-\1"', text)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{identifier}-\1)", text)
