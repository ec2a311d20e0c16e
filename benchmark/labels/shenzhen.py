"""The text of the Shenzhen chest labels: one file an image, ratios of its width and height."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.errors import DataError
from benchmark.labels.collecting import LabelCollector
from benchmark.labels.files import as_number, excerpt, number, read_lines
from benchmark.labels.label_set import Frames

MAX_COUNT = 1000


def read(path: Path, collector: LabelCollector, annotator: str, frames: Frames | None) -> None:
    """Read a file named after its image: ``CHNCXR_0001_0.txt`` for ``CHNCXR_0001_0.png``.

    Landmarks have no names in it and are called 1, 2, ... A ratio r of a width W is the pixel
    coordinate x = r W, as published code reads it.

    Raises:
        DataError: A line cannot be, the number of landmarks differs between files, or the size of
            the image is not known.
    """
    ratios = read_ratios(path)
    entry = collector.image(path.stem, path, "")
    collector.open(entry, annotator, path, "")
    collector.same_count(len(ratios), path, "landmarks")
    frame = frames(path.stem) if frames is not None else None
    if frame is None:
        raise DataError(
            f"{path}: the landmarks are ratios of the image's size, and there is no image "
            f"{path.stem} to take the size from; add it, or say where the images are."
        )
    for row, (x, y) in enumerate(ratios, start=1):
        position = (float(x) * frame.width, float(y) * frame.height)
        collector.point(entry, annotator, str(row), position, path, f"line {row + 1}")


def read_ratios(path: Path, count: int | None = None) -> np.ndarray:
    """The ratios of a file.

    Args:
        path: A first line with the number of landmarks, then one line ``x y`` for each.
        count: The number of landmarks; None to take that of the first line.

    Returns:
        (count, 2) float64 in [0, 1], ratios of width and height.

    Raises:
        DataError: A line is missing or too many, is no pair of numbers, or leaves [0, 1].
    """
    lines = read_lines(path)
    if count is None:
        count = _declared(lines, path)
    if not lines or lines[0].strip() != str(count):
        reads = f"'{excerpt(lines[0])}'" if lines else "nothing"
        raise DataError(
            f"{path}, line 1: the number of landmarks, {count}, is needed here, not {reads}; "
            "restore the file as it is distributed."
        )
    if len(lines) > count + 1:
        raise DataError(
            f"{path}, line {count + 2}: a line stands after the {count} landmarks; remove it."
        )
    ratios = np.empty((count, 2))
    for row in range(1, count + 1):
        ratios[row - 1] = _pair(lines[row] if row < len(lines) else "", count, path, row + 1)
    return ratios


def recognises(lines: list[str]) -> bool:
    """Whether a text begins as this format does: a count, then two numbers that a space parts."""
    fields = lines[1].split() if len(lines) > 1 else []
    starts = bool(lines) and lines[0].strip().isdecimal()
    return starts and len(fields) == 2 and all(as_number(field) is not None for field in fields)


def _declared(lines: list[str], path: Path) -> int:
    text = lines[0].strip() if lines else ""
    value = as_number(text) if text.isdecimal() else None
    if value is None or not 0 < value <= MAX_COUNT:
        raise DataError(
            f"{path}, line 1: the number of landmarks is needed here, not '{excerpt(text)}'; "
            "restore the file as it is distributed."
        )
    return int(value)


def _pair(text: str, count: int, path: Path, line: int) -> tuple[float, float]:
    fields = text.split()
    if len(fields) != 2:
        reads = f"reads '{excerpt(text)}'" if fields else "is missing"
        raise DataError(
            f"{path}, line {line}: {count} lines 'x y' are needed, but this one {reads}; "
            "restore the file as it is distributed."
        )
    x, y = (number(field, path, line, "ratio") for field in fields)
    for ratio in (x, y):
        if not 0.0 <= ratio <= 1.0:
            raise DataError(
                f"{path}, line {line}: {ratio:g} is no ratio of the image's size, which lies from "
                "0 to 1; correct the line."
            )
    return x, y
