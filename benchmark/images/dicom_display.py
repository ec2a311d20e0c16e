"""From the stored values of a DICOM image to what a viewer shows: modality LUT, VOI LUT, window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.errors import DataError
from benchmark.images.windows import Window, scale_linearly, to_grey

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Range = tuple[float, float]


def displayed(values: np.ndarray, dataset: Dataset, window: Window, path: Path) -> np.ndarray:
    """Stored values as 8-bit grey, before MONOCHROME1 is inverted.

    Args:
        values: (height, width) as stored.
        dataset: The tags that say how they are meant.
        window: ``auto`` takes the file's own VOI LUT or window, and shares where it has none.
        path: The file, for the message.

    Returns:
        (height, width) uint8.

    Raises:
        DataError: The window of the file has no width, or values are no numbers.
    """
    from pydicom.pixels.processing import apply_voi

    stored = _stored_range(values, dataset)
    padding = dataset.get("PixelPaddingValue")
    ignored = values == padding if isinstance(padding, int) else None
    values, full = _through_modality(values, dataset, stored)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise DataError(f"{path}: pixels of the image are no numbers; export it again.")
    if window.kind == "auto":
        if dataset.get("VOILUTSequence"):
            bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
            return scale_linearly(apply_voi(values, dataset), 0, 2**bits - 1)
        if dataset.get("WindowCenter") is not None and dataset.get("WindowWidth") is not None:
            return _windowed(values, dataset, path)
    if full is not None and stored is not None and stored[1] - stored[0] < 2**8:
        return scale_linearly(values, *full)
    return to_grey(values, window, full, ignored)


def _stored_range(values: np.ndarray, dataset: Dataset) -> Range | None:
    """The least and the largest value that the stored bits can hold; None for floats."""
    if values.dtype.kind == "f":
        return None
    bits = int(dataset.BitsStored)
    if dataset.get("PixelRepresentation"):
        return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1


def _through_modality(
    values: np.ndarray, dataset: Dataset, stored: Range | None
) -> tuple[np.ndarray, Range | None]:
    """Values after the modality LUT or slope and intercept, and the range they can have.

    Whole numbers stay whole where the slope is 1, so that 16 bits go through a table later on.
    """
    from pydicom.pixels.processing import apply_modality_lut

    if dataset.get("ModalityLUTSequence"):
        bits = int(dataset.ModalityLUTSequence[0].LUTDescriptor[2])
        return apply_modality_lut(values, dataset), (0, 2**bits - 1)
    slope = float(dataset.get("RescaleSlope") or 1)
    intercept = float(dataset.get("RescaleIntercept") or 0)
    if (slope, intercept) == (1, 0):
        return values, stored
    ends = None if stored is None else sorted(end * slope + intercept for end in stored)
    return values * slope + intercept, None if ends is None else (ends[0], ends[1])


def _windowed(values: np.ndarray, dataset: Dataset, path: Path) -> np.ndarray:
    """The first window of the file; its three functions are those of PS3.3, C.11.2.1."""
    center, width = _first(dataset.WindowCenter), _first(dataset.WindowWidth)
    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    least = 1.0 if function == "LINEAR" else 0.0
    if not (np.isfinite(center) and np.isfinite(width) and width >= max(least, 1e-9)):
        raise DataError(
            f"{path}: the window of the DICOM file (centre {center:g}, width {width:g}) shows "
            "nothing; give one with the option window, such as 0..4095 or 0.5%..99.5%."
        )
    if function == "SIGMOID":
        curve = 255 / (1 + np.exp(np.clip(-4 * (values - center) / width, -500, 500)))
        return np.asarray(np.floor(curve + 0.5).astype(np.uint8))
    if function == "LINEAR_EXACT":
        return scale_linearly(values, center - width / 2, center + width / 2)
    if width == 1:
        return np.where(values <= center - 0.5, 0, 255).astype(np.uint8)
    return scale_linearly(values, center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2)


def _first(value: Any) -> float:
    """The first of several values, or the only one."""
    try:
        return float(value)
    except TypeError:
        return float(value[0])
