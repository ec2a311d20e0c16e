"""Reading JSON label files: every value with its path, so that a sentence can say where it is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from benchmark.errors import DataError
from benchmark.labels.files import excerpt, read_text, where

_KINDS = {dict: "an object", list: "a list", str: "a text", type(None): "null"}


@dataclass(frozen=True)
class Node:
    """A value of a JSON file.

    Attributes:
        value: As Python's json gives it.
        path: The file.
        place: Where in it: ``shapes[3].points``; empty for the whole.
    """

    value: Any
    path: Path
    place: str = ""

    def refuse(self, problem: str, mend: str) -> NoReturn:
        """Say what is wrong with this value.

        Raises:
            DataError: Always.
        """
        raise DataError(f"{where(self.path, self.place)}: {problem}; {mend}.")

    def get(self, key: str) -> Node | None:
        """The member of an object, or None where it is absent or null.

        Raises:
            DataError: This is no object.
        """
        if not isinstance(self.value, dict):
            self.refuse(f"{self._kind} stands where an object is needed", "export the file again")
        value = self.value.get(key)
        return None if value is None else Node(value, self.path, self._member(key))

    def __getitem__(self, key: str) -> Node:
        """The member of an object, which must be there.

        Raises:
            DataError: It is absent, or this is no object.
        """
        found = self.get(key)
        if found is None:
            self.refuse(f"'{key}' is missing", "export the file again")
        return found

    def items(self) -> Iterator[Node]:
        """The values of a list.

        Raises:
            DataError: This is no list.
        """
        if not isinstance(self.value, list):
            self.refuse(f"{self._kind} stands where a list is needed", "export the file again")
        for number, value in enumerate(self.value):
            yield Node(value, self.path, f"{self.place}[{number}]")

    @property
    def text(self) -> str:
        """This value, which must be a text; a whole number is one too, as ids and names are.

        Raises:
            DataError: It is none.
        """
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return str(self.value) if abs(self.value) < 10**18 else self._no("a text")
        return self.value if isinstance(self.value, str) else self._no("a text")

    @property
    def number(self) -> float:
        """This value, which must be a finite number.

        Raises:
            DataError: It is none.
        """
        value = self.value
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                converted = float(value)
            except OverflowError:
                converted = math.inf
            if math.isfinite(converted):
                return converted
        return self._no("a finite number")

    @property
    def whole(self) -> int:
        """This value, which must be a whole number, maybe written with a decimal point.

        Raises:
            DataError: It is none.
        """
        value = self.number
        return int(value) if value.is_integer() else self._no("a whole number")

    def pair(self) -> tuple[float, float]:
        """The two numbers of a list x, y.

        Raises:
            DataError: It is no such list.
        """
        values = list(self.items())
        if len(values) != 2:
            self.refuse(f"{len(values)} values stand where x and y are needed", "correct the point")
        return values[0].number, values[1].number

    def _member(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    @property
    def _kind(self) -> str:
        return _KINDS.get(type(self.value), "a single value")

    def _no(self, needed: str) -> NoReturn:
        # repr() of a number of millions of digits is refused by Python itself.
        is_long = isinstance(self.value, int) and abs(self.value) >= 10**18
        simple = isinstance(self.value, str | int | float | bool) and not is_long
        shown = f"'{excerpt(str(self.value))}'" if simple else self._kind
        self.refuse(f"{shown} stands where {needed} is needed", "correct it")


def read_json(path: Path) -> Node:
    """The whole of a JSON file.

    Raises:
        DataError: It cannot be read, is no JSON, holds NaN or Infinity, or is nested too deeply.
    """
    text = read_text(path)
    try:
        return Node(json.loads(text, parse_constant=_no_constant), path)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}, line {error.lineno}: the file is no JSON or is cut off ({error.msg}); "
            "export it again."
        ) from error
    except RecursionError as error:
        raise DataError(
            f"{path}: the file is nested too deeply to be a label file; export it again."
        ) from error
    except ValueError as error:
        raise DataError(
            f"{path}: the file holds a number that cannot be ({excerpt(str(error))}); correct it."
        ) from error


def _no_constant(text: str) -> NoReturn:
    raise ValueError(text)
