"""COCO keypoints: one JSON file with images, categories and one annotation an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmark.labels.collecting import ImageEntry, LabelCollector
from benchmark.labels.files import excerpt
from benchmark.labels.json_files import Node, read_json
from benchmark.labels.label_set import MISSING, VISIBLE, Frames


@dataclass(frozen=True)
class _Category:
    name: str
    keypoints: tuple[str, ...]


def read(path: Path, collector: LabelCollector, annotator: str, frames: Frames | None) -> None:
    """Read a file in the keypoint format of COCO.

    The format is that of https://cocodataset.org/#format-data (keypoint detection): a category
    names its ``keypoints``; an annotation has as many triples x, y, v, with v = 0 not labelled,
    1 labelled and not visible, 2 labelled and visible. An image has one annotation at most,
    because a radiograph shows one subject here. Where several categories are used, a landmark is
    called ``category keypoint``.

    A keypoint's location is said to be 0-indexed, and those of COCO are whole pixel indices, so a
    whole coordinate is the centre of a pixel, as here; Detectron2's loader says the same, and adds
    0.5 to get to its own corner-based frame. Nothing is converted. CVAT's own COCO export writes
    its corner-based coordinates unchanged, half a pixel more: prefer its XML.

    Raises:
        DataError: Something is missing or cannot be; one sentence names the place.
    """
    document = read_json(path)
    categories = _categories(document)
    entries = _images(document, collector)
    annotations = list(document["annotations"].items())
    used = {annotation["category_id"].text for annotation in annotations}
    for name, category in categories.items():
        if name in used:
            names = _landmarks(category, len(used))
            collector.declare(names, path, "categories")
    for annotation in annotations:
        _annotation(annotation, categories, entries, collector, annotator, len(used))


def _landmarks(category: _Category, used: int) -> list[str]:
    prefix = f"{category.name} " if used > 1 else ""
    return [f"{prefix}{name}" for name in category.keypoints]


def _categories(document: Node) -> dict[str, _Category]:
    found: dict[str, _Category] = {}
    for node in document["categories"].items():
        keypoints = node.get("keypoints")
        names = tuple(item.text for item in keypoints.items()) if keypoints else ()
        number = node["id"].text
        if number in found:
            node.refuse(f"the category id {excerpt(number)} stands twice", "give each its own")
        if len(set(names)) < len(names):
            node.refuse("a keypoint is named twice", "give each its own name")
        found[number] = _Category(node["name"].text, names)
    return found


def _images(document: Node, collector: LabelCollector) -> dict[str, ImageEntry]:
    entries: dict[str, ImageEntry] = {}
    names: set[str] = set()
    for node in document["images"].items():
        width, height = node.get("width"), node.get("height")
        size = (width.whole, height.whole) if width is not None and height is not None else None
        name = node["file_name"].text.replace("\\", "/")
        number = node["id"].text
        if number in entries or name in names:
            node.refuse("the id or the file name of the image stands twice", "remove one of them")
        names.add(name)
        entries[number] = collector.image(name, node.path, node.place, size=size)
    return entries


def _annotation(
    node: Node,
    categories: dict[str, _Category],
    entries: dict[str, ImageEntry],
    collector: LabelCollector,
    annotator: str,
    used: int,
) -> None:
    image, category = node["image_id"].text, node["category_id"].text
    if image not in entries:
        node.refuse(f"there is no image of the id {excerpt(image)}", "correct image_id")
    if category not in categories:
        node.refuse(f"there is no category of the id {excerpt(category)}", "correct category_id")
    names = _landmarks(categories[category], used)
    if node.get("keypoints") is None or not names:
        node.refuse("this annotation has no keypoints", "export keypoints, or remove it")
    keypoints = node["keypoints"]
    values = list(keypoints.items())
    if len(values) != 3 * len(names):
        keypoints.refuse(
            f"{len(values)} numbers stand where x, y, v of {len(names)} keypoints are needed",
            "correct the list, or the category",
        )
    entry = entries[image]
    # Two categories may share an image, two annotations of one category may not.
    collector.open(entry, f"{annotator}\0{category}", node.path, node.place)
    for row, name in enumerate(names):
        x, y, flag = values[3 * row : 3 * row + 3]
        visibility = flag.whole
        if not MISSING <= visibility <= VISIBLE:
            flag.refuse(f"{visibility} is no visibility", "write 0, 1 or 2")
        position = (x.number, y.number)
        collector.point(entry, annotator, name, position, node.path, keypoints.place, visibility)
