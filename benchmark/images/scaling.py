"""Scaling radiographs, and writing small copies of them for people to look at."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from benchmark.errors import StoreError


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
