"""A long table: one row a landmark, in columns image, landmark, x, y."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmark.errors import DataError
from benchmark.labels.collecting import LabelCollector
from benchmark.labels.csv_table import (
    IMAGE_COLUMNS,
    SPACING_COLUMNS,
    CsvTable,
    header_of,
    image_column,
)
from benchmark.labels.label_set import VISIBLE, Frames

_REQUIRED = ("landmark", "x", "y")
_OPTIONAL = ("split", "patient", "annotator", "visibility", *SPACING_COLUMNS)


def read(path: Path, collector: LabelCollector, annotator: str, frames: Frames | None) -> None:
    """Read ``image, landmark, x, y`` and, where there, what `_OPTIONAL` lists.

    Columns may stand in any order and in capitals, apart by comma, semicolon or tab; further
    columns are ignored. The image may also be called ``filename`` or ``file``. Empty (or ``nan``)
    x and y say that the landmark is missing; visibility is 0 (missing), 1 (occluded) or 2
    (visible). Coordinates are px, whole ones being centres of pixels; spacing (or spacing_x and
    spacing_y) is mm per px.

    Raises:
        DataError: A column is missing, a cell is empty or no number, a landmark stands twice, or
            rows of one image disagree; one sentence names the line.
    """
    table = CsvTable(path)
    columns = _columns(table)
    for line, cells in table.rows():
        row = {name: cells[position] for name, position in columns.items()}
        place = f"line {line}"
        for name in ("image", "landmark", "annotator"):
            if not row.get(name, "filled"):
                raise DataError(f"{path}, {place}: the cell '{name}' is empty; fill it in.")
        split = table.split(row["split"], line) if "split" in row else None
        patient = row.get("patient")
        spacing = table.spacing(row, line)
        entry = collector.image(
            row["image"], path, place, split=split, patient=patient, spacing=spacing
        )
        who = row.get("annotator", annotator)
        collector.open(entry, who, path, "")
        position = table.position(row["x"], row["y"], line)
        visibility = (
            table.visibility(row["visibility"], position is not None, line)
            if "visibility" in row
            else VISIBLE
        )
        collector.point(entry, who, row["landmark"], position, path, place, visibility)


def recognises(lines: Sequence[str]) -> bool:
    """Whether the first line names the landmark and the image, or all of landmark, x and y."""
    header = header_of(lines)
    named = image_column(header) is not None or set(_REQUIRED) <= set(header)
    return "landmark" in header and named


def _columns(table: CsvTable) -> dict[str, int]:
    """The position of each column that is read, the image's under the name ``image``."""
    found = [cell.lower() for cell in table.header]
    image = image_column(found) or IMAGE_COLUMNS[0]
    names = (image, *_REQUIRED, *_OPTIONAL)
    for name in names:
        if name not in found and name not in _OPTIONAL:
            raise DataError(
                f"{table.path}, line 1: the column '{name}' is missing; the first line must name "
                f"the columns image, {', '.join(_REQUIRED)}."
            )
        if found.count(name) > 1:
            raise DataError(f"{table.path}, line 1: the column '{name}' stands twice; remove one.")
    columns = {name: found.index(name) for name in names if name in found}
    columns["image"] = columns.pop(image)
    return columns
