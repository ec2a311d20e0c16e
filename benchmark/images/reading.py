"""Reading an image of any kind: which reader a file needs is found out from its first bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.errors import DataError
from benchmark.images.header import ImageHeader
from benchmark.images.limits import check_bytes, check_size
from benchmark.images.windows import AUTO, Window

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm", ".dcm", ".dicom", ".mha", ".nrrd",
)  # fmt: skip
"""Endings of the files that are taken for radiographs, in lower case."""

_DICOM_SUFFIXES = (".dcm", ".dicom")
_PREAMBLE, _MARK = 128, b"DICM"


def read_radiograph(path: Path, window: Window = AUTO) -> np.ndarray:
    """Read a radiograph as 8-bit grey.

    Read are 8-bit grey, bilevel, palettes of greys (the Shenzhen set has them), grey stored as
    opaque RGB or RGBA, and grey of 16 bits; DICOM with its modality and VOI LUT, MONOCHROME1
    inverted; MHA and NRRD. Deep images are windowed as `Window` says. Otherwise nothing is turned
    or inverted.

    Args:
        path: A PNG, JPEG, BMP, TIFF, PGM, DICOM, MHA or NRRD file.
        window: How more than 8 bits become 8.

    Returns:
        (height, width) uint8, black 0, white 255; the caller's own, writable copy.

    Raises:
        DataError: The file is missing, truncated, in colour, too large, or of another kind; one
            sentence names the file and the mend.
    """
    kind = _kind(path)
    if kind == "dicom":
        from benchmark.images import dicom

        pixels = dicom.read(path, window)
    elif kind == "volume":
        from benchmark.images import volumes

        pixels = volumes.read(path, window)
    else:
        from benchmark.images import raster

        pixels = raster.read(path, window)
    check_size(path, pixels.shape[1], pixels.shape[0])
    return pixels


def image_header(path: Path) -> ImageHeader:
    """Size and, where the file says so, spacing and patient, from the header of the file alone.

    Raises:
        DataError: As `read_radiograph`, where the header tells: damage further on and colour in
            an RGB file are found only on reading.
    """
    kind = _kind(path)
    if kind == "dicom":
        from benchmark.images import dicom

        return dicom.header(path)
    if kind == "volume":
        from benchmark.images import volumes

        return volumes.header(path)
    from benchmark.images import raster

    return raster.header(path)


def image_size(path: Path) -> tuple[int, int]:
    """The (width, height) of a radiograph in px, as `image_header` tells it."""
    return image_header(path).size


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return _has_mark(file.read(_PREAMBLE + len(_MARK)))
    except (OSError, ValueError):
        return False


def _has_mark(start: bytes) -> bool:
    return start[_PREAMBLE:] == _MARK


def _kind(path: Path) -> str:
    """``dicom``, ``volume`` or ``raster``.

    Raises:
        DataError: The file is missing, empty, a folder, too large or may not be read.
    """
    try:
        if not path.exists():
            raise DataError(f"{path}: the image is missing; restore it or correct the name.")
        if not path.is_file():
            raise DataError(f"{path}: this is a folder where an image is needed; correct the name.")
        check_bytes(path)
        with path.open("rb") as file:
            start = file.read(_PREAMBLE + len(_MARK))
    except PermissionError as error:
        raise DataError(f"{path}: the image may not be read; change its permissions.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: the image cannot be read ({reason}); restore it.") from error
    if not start:
        raise DataError(f"{path}: the file is empty; fetch it again.")
    if _has_mark(start):
        return "dicom"
    if path.suffix.lower() in _DICOM_SUFFIXES:
        raise DataError(
            f"{path}: the file lacks the mark of DICOM (DICM after 128 bytes); export it again "
            "as a DICOM file."
        )
    is_volume = start.startswith(b"NRRD") or path.suffix.lower() in {".mha", ".nrrd"}
    return "volume" if is_volume else "raster"
