"""PNG, JPEG, BMP, TIFF and PGM, read through Pillow: grey of 8 or 16 bits, however it is stored."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.errors import DataError
from benchmark.images.header import ImageHeader
from benchmark.images.limits import check_size, damaged, several, too_large
from benchmark.images.windows import Window, to_grey

if TYPE_CHECKING:
    from PIL import Image

CHROMA_NOISE = 8
"""Largest difference between the channels of a grey image that went through a colour JPEG.

A grey original decodes to equal channels up to rounding (3 at most was seen); an annotation in
colour differs by 50 and more.
"""

_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "PPM")
_MAGIC = (b"\x89PNG", b"\xff\xd8", b"BM", b"II*\0", b"MM\0*", b"P4", b"P5", b"P6")
_GREY_MODES = frozenset({"1", "L"})
_CHANNEL_MODES = frozenset({"P", "PA", "LA", "RGB", "RGBA"})
_ORIENTATION_TAG, _BITS_TAG, _PHOTOMETRIC_TAG = 0x0112, 258, 262
_WHITE_IS_ZERO = 0


def read(path: Path, window: Window) -> np.ndarray:
    """The image as (height, width) uint8; only deep grey is windowed, nothing turned or inverted.

    Raises:
        DataError: The file is damaged, in colour, partly transparent, or of a kind that is not
            read; one sentence names it and the mend.
    """
    with _opened(path) as image:
        try:
            image.load()
            return _grey(image, path, window)
        except (DataError, MemoryError):
            raise
        except Exception as error:  # decoders raise whatever they like on damaged bytes
            raise _damaged(path, error) from error


def header(path: Path) -> ImageHeader:
    """The size from the header of the file alone; its resolution is that of a print.

    Raises:
        DataError: As `read`, where the header tells: damage further on and colour in an RGB file
            are found only on reading.
    """
    with _opened(path) as image:
        return ImageHeader(*image.size)


def grey_of_channels(channels: np.ndarray, path: Path) -> np.ndarray:
    """One channel of a grey image that was stored as red, green and blue.

    Args:
        channels: (height, width, 3) uint8.
        path: The image, for the message.

    Returns:
        (height, width) uint8, as Pillow weighs the channels.

    Raises:
        DataError: The channels differ by more than `CHROMA_NOISE`.
    """
    from PIL import Image

    red, green, blue = (channels[..., c] for c in range(3))
    darkest = np.minimum(np.minimum(red, green), blue)
    spread = np.maximum(np.maximum(red, green), blue) - darkest
    if spread.max() > CHROMA_NOISE:
        raise DataError(
            f"{path}: the image is in colour (its channels differ by up to {int(spread.max())}); "
            "convert it to 8-bit grey, without annotations in colour."
        )
    return np.array(Image.fromarray(np.ascontiguousarray(channels)).convert("L"), dtype=np.uint8)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Damaged metadata is warned of; what matters is found on reading.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(path, formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise too_large(path) from error
    except UnidentifiedImageError as error:
        raise _unidentified(path) from error
    except PermissionError as error:
        raise DataError(f"{path}: the image may not be read; change its permissions.") from error
    except Exception as error:  # decoders raise whatever they like on damaged bytes
        raise _damaged(path, error) from error
    with image, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _check_header(image, path)
        except (DataError, MemoryError):
            raise
        except Exception as error:  # tags are parsed when they are asked for
            raise _damaged(path, error) from error
        yield image


def _check_header(image: Image.Image, path: Path) -> None:
    check_size(path, *image.size)
    if image.mode not in _GREY_MODES | _CHANNEL_MODES and _bits(image) != 16:
        if image.mode[0] in "IF":
            raise DataError(
                f"{path}: the image has 32 bits a pixel; convert it to 16 or 8 bits, with a window "
                "of your choice."
            )
        raise DataError(
            f"{path}: the image is of the colour kind {image.mode}; convert it to 8-bit grey."
        )
    if image.mode in _CHANNEL_MODES and _bits(image) == 16:
        raise DataError(
            f"{path}: the image is in colour of 16 bits; convert it to grey of 16 or 8 bits."
        )
    count = getattr(image, "n_frames", 1)
    if count > 1:
        raise several(path, count)
    # Pillow reads EXIF of JPEG and TIFF from the header; of PNG only by decoding the whole file.
    if image.format in {"JPEG", "TIFF"} and image.getexif().get(_ORIENTATION_TAG, 1) not in {0, 1}:
        raise DataError(
            f"{path}: the image is marked as to be turned (EXIF orientation), so landmarks could "
            "mean either frame; save it upright without the mark."
        )


def _bits(image: Image.Image) -> int:
    """Bits a channel in the file, as Pillow tells them: 16 or something else."""
    raw_mode = str(getattr(image, "tile", ""))
    if "16" in image.mode or ";16" in raw_mode:
        return 16
    # Pillow scales a deep PGM to 16 bits, whatever its largest value.
    return 16 if image.format == "PPM" and image.mode == "I" else 8


def _grey(image: Image.Image, path: Path, window: Window) -> np.ndarray:
    if image.mode in _GREY_MODES:
        return np.array(image.convert("L"), dtype=np.uint8)
    if image.mode not in _CHANNEL_MODES:
        return _deep_grey(image, window)
    has_alpha = image.mode in {"PA", "LA", "RGBA"} or "transparency" in image.info
    channels = np.asarray(image.convert("RGBA" if has_alpha else "RGB"))
    if has_alpha and channels[..., 3].min() < 255:
        raise DataError(f"{path}: parts of the image are transparent; flatten it to 8-bit grey.")
    return grey_of_channels(channels[..., :3], path)


def _deep_grey(image: Image.Image, window: Window) -> np.ndarray:
    values = np.asarray(image)
    tags: Any = getattr(image, "tag_v2", {})
    # 12 bits may lie in 16, of which the upper four stay dark.
    bits = tags.get(_BITS_TAG, (16,))[0]
    signed = values.dtype == np.int32 and values.min() < 0
    values = values.astype(np.int16 if signed else np.uint16)
    full = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    grey = to_grey(values, window, full)
    # Pillow minds this tag in 8-bit images, not in deeper ones.
    return 255 - grey if tags.get(_PHOTOMETRIC_TAG) == _WHITE_IS_ZERO else grey


def _damaged(path: Path, error: Exception) -> DataError:
    return damaged(path, " ".join(str(error).split())[:200] or type(error).__name__)


def _unidentified(path: Path) -> DataError:
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(_MAGIC):
        return damaged(path, "header")
    return DataError(
        f"{path}: this is not an image of a kind that is read (DICOM, PNG, JPEG, BMP, TIFF, PGM, "
        "MHA, NRRD); convert it to 8-bit grey PNG."
    )
