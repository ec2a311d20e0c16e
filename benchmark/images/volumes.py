"""MHA and NRRD, read through SimpleITK: a single slice of grey, with its spacing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.errors import DataError
from benchmark.images.header import ImageHeader
from benchmark.images.limits import check_size, damaged, several
from benchmark.images.windows import Window, scale_linearly, to_grey

if TYPE_CHECKING:
    import SimpleITK

_HEADER_BYTES = 2**16
_DETACHED = {
    "MetaImageIO": re.compile(rb"^ElementDataFile[ \t]*=[ \t]*+(?!LOCAL\s)", re.MULTILINE),
    "NrrdImageIO": re.compile(rb"^data ?file\s*:", re.MULTILINE | re.IGNORECASE),
}
"""How a header names another file that would have to be opened."""


def header(path: Path) -> ImageHeader:
    """Size and spacing; a spacing of 1 mm both ways is what tools write that know none.

    Raises:
        DataError: SimpleITK is missing, or the file is damaged, colour, or a stack of slices.
    """
    reader = _reader(path)
    width, height = reader.GetSize()[:2]
    across, down = reader.GetSpacing()[:2]
    is_stated = (across, down) != (1.0, 1.0) and across > 0 and down > 0
    source = "ElementSpacing" if path.suffix.lower() == ".mha" else "spacings"
    return ImageHeader(
        width, height, (across, down) if is_stated else None, source if is_stated else ""
    )


def read(path: Path, window: Window) -> np.ndarray:
    """The slice as (height, width) uint8; rows and columns stay in the order of the file.

    Raises:
        DataError: As `header`, or pixels are missing or no numbers.
    """
    reader = _reader(path)
    import SimpleITK

    try:
        values = SimpleITK.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise damaged(path, _reason(error)) from error
    values = values.reshape(values.shape[-2:])
    if values.dtype == np.uint8:
        return np.array(values)
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise DataError(f"{path}: pixels of the image are no numbers; export it again.")
        full = None
    else:
        kind = np.iinfo(values.dtype)
        full = (float(kind.min), float(kind.max))
    if values.dtype == np.int8:
        return scale_linearly(values, -128, 127)
    try:
        return to_grey(values, window, full)
    except ValueError as error:
        raise DataError(f"{path}: {error}.") from error


def _reader(path: Path) -> SimpleITK.ImageFileReader:
    """A reader that has read the header.

    Raises:
        DataError: SimpleITK is missing, or the header says what cannot be read.
    """
    kind = _checked_kind(path)
    try:
        import SimpleITK
    except ImportError:
        raise DataError(
            f"{path}: MHA and NRRD need the package SimpleITK, which is missing; install it with: "
            "pip install SimpleITK"
        ) from None
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    reader = SimpleITK.ImageFileReader()
    reader.SetImageIO(kind)
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        size: tuple[Any, ...] = reader.GetSize()
        channels = reader.GetNumberOfComponents()
    except (RuntimeError, OverflowError) as error:
        raise damaged(path, _reason(error)) from error
    if len(size) < 2 or channels != 1:
        raise DataError(
            f"{path}: the image has {channels} channels and {len(size)} dimensions where a grey "
            "image is needed; convert it to 8-bit grey PNG."
        )
    check_size(path, size[0], size[1])
    slices = int(np.prod([int(side) for side in size[2:]], dtype=object))
    if slices != 1:
        raise several(path, slices)
    return reader


def _checked_kind(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(_HEADER_BYTES)
    kind = "NrrdImageIO" if start.startswith(b"NRRD") else "MetaImageIO"
    if kind == "MetaImageIO" and b"ElementDataFile" not in start:
        raise damaged(path, "header")
    end = start.find(b"\n\n") if kind == "NrrdImageIO" else start.find(b"ElementDataFile") + 200
    if _DETACHED[kind].search(start[: end if end > 0 else None]):
        raise DataError(
            f"{path}: the pixels lie in another file; save the image as one file (MHA, or NRRD "
            "with attached data)."
        )
    return kind


def _reason(error: Exception) -> str:
    """The last line of what ITK says; the others name its own source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "".join(sign for sign in lines[-1][:160] if sign.isprintable()) if lines else "header"
