"""Whether a labelled point lies in its image; one outside is refused with its file and place."""

from __future__ import annotations

from pathlib import Path

from benchmark.errors import DataError
from benchmark.labels.files import where
from benchmark.refusals import refuse

BORDER = 1.0
"""How far outside the outermost pixel centres a point may lie, in px.

Half a pixel belongs to the image; the other half forgives labels that count pixels from one.
"""


def check_inside(
    point: tuple[float, float], size: tuple[int, int], path: Path, place: str, mend: str
) -> None:
    """Refuse a point outside the image.

    Args:
        point: x and y in px; a pixel's centre has whole coordinates.
        size: Width and height of the frame in px.
        path: The label file, for the message.
        place: Where in it, such as ``line 4``, for the message.
        mend: What to do about it, for the message.

    Raises:
        DataError: The point lies more than `BORDER` outside the outermost pixel centres.
    """
    inside = all(-BORDER <= c <= side - 1 + BORDER for c, side in zip(point, size, strict=True))
    if not inside:
        error = DataError(
            f"{where(path, place)}: the point ({point[0]:g}, {point[1]:g}) lies outside the image "
            f"of {size[0]} x {size[1]} px; {mend}."
        )
        refuse(error, seen=True)
