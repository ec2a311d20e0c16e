"""Reading a user's landmark table: one row a landmark, with every contradiction named by line."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.datasets.annotations import number, read_lines
from benchmark.errors import DataError
from benchmark.records import SPLITS, Split

_REQUIRED = ("image", "landmark", "x", "y")
_OPTIONAL = ("split", "patient")


@dataclass(frozen=True)
class Point:
    """One row of the table.

    Attributes:
        line: Where it stands, counted from 1.
        position: x and y in px, or None where the landmark is missing.
    """

    line: int
    position: tuple[float, float] | None


@dataclass
class LabelledImage:
    """All rows of one image.

    Attributes:
        line: Where the image is named first.
        points: By landmark name.
        split: As the table says, or None where it has no such column.
        patient: As the table says, or empty.
    """

    line: int
    split: Split | None
    patient: str
    points: dict[str, Point] = field(default_factory=dict)


@dataclass(frozen=True)
class LandmarkTable:
    """A whole table.

    Attributes:
        path: Where it lies.
        landmark_names: In order of first appearance.
        images: By name as written, in order of first appearance.
    """

    path: Path
    landmark_names: tuple[str, ...]
    images: dict[str, LabelledImage]


def read_table(path: Path) -> LandmarkTable:
    """Read ``image, landmark, x, y`` and, where they are there, ``split`` and ``patient``.

    Columns may stand in any order, apart by comma, semicolon or tab; further columns are ignored.
    An empty (or ``nan``) x and y say that the landmark is missing in the image.

    Raises:
        DataError: A column is missing, a cell is empty or no number, a landmark stands twice, or
            rows of one image disagree; one sentence names the line.
    """
    lines = read_lines(path)
    if not lines:
        raise DataError(f"{path}: the table is empty; give the columns {', '.join(_REQUIRED)}.")
    delimiter = max(",;\t", key=lines[0].count)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        columns = _columns(next(reader), path)
        images: dict[str, LabelledImage] = {}
        names: dict[str, None] = {}
        for cells in reader:
            if any(cell.strip() for cell in cells):
                names.setdefault(_add_row(images, columns, cells, path, reader.line_num))
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: the row cannot be read ({error}); correct it."
        ) from error
    if not images:
        raise DataError(f"{path}: the table has a header and no rows; add the landmarks.")
    return LandmarkTable(path, tuple(names), images)


def _columns(header: list[str], path: Path) -> dict[str, int]:
    found = [cell.strip().lower() for cell in header]
    for name in _REQUIRED:
        if name not in found:
            raise DataError(
                f"{path}, line 1: the column '{name}' is missing; the first line must name the "
                f"columns {', '.join(_REQUIRED)}."
            )
    for name in (*_REQUIRED, *_OPTIONAL):
        if found.count(name) > 1:
            raise DataError(f"{path}, line 1: the column '{name}' stands twice; remove one.")
    return {name: found.index(name) for name in (*_REQUIRED, *_OPTIONAL) if name in found}


def _add_row(
    images: dict[str, LabelledImage],
    columns: dict[str, int],
    cells: list[str],
    path: Path,
    line: int,
) -> str:
    """Enter one row and return the name of its landmark."""
    if len(cells) <= max(columns.values()):
        raise DataError(
            f"{path}, line {line}: the row has {len(cells)} cells, fewer than the header names; "
            "complete it."
        )
    row = {name: cells[position].strip() for name, position in columns.items()}
    for name in ("image", "landmark"):
        if not row[name]:
            raise DataError(f"{path}, line {line}: the cell '{name}' is empty; fill it in.")
    split = _split(row["split"], path, line) if "split" in row else None
    image = images.setdefault(row["image"], LabelledImage(line, split, row.get("patient", "")))
    for what, here, before in (
        ("split", split, image.split),
        ("patient", row.get("patient", ""), image.patient),
    ):
        if here != before:
            raise DataError(
                f"{path}, line {line}: the {what} of {row['image']} is '{here}' here and "
                f"'{before}' on line {image.line}; give all its rows the same one."
            )
    if row["landmark"] in image.points:
        raise DataError(
            f"{path}, line {line}: the landmark '{row['landmark']}' of {row['image']} stands on "
            f"line {image.points[row['landmark']].line} already; remove one of the two."
        )
    image.points[row["landmark"]] = Point(line, _position(row["x"], row["y"], path, line))
    return row["landmark"]


def _split(text: str, path: Path, line: int) -> Split:
    for split in SPLITS:
        if text.lower() == split:
            return split
    raise DataError(
        f"{path}, line {line}: '{text}' is no split; write {', '.join(SPLITS[:-1])} or "
        f"{SPLITS[-1]}, or leave out the whole column."
    )


def _position(x: str, y: str, path: Path, line: int) -> tuple[float, float] | None:
    missing = [text.lower() in {"", "nan"} for text in (x, y)]
    if all(missing):
        return None
    if any(missing):
        raise DataError(
            f"{path}, line {line}: one of x and y is empty; give both, or leave both empty where "
            "the landmark is missing."
        )
    return number(x, path, line, "x"), number(y, path, line, "y")
