"""A wide table: one row an image, with two columns a landmark."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import DataError
from benchmark.labels.collecting import LabelCollector
from benchmark.labels.csv_table import SPACING_COLUMNS, CsvTable, header_of, image_column
from benchmark.labels.files import as_number, excerpt
from benchmark.labels.label_set import VISIBLE, Frames

_OPTIONAL = ("split", "patient", "annotator", *SPACING_COLUMNS)
_SEPARATOR = r"[\s_.:/-]+"
_AXIS = r"(?P<axis>[xyv])"
_FORMS = {
    "NAME_x": re.compile(rf"(?:(?P<name>.*\S){_SEPARATOR}|(?P<digits>\d+)){_AXIS}", re.IGNORECASE),
    "x_NAME": re.compile(rf"{_AXIS}(?:{_SEPARATOR}(?P<name>\S.*)|(?P<digits>\d+))", re.IGNORECASE),
}
"""How a column names its landmark and its axis; v is the visibility."""

_LONGEST_HEADING = 300

_Landmarks = Mapping[str, Mapping[str, int]]
"""By name, in order: the position of the columns x, y and, where it is there, v."""


@dataclass(frozen=True)
class _Layout:
    image: int
    optional: Mapping[str, int]
    landmarks: _Landmarks


def read(path: Path, collector: LabelCollector, annotator: str, frames: Frames | None) -> None:
    """Read a row ``image, NAME_x, NAME_y, ...`` an image.

    The axis may stand behind the name or before it, apart by an underscore, a point, a space, a
    hyphen, a colon or a slash (``NAME.x``, ``x_NAME``), or without anything before or behind a
    number (``x1``, ``1x``). A column ``NAME_v`` is the visibility (0, 1, 2), and columns split,
    patient, annotator and spacing are read as in the long table. Without a column called image (or
    filename, file, id) the first one is it.

    A table without header, whose first cell is the image and whose others are x1, y1, x2, y2, ...
    is read too, as the Digital Hand Atlas has it; its landmarks are called 1, 2, ...

    Coordinates are px, whole ones being centres of pixels.

    Raises:
        DataError: The columns cannot be paired, a cell is no number, or an image stands twice.
    """
    bare = CsvTable(path, has_header=False)
    _, first = next(bare.rows(), (1, []))
    headerless = _is_headerless(first)
    table = CsvTable(path, has_header=not headerless)
    layout = _numbered(len(first)) if headerless else _layout(table)
    for line, cells in table.rows():
        if headerless and len(cells) != len(first):
            raise DataError(
                f"{path}, line {line}: the row has {len(cells)} cells, and the first one has "
                f"{len(first)}; complete it."
            )
        _row(table, layout, line, cells, collector, annotator)


def recognises(lines: Sequence[str]) -> bool:
    """Whether columns pair up to landmarks, or a row without header has an image and points."""
    header = header_of(lines)
    return _is_headerless(header) or any(_complete(_paired(header, form)) for form in _FORMS)


def _row(
    table: CsvTable,
    layout: _Layout,
    line: int,
    cells: list[str],
    collector: LabelCollector,
    annotator: str,
) -> None:
    path, place = table.path, f"line {line}"
    optional = {name: cells[position] for name, position in layout.optional.items()}
    split = table.split(optional["split"], line) if "split" in optional else None
    if optional.get("annotator") == "":
        raise DataError(f"{path}, {place}: the cell 'annotator' is empty; fill it in.")
    who = optional.get("annotator", annotator)
    patient = optional.get("patient")
    spacing = table.spacing(optional, line)
    entry = collector.image(
        cells[layout.image], path, place, split=split, patient=patient, spacing=spacing
    )
    collector.open(entry, who, path, place)
    for name, columns in layout.landmarks.items():
        position = table.position(cells[columns["x"]], cells[columns["y"]], line)
        visibility = (
            table.visibility(cells[columns["v"]], position is not None, line)
            if "v" in columns
            else VISIBLE
        )
        collector.point(entry, who, name, position, path, place, visibility)


def _is_headerless(cells: Sequence[str]) -> bool:
    """Whether all cells but the first are numbers, two a landmark."""
    numbers = [as_number(cell.replace(",", ".")) for cell in cells[1:]]
    return len(cells) >= 3 and len(cells) % 2 == 1 and None not in numbers


def _numbered(width: int) -> _Layout:
    landmarks = {str(k + 1): {"x": 1 + 2 * k, "y": 2 + 2 * k} for k in range((width - 1) // 2)}
    return _Layout(0, {}, landmarks)


def _layout(table: CsvTable) -> _Layout:
    lowered = [cell.lower() for cell in table.header]
    for name, count in Counter(lowered).items():
        if name and count > 1:
            raise DataError(
                f"{table.path}, line 1: the column '{excerpt(name)}' stands twice; remove one."
            )
    form = _form(table)
    landmarks = _paired(table.header, form)
    for name, columns in landmarks.items():
        absent = next((axis for axis in "xy" if axis not in columns), None)
        if absent:
            raise DataError(
                f"{table.path}, line 1: the landmark '{excerpt(name)}' has no column for "
                f"{absent}; add it, or rename the other."
            )
    image = image_column(lowered)
    paired = {position for columns in landmarks.values() for position in columns.values()}
    if image is None and 0 in paired:
        raise DataError(f"{table.path}, line 1: the column 'image' is missing; add it.")
    optional = {name: lowered.index(name) for name in _OPTIONAL if name in lowered}
    return _Layout(lowered.index(image) if image else 0, optional, landmarks)


def _form(table: CsvTable) -> str:
    """The form that pairs most columns.

    Raises:
        DataError: None pairs any, or both pair as many.
    """
    pairs = {form: _complete(_paired(table.header, form)) for form in _FORMS}
    best = max(pairs, key=lambda form: pairs[form])
    if not pairs[best]:
        raise DataError(
            f"{table.path}, line 1: no two columns are x and y of a landmark; call them NAME_x "
            "and NAME_y."
        )
    if len(set(pairs.values())) == 1:
        raise DataError(
            f"{table.path}, line 1: the columns can be read as {' and as '.join(_FORMS)}; rename "
            "them, so that one is left."
        )
    return best


def _paired(header: Sequence[str], form: str) -> _Landmarks:
    landmarks: dict[str, dict[str, int]] = {}
    for position, cell in enumerate(header):
        heading = cell.strip()
        if len(heading) > _LONGEST_HEADING or heading.lower() in SPACING_COLUMNS:
            continue
        match = _FORMS[form].fullmatch(heading)
        if match:
            name = match["name"] or match["digits"]
            landmarks.setdefault(name, {})[match["axis"].lower()] = position
    # A name that has a visibility alone, such as "ct v", is some other column.
    return {name: columns for name, columns in landmarks.items() if columns.keys() & {"x", "y"}}


def _complete(landmarks: _Landmarks) -> int:
    return sum({"x", "y"} <= columns.keys() for columns in landmarks.values())
