"""Reading label files: bytes, lines, numbers and names, each refused with its file and place."""

from __future__ import annotations

import math
import unicodedata
from pathlib import Path

from benchmark.errors import DataError

MAX_BYTES = 256 * 2**20
"""Larger label files are refused unread; 20,000 images of 50 landmarks take a tenth of it."""

MAX_NAME = 255
"""Longer names are refused: file systems know none, and no sentence could show them."""

MAX_COORDINATE = 1e6
"""Coordinates beyond this, in px, are refused: no radiograph is a kilometre of pixels wide."""


def where(path: Path, place: str = "") -> str:
    """How a sentence begins: the file and, where it is known, the place in it.

    Args:
        path: The label file.
        place: ``line 4``, or the path within a JSON file such as ``shapes[3].points``.
    """
    return f"{path}, {place}" if place else str(path)


def at(place: str) -> str:
    """A place within a sentence: ``on line 4``, ``at shapes[3]``."""
    return f"on {place}" if place.startswith("line ") else f"at {place}" if place else "there"


def read_bytes(path: Path) -> bytes:
    """The content of a label file.

    Raises:
        DataError: The file is missing, is no file, is larger than `MAX_BYTES`, or cannot be read.
    """
    try:
        if not path.exists():
            raise DataError(f"{path}: the label file is missing; restore it.")
        if not path.is_file():
            raise DataError(f"{path}: this is no file where a label file is needed; correct it.")
        if path.stat().st_size > MAX_BYTES:
            raise DataError(
                f"{path}: the label file is larger than {MAX_BYTES >> 20} MB; leave out embedded "
                "images, or split it."
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: the label file cannot be read ({reason}); restore it.") from error


def read_text(path: Path) -> str:
    """The text of a label file, without a byte order mark.

    Raises:
        DataError: As `read_bytes`, and where it is not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: the label file is not UTF-8 text; save it as such.") from error


def read_lines(path: Path) -> list[str]:
    """The lines of a text file without their ends; trailing empty lines are left out.

    Raises:
        DataError: The file is missing, too large, cannot be read, or is not text.
    """
    lines = read_text(path).splitlines()
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
    value = as_number(text)
    if value is None:
        raise DataError(
            f"{path}, line {line}: '{excerpt(text)}' stands where a number ({what}) is needed; "
            "correct the line."
        )
    return value


def as_number(text: str) -> float | None:
    """The finite number that a text is, or None."""
    stripped = text.strip()
    try:
        value = float(stripped)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in stripped else None


def excerpt(text: str) -> str:
    """What of a file's text a sentence can show: one line, printable, of at most 60 characters."""
    shown = "".join(c if c.isprintable() else " " for c in text.strip())
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def checked_name(text: str, what: str, path: Path, place: str) -> str:
    """A name without white space around it.

    Args:
        text: As it stands in the file.
        what: What is named, for the message: ``image``, ``landmark``.
        path: The file, for the message.
        place: The place in it, for the message.

    Raises:
        DataError: It is empty, too long, or holds characters that cannot be shown.
    """
    name = text.strip()
    if not name:
        raise DataError(f"{where(path, place)}: the name of the {what} is empty; fill it in.")
    if len(name) > MAX_NAME:
        raise DataError(
            f"{where(path, place)}: the name of the {what} has {len(name)} characters, more than "
            f"{MAX_NAME}; shorten it."
        )
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        raise DataError(
            f"{where(path, place)}: the name of the {what}, '{excerpt(name)}', holds control "
            "characters; remove them."
        )
    return name
