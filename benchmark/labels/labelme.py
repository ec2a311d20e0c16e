"""LabelMe: one JSON file an image, with a shape of the kind "point" for each landmark."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from benchmark.labels.collecting import LabelCollector
from benchmark.labels.files import excerpt
from benchmark.labels.json_files import Node, read_json
from benchmark.labels.label_set import OCCLUDED, VISIBLE, Frames

HALF_PIXEL = 0.5


def read(path: Path, collector: LabelCollector, annotator: str, frames: Frames | None) -> None:
    """Read a file of the program labelme (https://github.com/wkentaro/labelme).

    A landmark is a shape with ``shape_type`` "point"; its label is the name. A flag "occluded" of
    the shape that is true makes it occluded. The image is named by the last part of
    ``imagePath``, which is relative to the JSON file, or by the file where that is empty;
    ``imageData`` is not looked at.

    The canvas paints the image with its corner at (0, 0) and keeps the mouse position divided by
    the zoom, so the centre of the first pixel is (0.5, 0.5): half a pixel is taken away.

    Raises:
        DataError: Something is missing or cannot be, or a shape is no point.
    """
    document = read_json(path)
    shapes = document["shapes"]
    width, height = document.get("imageWidth"), document.get("imageHeight")
    size = (width.whole, height.whole) if width is not None and height is not None else None
    entry = collector.image(_image_name(document), path, "", size=size)
    collector.open(entry, annotator, path, "")
    for shape in shapes.items():
        collector.point(
            entry,
            annotator,
            shape["label"].text,
            _position(shape),
            path,
            shape.place,
            _visibility(shape),
        )


def _image_name(document: Node) -> str:
    image_path = document.get("imagePath")
    written = image_path.text.replace("\\", "/") if image_path is not None else ""
    return PurePosixPath(written).name or document.path.stem


def _position(shape: Node) -> tuple[float, float]:
    kind = shape.get("shape_type")
    points = list(shape["points"].items())
    # Files of the first versions have no shape_type.
    if (kind is not None and kind.text != "point") or len(points) != 1:
        what = excerpt(kind.text) if kind is not None else "shape"
        shape.refuse(
            f"a {what} of {len(points)} points cannot be a landmark",
            "make it one point, or remove it",
        )
    x, y = points[0].pair()
    return x - HALF_PIXEL, y - HALF_PIXEL


def _visibility(shape: Node) -> int:
    flags = shape.get("flags")
    occluded = flags.get("occluded") if flags is not None else None
    return OCCLUDED if occluded is not None and occluded.value is True else VISIBLE
