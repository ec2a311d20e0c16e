"""Ticks and lines of figures: logarithmic axes with plain numbers, durations, dashes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axis import Axis

    from benchmark.reports.styles import SeriesStyle

TICKS_BY_RANGE = (
    (8.0, (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)),
    (40.0, (1.0, 2.0, 5.0)),
    (float("inf"), (1.0,)),
)
"""Largest ratio of the ends of a logarithmic axis, and the steps of a decade that it shows."""

DURATIONS = tuple(
    count * size for size in (1.0, 60.0) for count in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30)
)
"""Seconds at which an axis of durations may have ticks, below an hour."""
HOURS = tuple(3600.0 * step * 10**power for power in range(5) for step in (1, 2, 5))
MOST_TICKS = 7


def line_style(style: SeriesStyle) -> Any:
    """The dashes of a strategy as matplotlib's line style."""
    return (0, style.dashes) if style.dashes else "solid"


def log_ticks(low: float, high: float, steps: Sequence[float] | None = None) -> list[float]:
    """The numbers step * 10^k between two numbers above zero.

    Args:
        low: The smallest number on the axis.
        high: The largest.
        steps: Of a decade; those that suit the range where None.
    """
    if steps is None:
        steps = next(steps for most, steps in TICKS_BY_RANGE if high <= most * low)
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [step * 10.0**power for power in decades for step in steps]
    return [tick for tick in ticks if low <= tick <= high]


def fixed_ticks(
    axis: Axis, places: Sequence[float], text: Callable[[float], str] = "{:g}".format
) -> None:
    """Ticks at the given places and nowhere else, by default as plain numbers."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    axis.set_major_locator(FixedLocator(places))
    axis.set_major_formatter(FixedFormatter([text(place) for place in places]))
    axis.set_minor_locator(NullLocator())


def duration_ticks(low: float, high: float) -> list[float]:
    """At most ``MOST_TICKS`` round durations between two numbers of seconds above zero."""
    known = sorted({*(d for d in DURATIONS if 0.1 <= d < 3600), *HOURS})
    inside = [duration for duration in known if low <= duration <= high]
    step = -(-len(inside) // MOST_TICKS)
    return inside[::step] if inside else []


def duration_text(seconds: float) -> str:
    """A round duration in its own unit: ``20 s``, ``5 min``, ``2 h``."""
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
