"""The text of the ISBI 2015 challenge: one file an image, a line ``x,y`` for each landmark."""

from __future__ import annotations

from pathlib import Path

from benchmark.errors import DataError
from benchmark.labels.collecting import LabelCollector
from benchmark.labels.files import as_number, excerpt, number, read_lines
from benchmark.labels.label_set import Frames


def read(path: Path, collector: LabelCollector, annotator: str, frames: Frames | None) -> None:
    """Read a file named after its image: ``001.txt`` for ``001.jpg``.

    Landmarks have no names in it and are called 1, 2, ... Several annotators are several folders
    with the same file names, as in the challenge (``400_senior``, ``400_junior``).

    Coordinates are px as published code reads them, whole ones being centres of pixels.

    Raises:
        DataError: A line is no pair of numbers, or the number of landmarks differs between files.
    """
    points = read_points(path)
    entry = collector.image(path.stem, path, "")
    collector.open(entry, annotator, path, "")
    collector.same_count(len(points), path, "lines 'x,y'")
    for row, point in enumerate(points, start=1):
        collector.point(entry, annotator, str(row), point, path, f"line {row}")


def read_points(path: Path, count: int | None = None) -> list[tuple[float, float]]:
    """The points of a file: lines ``x,y``, then only diagnosis classes (one digit a line).

    Args:
        path: The file.
        count: The number of landmarks; None to take the lines up to the first class.

    Returns:
        x and y a landmark, in px.

    Raises:
        DataError: A line is missing or too many, or is no pair of numbers.
    """
    lines = read_lines(path)
    if count is None:
        count = next((row for row, text in enumerate(lines) if _is_class(text)), len(lines))
        if not count:
            raise DataError(f"{path}, line 1: no line 'x,y' is in the file; restore it.")
    points = []
    for row in range(count):
        text = lines[row] if row < len(lines) else ""
        fields = text.split(",")
        if len(fields) != 2:
            reads = f"reads '{excerpt(text)}'" if text.strip() else "is missing"
            raise DataError(
                f"{path}, line {row + 1}: {count} lines 'x,y' are needed, but this one {reads}; "
                "restore the file as it is distributed."
            )
        points.append((number(fields[0], path, row + 1), number(fields[1], path, row + 1)))
    for row, text in enumerate(lines[count:], start=count + 1):
        if text.strip() and not _is_class(text):
            raise DataError(
                f"{path}, line {row}: '{excerpt(text)}' stands after the {count} landmarks, where "
                "only diagnosis classes may; remove the line that is too many."
            )
    return points


def recognises(lines: list[str]) -> bool:
    """Whether a text begins as this format does: with two numbers that a comma parts."""
    fields = lines[0].split(",") if lines else []
    return len(fields) == 2 and all(as_number(field) is not None for field in fields)


def _is_class(text: str) -> bool:
    return text.strip().isdigit()
