"""Writes labels as the real tools write them, in every format that is read.

Sources: COCO, https://cocodataset.org/#format-data; labelme, ``labelme/_label_file.py`` of
https://github.com/wkentaro/labelme; CVAT, ``cvat/apps/dataset_manager/formats/cvat.py`` of
https://github.com/cvat-ai/cvat, which writes two decimals, and
https://docs.cvat.ai/docs/other/xml_format; 3D Slicer, ``markups-schema-v1.0.3.json`` of
https://github.com/Slicer/Slicer.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import quoteattr

Point = tuple[float, float]
HALF_PIXEL = 0.5


@dataclass(frozen=True)
class Film:
    """An image and its true landmarks: px, a pixel's centre having whole coordinates."""

    name: str
    size: tuple[int, int]
    points: dict[str, Point | None]
    occluded: frozenset[str] = field(default=frozenset())

    def visibility(self, landmark: str) -> int:
        if self.points[landmark] is None:
            return 0
        return 1 if landmark in self.occluded else 2


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _table(path: Path, rows: Sequence[Sequence[object]], delimiter: str = ",") -> Path:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return write(path, stream.getvalue())


def csv_long(folder: Path, films: Sequence[Film]) -> Path:
    rows: list[list[object]] = [["image", "landmark", "x", "y", "visibility"]]
    for film in films:
        for name, point in film.points.items():
            rows.append([f"{film.name}.png", name, *(point or ("", "")), film.visibility(name)])
    return _table(folder / "labels.csv", rows)


def csv_wide(folder: Path, films: Sequence[Film]) -> Path:
    """As a German spreadsheet saves it: semicolons and decimal commas."""
    names = list(films[0].points)
    rows: list[list[object]] = [
        ["image", *(f"{name}_{axis}" for name in names for axis in ("x", "y", "v"))]
    ]
    for film in films:
        cells: list[object] = [f"{film.name}.png"]
        for name, point in film.points.items():
            cells += [str(c).replace(".", ",") for c in point or ("", "")]
            cells.append(film.visibility(name))
        rows.append(cells)
    return _table(folder / "wide.csv", rows, ";")


def coco(folder: Path, films: Sequence[Film]) -> Path:
    names = list(films[0].points)
    annotations, images = [], []
    for number, film in enumerate(films, start=1):
        width, height = film.size
        images.append(
            {"id": number, "width": width, "height": height, "file_name": f"{film.name}.png"}
            | {"license": 0, "flickr_url": "", "coco_url": "", "date_captured": 0}
        )
        keypoints: list[float] = []
        for name, point in film.points.items():
            keypoints += [*(point or (0, 0)), film.visibility(name)]
        annotations.append(
            {"id": number, "image_id": number, "category_id": 1, "segmentation": []}
            | {"area": width * height, "bbox": [0, 0, width, height], "iscrowd": 0}
            | {"keypoints": keypoints, "num_keypoints": sum(v > 0 for v in keypoints[2::3])}
        )
    category = {"id": 1, "name": "hand", "supercategory": "", "keypoints": names, "skeleton": []}
    document: dict[str, object] = {
        "info": {"contributor": "", "date_created": "", "description": "", "url": ""},
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "images": images,
        "annotations": annotations,
        "categories": [category],
    }
    return write(folder / "person_keypoints_default.json", json.dumps(document))


def labelme(folder: Path, films: Sequence[Film]) -> Path:
    for film in films:
        shapes = [
            {
                "label": name,
                "points": [[point[0] + HALF_PIXEL, point[1] + HALF_PIXEL]],
                "group_id": None,
                "description": "",
                "shape_type": "point",
                "flags": {"occluded": name in film.occluded},
                "mask": None,
            }
            for name, point in film.points.items()
            if point is not None
        ]
        document: dict[str, object] = {
            "version": "5.8.1",
            "flags": {},
            "shapes": shapes,
            "imagePath": f"..\\images\\{film.name}.png",
            "imageData": None,
            "imageHeight": film.size[1],
            "imageWidth": film.size[0],
        }
        write(folder / f"{film.name}.json", json.dumps(document, indent=2))
    return folder


def _cvat_image(number: int, film: Film, shapes: Sequence[str]) -> list[str]:
    name = quoteattr(f"{film.name}.png")
    size = f'width="{film.size[0]}" height="{film.size[1]}"'
    return [f'  <image id="{number}" name={name} {size}>', *shapes, "  </image>"]


def _cvat_point(film: Film, name: str, point: Point | None, attributes: str = "") -> str:
    x, y = point or (0.0, 0.0)
    return (
        f'<points label={quoteattr(name)} source="manual" {attributes}'
        f'occluded="{int(name in film.occluded)}" '
        f'points="{x + HALF_PIXEL:.2f},{y + HALF_PIXEL:.2f}"'
    )


def _cvat_file(folder: Path, images: Sequence[str]) -> Path:
    head = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "  <version>1.1</version>"]
    meta = ["  <meta>", "    <task>", "      <name>films</name>", "    </task>", "  </meta>"]
    return write(folder / "annotations.xml", "\n".join([*head, *meta, *images, "</annotations>"]))


def cvat_points(folder: Path, films: Sequence[Film]) -> Path:
    lines: list[str] = []
    for number, film in enumerate(films):
        shapes = [
            f'    {_cvat_point(film, name, point)} z_order="0">\n    </points>'
            for name, point in film.points.items()
            if point is not None
        ]
        lines += _cvat_image(number, film, shapes)
    return _cvat_file(folder, lines)


def cvat_skeleton(folder: Path, films: Sequence[Film]) -> Path:
    lines: list[str] = []
    for number, film in enumerate(films):
        elements = []
        for name, point in film.points.items():
            outside = f'outside="{int(point is None)}" '
            elements.append(f"      {_cvat_point(film, name, point, outside)}>\n      </points>")
        begin = '    <skeleton label="film" source="manual" z_order="0">'
        lines += _cvat_image(number, film, [begin, *elements, "    </skeleton>"])
    return _cvat_file(folder, lines)


def _slicer(
    folder: Path, films: Sequence[Film], *, system: str = "LPS", spacing: float = 1.0
) -> Path:
    sign = -1.0 if system == "RAS" else 1.0
    for film in films:
        points: list[dict[str, object]] = []
        for number, (name, point) in enumerate(film.points.items(), start=1):
            x, y = point or (0.0, 0.0)
            points.append(
                {
                    "id": str(number),
                    "label": name,
                    "description": "",
                    "associatedNodeID": "vtkMRMLScalarVolumeNode1",
                    "position": [sign * x * spacing, sign * y * spacing, 0.0],
                    "orientation": [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0],
                    "selected": True,
                    "locked": False,
                    "visibility": True,
                    "positionStatus": "defined" if point is not None else "undefined",
                }
            )
        markup = {
            "type": "Fiducial",
            "coordinateSystem": system,
            "coordinateUnits": "mm",
            "locked": False,
            "fixedNumberOfControlPoints": False,
            "labelFormat": "%N-%d",
            "lastUsedControlPointNumber": len(points),
            "controlPoints": points,
            "measurements": [],
            "display": {"visibility": False, "opacity": 1.0},
        }
        schema = (
            "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/"
            "Resources/Schema/markups-schema-v1.0.3.json#"
        )
        document = {"@schema": schema, "markups": [markup]}
        write(folder / f"{film.name}.mrk.json", json.dumps(document, indent=4))
    return folder


def slicer_lps(folder: Path, films: Sequence[Film]) -> Path:
    return _slicer(folder, films)


def slicer_ras(folder: Path, films: Sequence[Film]) -> Path:
    return _slicer(folder, films, system="RAS")


def slicer_spaced(folder: Path, films: Sequence[Film]) -> Path:
    """As Slicer writes it where it took the image for one of 0.25 mm a pixel."""
    return _slicer(folder, films, spacing=0.25)


def isbi(folder: Path, films: Sequence[Film]) -> Path:
    """Knows neither names nor missing landmarks; the first file ends with diagnosis classes."""
    for film in films:
        lines = [f"{p[0]!r},{p[1]!r}" for p in film.points.values() if p is not None]
        classes = ["1", "2"] if film is films[0] else []
        write(folder / f"{film.name}.txt", "\n".join([*lines, *classes]) + "\n")
    return folder


def shenzhen(folder: Path, films: Sequence[Film]) -> Path:
    """Knows neither names nor missing landmarks."""
    for film in films:
        points = [p for p in film.points.values() if p is not None]
        ratios = [f"{x / film.size[0]!r} {y / film.size[1]!r}" for x, y in points]
        write(folder / f"{film.name}.txt", "\n".join([str(len(points)), *ratios]) + "\n")
    return folder


def headerless(folder: Path, films: Sequence[Film]) -> Path:
    """As the Digital Hand Atlas: id, x1, y1, ...; knows neither names nor missing landmarks."""
    rows: list[list[object]] = [
        [film.name, *(c for point in film.points.values() if point for c in point)]
        for film in films
    ]
    return _table(folder / "all.csv", rows)


Writer = Callable[[Path, Sequence[Film]], Path]

NAMED: dict[str, tuple[str, Writer]] = {
    "long table": ("csv-long", csv_long),
    "wide table": ("csv-wide", csv_wide),
    "COCO": ("coco", coco),
    "LabelMe": ("labelme", labelme),
    "CVAT points": ("cvat", cvat_points),
    "CVAT skeleton": ("cvat", cvat_skeleton),
    "Slicer, LPS": ("slicer", slicer_lps),
    "Slicer, RAS": ("slicer", slicer_ras),
    "Slicer, 0.25 mm": ("slicer", slicer_spaced),
}
"""The formats that know names and missing landmarks, with the name that detection gives."""

NAMELESS: dict[str, tuple[str, Writer]] = {
    "ISBI": ("isbi", isbi),
    "Shenzhen": ("shenzhen", shenzhen),
    "table without header": ("csv-wide", headerless),
}
"""The formats that know neither."""

WRITERS = NAMED | NAMELESS
