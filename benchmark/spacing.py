"""The size of a pixel in millimetres, as people write it: 0.1, or 0.1x0.12 for x and for y."""

from __future__ import annotations

import math

MAX_MM = 100.0
"""Larger spacings are refused: no detector has pixels of 10 cm."""


def parse_spacing(text: str) -> tuple[float, float]:
    """Parse ``0.1`` or ``0.1x0.12`` into mm per px along x and along y.

    Raises:
        ValueError: It is neither, is not positive, or is above `MAX_MM`.
    """
    parts = text.lower().split("x")
    try:
        values = [float(part) for part in parts]
    except ValueError:
        values = []
    if len(values) not in {1, 2} or not all(math.isfinite(v) and v > 0 for v in values):
        raise ValueError(f"'{text}' is no spacing: write 0.1, or 0.1x0.12 (mm per px along x, y)")
    if max(values) > MAX_MM:
        raise ValueError(f"'{text}' is no spacing: pixels of more than {MAX_MM:g} mm are none")
    return values[0], values[-1]


def spacing_text(spacing: tuple[float, float]) -> str:
    """A spacing as people write it: ``0.1 mm``, or ``0.1 x 0.12 mm``."""
    across, down = spacing
    return f"{across:g} mm" if across == down else f"{across:g} x {down:g} mm"
