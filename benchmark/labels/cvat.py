"""CVAT for images 1.1: one XML file with points and skeletons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from benchmark.errors import DataError
from benchmark.labels.collecting import ImageEntry, LabelCollector, split_named
from benchmark.labels.files import as_number, excerpt, number, read_bytes
from benchmark.labels.label_set import MISSING, OCCLUDED, VISIBLE, Frames

HALF_PIXEL = 0.5

_Attributes = Mapping[str, str]


def read(path: Path, collector: LabelCollector, annotator: str, frames: Frames | None) -> None:
    """Read ``annotations.xml`` of an export as "CVAT for images 1.1".

    The format is that of https://docs.cvat.ai/docs/other/xml_format. A shape "points" with one
    point is a landmark with the name of its label; one with several points is the landmarks
    ``LABEL 1``, ``LABEL 2``, ..., as many in every image. A skeleton's elements are landmarks with
    the names of their labels, or ``SKELETON ELEMENT`` where the file has several skeletons.
    ``occluded`` makes a landmark occluded and ``outside`` missing. Subsets called train,
    validation or test are splits; tags are passed over. Boxes, polygons, tracks and all other
    shapes are no landmarks and are refused.

    The canvas paints the image with its corner at (0, 0), so the centre of the first pixel is
    (0.5, 0.5): half a pixel is taken away. CVAT writes hundredths of a pixel.

    Document types are refused, so no entity is ever expanded.

    Raises:
        DataError: The file is no such export, or something in it is missing or cannot be.
    """
    data = read_bytes(path)
    # A first pass counts the skeletons, because their number decides the names of landmarks.
    labels = _Skeletons(path)
    _parse(labels.parser, data, path)
    reader = _Reader(path, collector, annotator, several=len(labels.found) > 1)
    _parse(reader.parser, data, path)
    reader.finish()


def _parse(parser: expat.XMLParserType, data: bytes, path: Path) -> None:
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise DataError(
            f"{path}, line {parser.CurrentLineNumber}: the file is no XML or is cut off "
            f"({excerpt(str(error))}); export it again."
        ) from error


def _new_parser(path: Path, start: Callable[[str, dict[str, str]], None]) -> expat.XMLParserType:
    parser = expat.ParserCreate()

    def refuse(*_: object) -> NoReturn:
        raise DataError(
            f"{path}, line {parser.CurrentLineNumber}: the file declares a document type, which "
            "exports of CVAT do not; export it again."
        )

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    return parser


class _Skeletons:
    """The labels of the skeletons of a file."""

    def __init__(self, path: Path) -> None:
        self.found: set[str] = set()
        self.parser = _new_parser(path, self._start)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "skeleton":
            self.found.add(attributes.get("label", ""))


class _Reader:
    """Hears of elements as they begin and end, and hands their points to the collector."""

    def __init__(
        self, path: Path, collector: LabelCollector, annotator: str, *, several: bool
    ) -> None:
        self.parser = _new_parser(path, self._start)
        self.parser.EndElementHandler = self._end
        self._path = path
        self._collector = collector
        self._annotator = annotator
        self._several = several
        self._open: list[str] = []
        self._entry: ImageEntry | None = None
        self._images = 0
        self._skeleton: str | None = None
        self._counts: dict[str, tuple[int, int]] = {}

    def finish(self) -> None:
        """Check that there was an image at all."""
        if not self._images:
            raise DataError(
                f"{self._path}: no image is in the file; export as 'CVAT for images 1.1'."
            )

    @property
    def _line(self) -> int:
        return self.parser.CurrentLineNumber

    def _refuse(self, problem: str, mend: str) -> NoReturn:
        raise DataError(f"{self._path}, line {self._line}: {problem}; {mend}.")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        depth = len(self._open)
        parent = self._open[-1] if self._open else ""
        self._open.append(name)
        if depth == 0 and name != "annotations":
            self._refuse(f"<{excerpt(name)}> is no export of CVAT", "export as 'CVAT for images'")
        if depth == 1 and name == "track":
            self._refuse("this is an export of a video", "export as 'CVAT for images 1.1'")
        if depth == 1 and name == "image":
            self._image(attributes)
        elif parent == "image" and name == "skeleton":
            self._skeleton = self._get(attributes, "label")
        elif parent == "image" and name == "points":
            self._points(attributes)
        elif parent == "skeleton" and name == "points":
            self._element(attributes)
        elif parent in {"image", "skeleton"} and self._entry and name not in {"tag", "attribute"}:
            self._refuse(
                f"a {excerpt(name)} cannot be a landmark", "export points and skeletons alone"
            )

    def _end(self, name: str) -> None:
        self._open.pop()
        if name == "skeleton":
            self._skeleton = None
        elif name == "image" and len(self._open) == 1:
            self._entry = None

    def _get(self, attributes: _Attributes, key: str) -> str:
        if key not in attributes:
            self._refuse(f"the attribute '{key}' is missing", "export the file again")
        return attributes[key]

    def _image(self, attributes: _Attributes) -> None:
        sides = [as_number(self._get(attributes, key)) for key in ("width", "height")]
        whole = [int(side) for side in sides if side is not None and side.is_integer()]
        if len(whole) != 2:
            self._refuse("width and height are no whole numbers", "export the file again")
        self._images += 1
        place = f"line {self._line}"
        self._entry = self._collector.image(
            self._get(attributes, "name").replace("\\", "/"),
            self._path,
            place,
            size=(whole[0], whole[1]),
            split=split_named(attributes.get("subset", "")),
        )
        self._collector.open(self._entry, self._annotator, self._path, place)

    def _points(self, attributes: _Attributes) -> None:
        label = self._get(attributes, "label")
        positions = self._positions(attributes)
        count, line = self._counts.setdefault(label, (len(positions), self._line))
        if count != len(positions):
            self._refuse(
                f"'{excerpt(label)}' has {len(positions)} points here and {count} on line {line}",
                "set as many in every image, or give each landmark a label of its own",
            )
        single = len(positions) == 1
        for row, position in enumerate(positions, start=1):
            self._take(label if single else f"{label} {row}", position, attributes)

    def _element(self, attributes: _Attributes) -> None:
        label = self._get(attributes, "label")
        positions = self._positions(attributes)
        if len(positions) != 1:
            self._refuse("an element of a skeleton needs one point", "export the file again")
        name = f"{self._skeleton} {label}" if self._several else label
        self._take(name, positions[0], attributes)

    def _take(self, name: str, position: tuple[float, float], attributes: _Attributes) -> None:
        assert self._entry is not None
        flags = [attributes.get(key, "0") for key in ("outside", "occluded")]
        visibility = MISSING if flags[0] == "1" else OCCLUDED if flags[1] == "1" else VISIBLE
        place = f"line {self._line}"
        self._collector.point(
            self._entry, self._annotator, name, position, self._path, place, visibility
        )

    def _positions(self, attributes: _Attributes) -> list[tuple[float, float]]:
        positions = []
        for pair in self._get(attributes, "points").split(";"):
            fields = pair.split(",")
            if len(fields) != 2:
                self._refuse(f"'{excerpt(pair)}' is no point x,y", "export the file again")
            x, y = (number(field, self._path, self._line) for field in fields)
            positions.append((x - HALF_PIXEL, y - HALF_PIXEL))
        return positions
