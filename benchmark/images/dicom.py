"""DICOM radiographs: pixels as they are meant to be shown, spacing, and nothing of the person."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.errors import DataError
from benchmark.images import dicom_compression
from benchmark.images.dicom_display import displayed
from benchmark.images.header import ImageHeader
from benchmark.images.limits import check_size, damaged, several
from benchmark.images.raster import grey_of_channels
from benchmark.images.windows import Window

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SPACING_TAGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
"""Where a spacing is looked for, in this order.

PixelSpacing was corrected for magnification or calibrated where the device could; the second is
measured at the detector, before which the anatomy lies, and the third on a scanned film.
"""

_HEADER_TAGS = [
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "PatientID", "IssuerOfPatientID", *SPACING_TAGS,
]  # fmt: skip
_PIXEL_TAGS = [
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "PlanarConfiguration", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence", "VOILUTSequence",
    "WindowCenter", "WindowWidth", "VOILUTFunction", "PixelPaddingValue", "PixelData",
    "FloatPixelData", "DoubleFloatPixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
    "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
]  # fmt: skip
"""All that is read of a file. Names, dates and places of people are never in memory."""

_GREY = ("MONOCHROME1", "MONOCHROME2")


def header(path: Path) -> ImageHeader:
    """Size, spacing with the tag that says it, and a digest of the patient's id.

    Raises:
        DataError: The file is damaged, or holds no single image of a size that can be.
    """
    try:
        with _quiet():
            dataset = _dataset(path, _HEADER_TAGS, stop_before_pixels=True)
            width, height = _checked_size(dataset, path)
            spacing, source = _spacing(dataset)
            return ImageHeader(width, height, spacing, source, _patient(dataset))
    except (DataError, MemoryError):
        raise
    except Exception as error:  # pydicom parses values when they are asked for
        raise _damaged(path, error) from None


def read(path: Path, window: Window) -> np.ndarray:
    """The image as (height, width) uint8, as a viewer shows it first.

    Stored values go through the modality LUT or the rescale slope and intercept, then through the
    first VOI LUT or window of the file, and MONOCHROME1 is inverted (DICOM PS3.3, C.7.6.3.1.2 and
    C.11). A window other than ``auto`` takes the place of the file's own.

    Raises:
        DataError: The file is damaged, in colour, or compressed in a way that is not read here.
    """
    try:
        with _quiet():
            dataset = _dataset(path, _PIXEL_TAGS)
            _checked_size(dataset, path)
            dicom_compression.check(dataset, path)
            values = dataset.pixel_array
            kind = str(dataset.get("PhotometricInterpretation", ""))
            if kind in _GREY and values.ndim == 2:
                grey = displayed(values, dataset, window, path)
                return 255 - grey if kind == "MONOCHROME1" else grey
            return grey_of_channels(_channels(values, dataset, kind, path), path)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # decoders raise whatever they like on damaged bytes
        raise _damaged(path, error) from None


def _dataset(path: Path, tags: list[Any], *, stop_before_pixels: bool = False) -> Dataset:
    import pydicom

    dicom_compression.check_deflated(path)
    return pydicom.dcmread(path, stop_before_pixels=stop_before_pixels, specific_tags=tags)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without pydicom's warnings and logs: they repeat values, and a value can be a name."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _checked_size(dataset: Dataset, path: Path) -> tuple[int, int]:
    """Width and height.

    Raises:
        DataError: They are missing or absurd, or there are several frames.
    """
    rows, columns = dataset.get("Rows"), dataset.get("Columns")
    if rows is None or columns is None:
        raise DataError(
            f"{path}: the DICOM file holds no image (Rows and Columns are missing); leave it out, "
            "or name the file of the image."
        )
    frames = dataset.get("NumberOfFrames") or 1
    if int(frames) != 1:
        raise several(path, int(frames))
    check_size(path, int(columns), int(rows))
    return int(columns), int(rows)


def _spacing(dataset: Dataset) -> tuple[tuple[float, float] | None, str]:
    """mm per px along x and along y, and the tag; a tag stores rows, which is y, first."""
    for tag in SPACING_TAGS:
        try:
            down, across = (float(value) for value in dataset.get(tag) or ())
        except (TypeError, ValueError):
            continue
        if 0 < down < np.inf and 0 < across < np.inf:
            return (across, down), tag
    return None, ""


def _patient(dataset: Dataset) -> str:
    name = str(dataset.get("PatientID") or "").strip()
    issuer = str(dataset.get("IssuerOfPatientID") or "").strip()
    return hashlib.sha256(f"{issuer}\0{name}".encode(errors="replace")).hexdigest() if name else ""


def _channels(values: np.ndarray, dataset: Dataset, kind: str, path: Path) -> np.ndarray:
    """(height, width, 3) uint8 of a colour image.

    Raises:
        DataError: It is of a kind that is not read.
    """
    from pydicom.pixels.processing import apply_color_lut

    if kind == "PALETTE COLOR":
        values = apply_color_lut(values, dataset)
        if values.dtype == np.uint16:
            values = (values >> 8).astype(np.uint8)
    if values.ndim != 3 or values.shape[2] != 3 or values.dtype != np.uint8:
        raise DataError(
            f"{path}: the DICOM image is of a kind that is not read (colour with more than 8 bits, "
            "or without a known photometric interpretation); export it as MONOCHROME2."
        )
    return values


def _damaged(path: Path, error: Exception) -> DataError:
    """A sentence without what the decoder said, which can repeat any value of the file."""
    return damaged(path, f"as DICOM, {type(error).__name__}")
