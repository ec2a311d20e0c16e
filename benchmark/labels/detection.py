"""Finding out from the content in which format a label file or a folder of them is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmark.errors import DataError, UsageError
from benchmark.labels import coco, csv_long, csv_wide, cvat, isbi, labelme, shenzhen, slicer
from benchmark.labels.collecting import LabelCollector
from benchmark.labels.files import read_bytes
from benchmark.labels.label_set import Frames
from benchmark.suggestions import did_you_mean

SNIFFED_FILES = 8
"""So many files of one ending are looked into before the format of a folder is taken as known."""

_SNIFFED_BYTES = 2**20


class Read(Protocol):
    """Reads one file into a collector."""

    def __call__(
        self, path: Path, collector: LabelCollector, annotator: str, frames: Frames | None
    ) -> None:
        """Read ``path``, whose points are set by ``annotator`` unless it says who set them."""


@dataclass(frozen=True)
class Format:
    """A format of labels.

    Attributes:
        name: As ``--labels`` takes it.
        endings: Of its files, in lower case.
        read: Reads one file.
        one_image: Whether a file is about one image, so that a folder holds many.
    """

    name: str
    endings: tuple[str, ...]
    read: Read
    one_image: bool = False


_TABLES = (".csv", ".tsv", ".txt")

FORMATS = {
    known.name: known
    for known in (
        Format("csv-long", _TABLES, csv_long.read),
        Format("csv-wide", _TABLES, csv_wide.read),
        Format("coco", (".json",), coco.read),
        Format("labelme", (".json",), labelme.read, one_image=True),
        Format("cvat", (".xml",), cvat.read),
        Format("slicer", (".json",), slicer.read, one_image=True),
        Format("isbi", (".txt",), isbi.read, one_image=True),
        Format("shenzhen", (".txt",), shenzhen.read, one_image=True),
    )
}
"""All formats by name."""

_TEXTS: dict[str, Callable[[list[str]], bool]] = {
    "csv-long": csv_long.recognises,
    "csv-wide": csv_wide.recognises,
    "isbi": isbi.recognises,
    "shenzhen": shenzhen.recognises,
}
_KEYS = {
    "coco": (b"images", b"annotations", b"categories"),
    "labelme": (b"shapes",),
    "slicer": (b"markups",),
}


def format_named(name: str) -> Format:
    """The format of a name.

    Raises:
        UsageError: There is none.
    """
    if name not in FORMATS:
        raise UsageError(
            f"'{name}' is no format of labels{did_you_mean(name, FORMATS)}; known are "
            f"{', '.join(FORMATS)}."
        )
    return FORMATS[name]


def detect_format(path: Path) -> str:
    """The name of the format in which a file or folder of labels is.

    In a folder the first files of each ending decide; the files lie in it, or in folders of the
    annotators within it.

    Raises:
        DataError: It is in no known format, or could be in several; one sentence names them.
    """
    found = _of_folder(path) if path.is_dir() else _of_file(path)
    if len(found) == 1:
        return next(iter(found))
    if found:
        named = ", ".join(f"{name} ({file.name})" for name, file in found.items())
        raise DataError(
            f"{path}: the labels could be of several formats, {named}; say which with --labels, or "
            "keep one of them there."
        )
    raise DataError(f"{path}: {_unknown(path)}; known formats are {', '.join(FORMATS)}.")


def candidates(path: Path) -> list[str]:
    """The names of the formats that the content of a file fits; a damaged file can fit none.

    Raises:
        DataError: The file cannot be read.
    """
    data = read_bytes(path)
    start = data[:_SNIFFED_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"{", b"[")):
        fitting = [
            name
            for name, keys in _KEYS.items()
            if all(re.search(rb'"' + key + rb'"\s*:', data) for key in keys)
        ]
        return fitting if len(fitting) < 2 else _by_members(path, fitting)
    if start.startswith(b"<"):
        return ["cvat"] if re.search(rb"<annotations[\s>]", start) else []
    lines = [line.decode("utf-8", "replace") for line in start.splitlines()[:3]]
    return [name for name, recognises in _TEXTS.items() if recognises(lines)]


def label_files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """The files of a folder with one of the endings, in order of their names.

    Raises:
        DataError: The folder cannot be listed.
    """
    return sorted(
        path
        for path in _listed(folder)
        if path.suffix.lower() in endings and not path.name.startswith(".") and path.is_file()
    )


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder that are not hidden, in order of their names."""
    return sorted(p for p in _listed(folder) if p.is_dir() and not p.name.startswith("."))


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise DataError(
            f"{folder}: the folder cannot be listed ({error.strerror}); correct its permissions."
        ) from error


def _by_members(path: Path, fitting: list[str]) -> list[str]:
    """Those formats whose keys are members of the whole, not somewhere within it."""
    from benchmark.labels.json_files import read_json

    value = read_json(path).value
    members = set(value) if isinstance(value, dict) else set()
    return [name for name in fitting if {key.decode() for key in _KEYS[name]} <= members]


def _of_folder(folder: Path, *, deeper: bool = True) -> dict[str, Path]:
    """The formats of the first files of each ending, each with a file that is in it."""
    found: dict[str, Path] = {}
    for ending in dict.fromkeys(e for known in FORMATS.values() for e in known.endings):
        for path in label_files(folder, (ending,))[:SNIFFED_FILES]:
            for name in candidates(path):
                found.setdefault(name, path)
    if not found and deeper:
        for inner in subfolders(folder):
            for name, path in _of_folder(inner, deeper=False).items():
                found.setdefault(name, path)
    return found


def _of_file(path: Path) -> dict[str, Path]:
    found = dict.fromkeys(candidates(path), path)
    # What is called a table and is none gets the sentence that says what a table needs.
    is_table = path.suffix.lower() in {".csv", ".tsv"}
    return {"csv-long": path} if is_table and not found else found


def _unknown(path: Path) -> str:
    if path.is_dir():
        return "no label file of a known format is in the folder"
    if path.suffix.lower() == ".fcsv":
        return "this is the older format of 3D Slicer; save the points as .mrk.json"
    return "the file is in no known format of labels, or is damaged"
