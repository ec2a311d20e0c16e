"""What is refused of every kind of image: absurd sizes, stacks and damage, in one sentence."""

from __future__ import annotations

from pathlib import Path

from benchmark.errors import DataError

MAX_PIXELS = 80_000_000
"""Larger images are refused unread: a long-leg film has 20 million, a decompression bomb more."""

MAX_SIDE = 30_000
"""Longer sides are refused, in px: no detector is so long, and strips of that kind are damage."""

MAX_BYTES = 2**30
"""Larger files are refused unread: no single radiograph fills a gibibyte."""


def check_size(path: Path, width: int, height: int) -> None:
    """Refuse a size that no radiograph has.

    Args:
        path: The image, for the message.
        width: In px, as its header says.
        height: In px.

    Raises:
        DataError: A side is below one, or there are too many pixels.
    """
    if width < 1 or height < 1:
        raise DataError(f"{path}: {width} x {height} px is no size of an image; fetch it again.")
    if width * height > MAX_PIXELS:
        raise too_large(path, f"{width} x {height} px, ")
    if max(width, height) > MAX_SIDE:
        raise DataError(
            f"{path}: the image is too long ({width} x {height} px, more than {MAX_SIDE:,} on a "
            "side); crop it."
        )


def check_bytes(path: Path) -> None:
    """Refuse a file that is too large to be one radiograph.

    Raises:
        DataError: It has more than `MAX_BYTES`.
    """
    if path.stat().st_size > MAX_BYTES:
        raise DataError(
            f"{path}: the file is larger than {MAX_BYTES >> 20} MB; bring each image on its own."
        )


def too_large(path: Path, size: str = "") -> DataError:
    """The refusal of an image with too many pixels."""
    return DataError(
        f"{path}: the image is too large ({size}more than {MAX_PIXELS // 1_000_000} million "
        "pixels); scale it down or crop it."
    )


def damaged(path: Path, reason: str) -> DataError:
    """The refusal of an image that cannot be decoded.

    Args:
        path: The image.
        reason: What the decoder said; nothing that stands in a DICOM file, which may be a name.
    """
    return DataError(f"{path}: the image is truncated or damaged ({reason}); fetch it again.")


def several(path: Path, count: int) -> DataError:
    """The refusal of a file that holds more than one image."""
    return DataError(
        f"{path}: the file holds {count} images where one is needed; save each as a file."
    )
