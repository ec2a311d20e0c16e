"""Windows: which values of a deep image become black and which white, the same on every machine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

_TABLE_SIDE = 2**16


@dataclass(frozen=True)
class Window:
    """How images of more than 8 bits become 8-bit grey; those of 8 bits stay as they are.

    By default a DICOM file's own window counts. Where there is none, as in all other formats,
    black is the value that 0.5 % of the pixels do not exceed, and white that which 99.5 % do not:
    most detectors fill a part of their range only, so that the full range would be dark, and
    markers or dead pixels must not decide. Both are order statistics of the stored values, without
    rounding, so that every machine finds the same ones.

    Attributes:
        kind: ``auto`` as above; ``full``: all values that the stored bits can hold; ``share``:
            shares of the pixels; ``limits``: values (after the modality LUT in DICOM).
        low: What becomes black: a share in [0, 1] or a value.
        high: What becomes white, above ``low``.
    """

    kind: Literal["auto", "full", "share", "limits"] = "auto"
    low: float = 0.005
    high: float = 0.995

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read ``auto``, ``full``, ``0..4095`` or ``1%..99%``.

        Raises:
            ValueError: It is none of them, or its ends do not stand in order.
        """
        word = text.strip().lower()
        if word == "auto":
            return AUTO
        if word == "full":
            return cls("full")
        ends = word.split("..")
        are_shares = all(end.endswith("%") for end in ends)
        try:
            low, high = (float(end.removesuffix("%") if are_shares else end) for end in ends)
        except ValueError:
            low = high = math.nan
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(
                f"'{text}' is no window: write auto, full, values such as 0..4095, or shares of "
                "the pixels such as 1%..99%"
            )
        if are_shares and not (low >= 0 and high <= 100):
            raise ValueError(f"'{text}' is no window: shares lie between 0% and 100%")
        return cls("share", low / 100, high / 100) if are_shares else cls("limits", low, high)


AUTO = Window()


def to_grey(
    values: np.ndarray,
    window: Window,
    full: tuple[float, float] | None,
    ignored: np.ndarray | None = None,
) -> np.ndarray:
    """Bring deep values to 8-bit grey by a window; one of kind ``auto`` is taken as shares.

    Args:
        values: (height, width) of any number kind, finite.
        window: The window.
        full: The least and the largest value that the stored bits can hold; None where they are
            no whole numbers.
        ignored: (height, width) bool, pixels that count in no share, such as padding.

    Returns:
        (height, width) uint8.

    Raises:
        ValueError: The full range is asked of values that have none.
    """
    low, high = window.low, window.high
    if window.kind == "full":
        if full is None:
            raise ValueError("floating-point values have no full range: give limits or shares")
        low, high = full
    elif window.kind != "limits":
        counted = values if ignored is None or ignored.all() else values[~ignored]
        low, high = (
            float(value) for value in np.quantile(counted, [low, high], method="inverted_cdf")
        )
    return scale_linearly(values, low, high)


def scale_linearly(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values to 0 at ``low`` and below, 255 at ``high`` and above, rounded to nearest between.

    Args:
        values: Of any number kind; whole numbers of 16 bits go through a table.
        low: What becomes black.
        high: What becomes white; where it equals ``low`` all is black.

    Returns:
        uint8 in the shape of ``values``.
    """
    if values.dtype in (np.uint8, np.uint16):
        table = _scaled(np.arange(_TABLE_SIDE), low, high)
        return np.asarray(table[values])
    if values.dtype in (np.int8, np.int16):
        table = _scaled(np.arange(-_TABLE_SIDE // 2, _TABLE_SIDE // 2), low, high)
        return np.asarray(table[values.astype(np.int32) + _TABLE_SIDE // 2])
    return _scaled(values, low, high)


def _scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    if not high > low:
        return np.zeros(values.shape, np.uint8)
    scaled = (values.astype(np.float64) - low) * 255 / (high - low)
    return np.floor(np.clip(scaled, 0, 255) + 0.5).astype(np.uint8)
