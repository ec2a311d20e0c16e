"""Reading a spreadsheet saved as text: cells by line, whatever stands between and in them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmark.errors import DataError
from benchmark.labels.collecting import split_named
from benchmark.labels.files import as_number, excerpt, number, read_lines
from benchmark.labels.label_set import MISSING, VISIBLE
from benchmark.records import SPLITS, Split
from benchmark.spacing import parse_spacing

IMAGE_COLUMNS = ("image", "filename", "file_name", "file", "image_name", "image_id", "id")
"""What the column with the name of the image may be called, the first one first."""

SPACING_COLUMNS = ("spacing", "spacing_x", "spacing_y")
"""Columns that say mm per px: one for both axes (0.1 or 0.1x0.12), or one for each."""

EMPTY = frozenset({"", "nan"})
"""What a cell says, in lower case, where a landmark is missing."""

MAX_LINE = 1_000_000
"""Longer lines are refused: no image has so many landmarks."""

_LONGEST_CELL = 131_072  # of Python's csv


class CsvTable:
    """A table whose cells stand apart by comma, semicolon or tab.

    A number may have a decimal comma where cells stand apart by semicolon or tab, and then in all
    of the table. Between commas it could as well part thousands, and is refused.

    Args:
        path: The file, with the names of the columns in the first line, or without any.
        has_header: Whether the first line names the columns.

    Raises:
        DataError: The file cannot be read or is empty.
    """

    def __init__(self, path: Path, *, has_header: bool = True) -> None:
        self.path = path
        lines = read_lines(path)
        if not lines:
            raise DataError(f"{path}: the table is empty; give the columns image, landmark, x, y.")
        longest = max(range(len(lines)), key=lambda row: len(lines[row]))
        if len(lines[longest]) > MAX_LINE:
            raise DataError(
                f"{path}, line {longest + 1}: the line has more than {MAX_LINE:,} characters, so "
                "this is no table of landmarks; correct it."
            )
        self.delimiter = delimiter_of(lines[0])
        self._reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        self._marks: dict[str, int] = {}
        self.header = self._next() or [] if has_header else []

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line and cells of each row that is not empty; cells have no white space around them.

        Raises:
            DataError: A row cannot be read, or has fewer or more cells than the header.
        """
        while (cells := self._next()) is not None:
            if not any(cells):
                continue
            line = self._reader.line_num
            wanted = len(self.header) or len(cells)
            if len(cells) < wanted or any(cells[wanted:]):
                amount = "fewer" if len(cells) < wanted else "more"
                raise DataError(
                    f"{self.path}, line {line}: the row has {len(cells)} cells, {amount} than the "
                    "header names; complete it, or quote cells that hold the separator."
                )
            yield line, cells

    def _next(self) -> list[str] | None:
        try:
            cells = next(self._reader, None)
        except csv.Error as error:
            raise DataError(
                f"{self.path}, line {self._reader.line_num}: the row cannot be read ({error}); "
                "correct it."
            ) from error
        return None if cells is None else [cell.strip() for cell in cells]

    def number(self, text: str, line: int, what: str) -> float:
        """A number of the table.

        Raises:
            DataError: It is none, or its decimal mark is not that of the other numbers.
        """
        mark = "," if "," in text else "." if "." in text else ""
        if mark == ",":
            if self.delimiter == "," or "." in text or text.count(",") > 1:
                raise DataError(
                    f"{self.path}, line {line}: '{excerpt(text)}' can be read in two ways; write "
                    "numbers with a decimal point and without marks between thousands."
                )
            text = text.replace(",", ".")
        if mark:
            self._marks.setdefault(mark, line)
            if len(self._marks) > 1:
                first = min(self._marks.values())
                raise DataError(
                    f"{self.path}, line {line}: the decimal mark is not that of line {first}; use "
                    "the same one in the whole table."
                )
        return number(text, self.path, line, what)

    def position(self, x: str, y: str, line: int) -> tuple[float, float] | None:
        """x and y of a landmark, or None where both cells say that it is missing.

        Raises:
            DataError: One of the two is empty, or is no number.
        """
        missing = [text.lower() in EMPTY for text in (x, y)]
        if all(missing):
            return None
        if any(missing):
            raise DataError(
                f"{self.path}, line {line}: one of x and y is empty; give both, or leave both "
                "empty where the landmark is missing."
            )
        return self.number(x, line, "x"), self.number(y, line, "y")

    def visibility(self, text: str, known: bool, line: int) -> int:
        """The visibility that a cell says: 0 missing, 1 occluded, 2 visible.

        Args:
            text: The cell; empty means visible where there is a position.
            known: Whether there is a position.
            line: For the message.

        Raises:
            DataError: It is none, or a landmark without position should be visible.
        """
        value = float(VISIBLE if known else MISSING) if text.lower() in EMPTY else as_number(text)
        if value not in {0.0, 1.0, 2.0}:
            raise DataError(
                f"{self.path}, line {line}: '{excerpt(text)}' is no visibility; write 0 (missing), "
                "1 (occluded) or 2 (visible)."
            )
        if value != MISSING and not known:
            raise DataError(
                f"{self.path}, line {line}: a landmark without x and y has the visibility "
                f"{value:g}; write 0, or give its position."
            )
        return int(value)

    def spacing(self, cells: Mapping[str, str], line: int) -> tuple[float, float] | None:
        """The spacing that a row says, in the columns `SPACING_COLUMNS`, or None.

        Raises:
            DataError: It is no spacing, or only that along one axis.
        """
        both = [cells.get(name, "") for name in SPACING_COLUMNS[1:]]
        texts = [cells.get(SPACING_COLUMNS[0], ""), *(["x".join(both)] if any(both) else [])]
        stated = [text for text in texts if text.lower() not in EMPTY]
        if not stated:
            return None
        text = stated[0] if self.delimiter == "," else stated[0].replace(",", ".")
        try:
            return parse_spacing(text)
        except ValueError as error:
            raise DataError(f"{self.path}, line {line}: {error}.") from error

    def split(self, text: str, line: int) -> Split:
        """The split that a cell says.

        Raises:
            DataError: It is none.
        """
        split = split_named(text)
        if split is None:
            raise DataError(
                f"{self.path}, line {line}: '{excerpt(text)}' is no split; write "
                f"{', '.join(SPLITS[:-1])} or {SPLITS[-1]}, or leave out the whole column."
            )
        return split


def delimiter_of(line: str) -> str:
    """What stands between the cells of a line: comma, semicolon or tab, whichever is frequent."""
    return max(",;\t", key=line.count)


def header_of(lines: Sequence[str]) -> list[str]:
    """The cells of a first line in lower case, for telling formats apart; maybe none."""
    if not lines or len(lines[0]) > _LONGEST_CELL:
        return []
    try:
        cells = next(csv.reader(lines[:1], delimiter=delimiter_of(lines[0])), [])
    except csv.Error:
        return []
    return [cell.strip().lower() for cell in cells]


def image_column(header: Sequence[str]) -> str | None:
    """The name of the column with the image, of columns in lower case, or None."""
    return next((name for name in IMAGE_COLUMNS if name in header), None)
