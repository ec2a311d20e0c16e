"""Frames: where the native pixels of a radiograph lie in its working image, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Frame:
    """The place of a native image in the working canvas, whole and with its aspect kept.

    A pixel's centre has whole coordinates, so that
    ``working = (native + 0.5) * scale - 0.5 + offset`` on each axis.

    Attributes:
        scale: Working px per native px along x and y; they differ by rounding only.
        offset: Whole working px to the left of and above the image.
        content: Width and height of the image in the canvas, px.
    """

    scale: tuple[float, float]
    offset: tuple[int, int]
    content: tuple[int, int]

    def to_working(self, points: np.ndarray) -> np.ndarray:
        """Native px (..., 2) to working px."""
        moved: np.ndarray = (points + 0.5) * np.asarray(self.scale) - 0.5 + np.asarray(self.offset)
        return moved

    def to_native(self, points: np.ndarray) -> np.ndarray:
        """Working px (..., 2) to native px."""
        moved: np.ndarray = (points - np.asarray(self.offset) + 0.5) / np.asarray(self.scale) - 0.5
        return moved


def fit(width: int, height: int, canvas: tuple[int, int]) -> Frame:
    """The largest centred placement of a native image in a canvas (height, width)."""
    canvas_height, canvas_width = canvas
    scale = min(canvas_width / width, canvas_height / height)
    content = (max(1, round(width * scale)), max(1, round(height * scale)))
    return Frame(
        scale=(content[0] / width, content[1] / height),
        offset=((canvas_width - content[0]) // 2, (canvas_height - content[1]) // 2),
        content=content,
    )


def stretch(width: int, height: int, canvas: tuple[int, int]) -> Frame:
    """A native image that fills a canvas (height, width), whatever becomes of its aspect."""
    canvas_height, canvas_width = canvas
    return Frame(
        scale=(canvas_width / width, canvas_height / height),
        offset=(0, 0),
        content=(canvas_width, canvas_height),
    )


def frame_in(width: int, height: int, canvas: tuple[int, int], *, squash: bool) -> Frame:
    """Where a native image lies in a canvas: whole and undistorted, or filling it."""
    return (stretch if squash else fit)(width, height, canvas)


def working_size(
    aspect: float, image_size: int, multiple: int = 32, squash: bool = False
) -> tuple[int, int]:
    """Height and width of the canvas for images of one aspect.

    Of all sizes whose sides are multiples of ``multiple`` and whose area is at most
    ``image_size`` squared, the one that is nearest in aspect and area.

    Args:
        aspect: Height over width, the median of the dataset.
        image_size: Side of the square that bounds the area, px.
        multiple: What the network's levels ask of the sides.
        squash: Whether images fill a square, whatever their aspect.
    """
    if squash:
        side = max(multiple, image_size // multiple * multiple)
        return side, side
    area = max(image_size, multiple) ** 2
    sides = range(multiple, area // multiple + 1, multiple)
    candidates = [(h, w) for h in sides for w in sides if h * w <= area]

    def distance(size: tuple[int, int]) -> float:
        height, width = size
        shape = abs(math.log(height / width / aspect))
        return shape + 0.5 * math.log(area / (height * width))

    return min(candidates, key=distance)
