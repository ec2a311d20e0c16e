"""Reading label files: lines, numbers and points, each refused with its file and line."""

from __future__ import annotations

import math
from pathlib import Path

from benchmark.errors import DataError

BORDER = 1.0
"""How far outside the outermost pixel centres a point may lie, in px.

Half a pixel belongs to the image; the other half forgives labels that count pixels from one.
"""


def read_lines(path: Path) -> list[str]:
    """The lines of a text file without their ends; trailing empty lines are left out.

    Raises:
        DataError: The file is missing, cannot be read, or is not text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise DataError(f"{path}: the label file is missing; restore it.") from error
    except OSError as error:
        raise DataError(
            f"{path}: the label file cannot be read ({error.strerror}); restore it."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: the label file is not UTF-8 text; save it as such.") from error
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def number(text: str, path: Path, line: int, what: str = "coordinate") -> float:
    """Parse a decimal number.

    Args:
        text: What stands in the file, white space around it allowed.
        path: The file, for the message.
        line: The line, counted from 1, for the message.
        what: What the number should be, for the message.

    Raises:
        DataError: It is a word, is empty, or is not finite.
    """
    stripped = text.strip()
    try:
        value = float(stripped)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in stripped:
        raise DataError(
            f"{path}, line {line}: '{stripped}' stands where a number ({what}) is needed; "
            "correct the line."
        )
    return value


def check_inside(
    point: tuple[float, float], size: tuple[int, int], path: Path, line: int, mend: str
) -> None:
    """Refuse a point outside the image.

    Args:
        point: x and y in px; a pixel's centre has whole coordinates.
        size: Width and height of the frame in px.
        path: The label file, for the message.
        line: The line, counted from 1, for the message.
        mend: What to do about it, for the message.

    Raises:
        DataError: The point lies more than `BORDER` outside the outermost pixel centres.
    """
    inside = all(-BORDER <= c <= side - 1 + BORDER for c, side in zip(point, size, strict=True))
    if not inside:
        raise DataError(
            f"{path}, line {line}: the point ({point[0]:g}, {point[1]:g}) lies outside the image "
            f"of {size[0]} x {size[1]} px; {mend}."
        )
