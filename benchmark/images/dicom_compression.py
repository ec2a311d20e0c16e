"""Compressed DICOM: what can be decompressed here, what package is missing, and what is a bomb."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.errors import DataError
from benchmark.images.limits import MAX_PIXELS

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_DEFLATED = ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.8.1")
_JPEG_2000 = ("1.2.840.10008.1.2.4.9", "1.2.840.10008.1.2.4.20")

_SIZES_OF_JPEG = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""Markers of a frame header, in JPEG (SOF0 to SOF15) and JPEG-LS (SOF55)."""


def check_deflated(path: Path) -> None:
    """Refuse a file that is deflated as a whole: how large it becomes is not known before.

    Raises:
        DataError: It is.
    """
    from pydicom.filereader import read_file_meta_info

    if str(read_file_meta_info(path).get("TransferSyntaxUID", "")) in _DEFLATED:
        raise DataError(
            f"{path}: the DICOM file is deflated as a whole, which is not read; export it with "
            "another transfer syntax, for example Explicit VR Little Endian."
        )


def check(dataset: Dataset, path: Path) -> None:
    """Refuse what cannot be decompressed here, or would become larger than the header says.

    Raises:
        DataError: A package is missing, the transfer syntax is not known, or the compressed image
            has another size than the file declares.
    """
    from pydicom.pixels.decoders.base import get_decoder

    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_compressed:
        return
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise DataError(
            f"{path}: the DICOM image is compressed as {syntax.name[:80]}, which is not read; "
            "export it uncompressed."
        ) from None
    if not decoder.is_available:
        package = "openjpeg" if str(syntax).startswith(_JPEG_2000) else "libjpeg"
        raise DataError(
            f"{path}: the DICOM image is compressed as {syntax.name[:80]}, for which the package "
            f"pylibjpeg-{package} is missing; install it with: pip install pylibjpeg "
            f"pylibjpeg-{package}"
        )
    declared = int(dataset.Columns), int(dataset.Rows)
    size = _size_in_codestream(b"".join(_fragments(dataset)))
    if size is not None and size != declared:
        large = size[0] * size[1] > MAX_PIXELS
        raise DataError(
            f"{path}: the DICOM header says {declared[0]} x {declared[1]} px and the compressed "
            f"image {size[0]} x {size[1]} px{', which is too large' if large else ''}; fetch it "
            "again."
        )


def _fragments(dataset: Dataset) -> Iterator[bytes]:
    from pydicom.encaps import generate_fragments

    fragments = generate_fragments(dataset.PixelData)
    next(fragments, None)  # the offset table
    yield from fragments


def _size_in_codestream(data: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG, JPEG-LS or JPEG 2000 stream declares, or None."""
    if data.startswith(b"\xff\x4f\xff\x51"):
        right, bottom, left, top = struct.unpack_from(">4I", data, 8)
        return right - left, bottom - top
    if data.startswith(b"\xff\xd8"):
        return _size_in_jpeg(data)
    return None


def _size_in_jpeg(data: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(data):
        if data[place] != 0xFF:
            return None
        marker = data[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        if marker in _SIZES_OF_JPEG:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return width, height
        place += 2 + max(2, int(struct.unpack_from(">H", data, place + 2)[0]))
    return None
