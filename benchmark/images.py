"""Reading radiographs: 8-bit grey pixels from the files people have, or one sentence why not."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmark.errors import DataError, StoreError

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm")
"""Endings of the files that are taken for radiographs, in lower case."""

MAX_PIXELS = 80_000_000
"""Larger images are refused unread: a long-leg film has 20 million, a decompression bomb more."""

CHROMA_NOISE = 8
"""Largest difference between the channels of a grey image that went through a colour JPEG.

A grey original decodes to equal channels up to rounding (3 at most was seen); an annotation in
colour differs by 50 and more.
"""

_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "PPM")
_MAGIC = (b"\x89PNG", b"\xff\xd8", b"BM", b"II*\0", b"MM\0*", b"P4", b"P5", b"P6")
_GREY_MODES = frozenset({"1", "L"})
_CHANNEL_MODES = frozenset({"P", "PA", "LA", "RGB", "RGBA"})
_ORIENTATION_TAG = 0x0112


def read_radiograph(path: Path) -> np.ndarray:
    """Read a radiograph as it is stored.

    Read are 8-bit grey, bilevel, palettes of greys (the Shenzhen set has them), and grey stored as
    opaque RGB or RGBA. Nothing is windowed, turned or inverted.

    Args:
        path: A PNG, JPEG, BMP, TIFF or PGM file.

    Returns:
        (height, width) uint8, black 0, white 255; the caller's own, writable copy.

    Raises:
        DataError: The file is missing, truncated, deeper than 8 bits, in colour, too large, or of
            another kind; one sentence names the file and the mend.
    """
    with _opened(path) as image:
        try:
            image.load()
            return _grey(image, path)
        except (DataError, MemoryError):
            raise
        except Exception as error:  # decoders raise whatever they like on damaged bytes
            raise _damaged(path, error) from error


def image_size(path: Path) -> tuple[int, int]:
    """The (width, height) of a radiograph in px, from the header of the file alone.

    Raises:
        DataError: As `read_radiograph`, where the header tells: damage further on and colour in
            an RGB file are found only on reading.
    """
    with _opened(path) as image:
        return image.size


def scale_to(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize the full frame with an antialiasing filter (Lanczos, 3 lobes).

    A point moves by ``x_small = (x + 0.5) * w / W - 0.5``, and y likewise.

    Args:
        pixels: (height, width) uint8.
        size: The new (width, height) in px; the aspect ratio is the caller's business.

    Returns:
        (new height, new width) uint8, a copy even where the size stays.
    """
    from PIL import Image

    if pixels.shape == (size[1], size[0]):
        return pixels.copy()
    resized = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
    return np.array(resized, dtype=np.uint8)


def write_preview(pixels: np.ndarray, path: Path, longest: int) -> None:
    """Write a copy for people to look at, never larger than the original.

    Args:
        pixels: (height, width) uint8.
        path: Where to write; the ending says the format (``.jpg`` or ``.png``).
        longest: The longer side of the copy in px, at most.

    Raises:
        StoreError: The file cannot be written.
    """
    from PIL import Image

    height, width = pixels.shape
    scale = min(1.0, longest / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    kind = "PNG" if path.suffix.lower() == ".png" else "JPEG"
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        Image.fromarray(scale_to(pixels, size)).save(temporary, format=kind, quality=85)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreError(
            f"{path}: the preview cannot be written ({error}); choose a writable folder."
        ) from error


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    from PIL import Image, UnidentifiedImageError

    if not path.exists():
        raise DataError(f"{path}: the image is missing; restore it or correct the name.")
    if not path.is_file():
        raise DataError(f"{path}: this is a folder where an image is needed; correct the name.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(path, formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path, "") from error
    except UnidentifiedImageError as error:
        raise _unidentified(path) from error
    except PermissionError as error:
        raise DataError(f"{path}: the image may not be read; change its permissions.") from error
    except Exception as error:  # decoders raise whatever they like on damaged bytes
        raise _damaged(path, error) from error
    with image:
        _check_header(image, path)
        yield image


def _check_header(image: Image.Image, path: Path) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _too_large(path, f"{width} x {height} px, ")
    raw_mode = str(getattr(image, "tile", ""))
    if image.mode[0] in "IF" or ";16" in raw_mode:
        depth = "16" if "16" in image.mode + raw_mode else "32"
        raise DataError(
            f"{path}: the image has {depth} bits a pixel, which would have to be windowed; "
            "convert it to 8 bit with a window of your choice."
        )
    if image.mode not in _GREY_MODES | _CHANNEL_MODES:
        raise DataError(
            f"{path}: the image is of the colour kind {image.mode}; convert it to 8-bit grey."
        )
    # Pillow reads EXIF of JPEG and TIFF from the header; of PNG only by decoding the whole file.
    if image.format in {"JPEG", "TIFF"} and image.getexif().get(_ORIENTATION_TAG, 1) not in {0, 1}:
        raise DataError(
            f"{path}: the image is marked as to be turned (EXIF orientation), so landmarks could "
            "mean either frame; save it upright without the mark."
        )


def _grey(image: Image.Image, path: Path) -> np.ndarray:
    if image.mode in _GREY_MODES:
        return np.array(image.convert("L"), dtype=np.uint8)
    has_alpha = image.mode in {"PA", "LA", "RGBA"} or "transparency" in image.info
    channels = np.asarray(image.convert("RGBA" if has_alpha else "RGB"))
    if has_alpha and channels[..., 3].min() < 255:
        raise DataError(f"{path}: parts of the image are transparent; flatten it to 8-bit grey.")
    red, green, blue = (channels[..., c] for c in range(3))
    darkest = np.minimum(np.minimum(red, green), blue)
    spread = np.maximum(np.maximum(red, green), blue) - darkest
    if spread.max() > CHROMA_NOISE:
        raise DataError(
            f"{path}: the image is in colour (its channels differ by up to {int(spread.max())}); "
            "convert it to 8-bit grey, without annotations in colour."
        )
    return np.array(image.convert("RGB").convert("L"), dtype=np.uint8)


def _damaged(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(f"{path}: the image is truncated or damaged ({reason}); fetch it again.")


def _too_large(path: Path, size: str) -> DataError:
    return DataError(
        f"{path}: the image is too large ({size}more than {MAX_PIXELS // 1_000_000} million "
        "pixels); scale it down or crop it."
    )


def _unidentified(path: Path) -> DataError:
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        return DataError(f"{path}: the file is empty; fetch it again.")
    if start.startswith(_MAGIC):
        return DataError(f"{path}: the image is truncated or damaged (header); fetch it again.")
    return DataError(
        f"{path}: this is not an image of a kind that is read "
        "(PNG, JPEG, BMP, TIFF, PGM); convert it to 8-bit grey PNG."
    )
