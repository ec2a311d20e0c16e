"""3D Slicer markups: one ``.mrk.json`` file an image, with a control point for each landmark."""

from __future__ import annotations

from pathlib import Path

from benchmark.errors import DataError
from benchmark.labels.collecting import LabelCollector
from benchmark.labels.files import excerpt
from benchmark.labels.json_files import Node, read_json
from benchmark.labels.label_set import MISSING, VISIBLE, Frames, ImageFrame

_UNITS = {"mm": 1.0, "um": 0.001}
_SIGNS = {"LPS": 1.0, "RAS": -1.0}
_ABSENT = frozenset({"undefined", "preview", "missing"})


def read(path: Path, collector: LabelCollector, annotator: str, frames: Frames | None) -> None:
    """Read a markups file of 3D Slicer (markups-schema-v1.0.3 in the source of Slicer).

    The file holds one point list (type "Fiducial") and bears the name of its image:
    ``film7.mrk.json`` for ``film7.png``. Control points whose ``positionStatus`` is not "defined"
    are missing landmarks.

    Positions are mm in LPS, or in RAS, whose x and y point the other way. A radiograph lies in
    the plane of x and y with its columns along x of LPS and its rows along y, so
    ``x_px = (x - origin_x) / spacing_x``, and y likewise; the origin is the centre of the first
    pixel, so nothing is added. Spacing and origin are those with which **Slicer** showed the
    image: 1 mm and 0 for PNG and BMP; 25.4 mm over the dots per inch for JPEG and TIFF that state
    them; for DICOM radiographs (CR, DX) ImagerPixelSpacing, which GDCM takes before PixelSpacing.

    Raises:
        DataError: Something is missing or cannot be, or the points lie in no such plane.
    """
    node = _point_list(read_json(path))
    name = path.name.removesuffix(".json").removesuffix(".mrk")
    entry = collector.image(name, path, "")
    collector.open(entry, annotator, path, "")
    frame = (frames(name) if frames is not None else None) or ImageFrame(1, 1)
    if frame.spacing is None:
        raise DataError(
            f"{path}: with which spacing 3D Slicer showed {name} cannot be told from its file; say "
            "it with the option label_spacing, such as label_spacing=0.139."
        )
    sign, unit = _orientation(node), _unit(node)
    depths: list[float] = []
    for point in node["controlPoints"].items():
        status = point.get("positionStatus")
        absent = status is not None and status.text in _ABSENT
        position = None
        if not absent:
            x, y, depth = _millimetres(point["position"])
            depths.append(depth * unit)
            position = (
                (sign * unit * x - frame.origin[0]) / frame.spacing[0],
                (sign * unit * y - frame.origin[1]) / frame.spacing[1],
            )
        visibility = MISSING if absent else VISIBLE
        label = point["label"].text
        collector.point(entry, annotator, label, position, path, point.place, visibility)
    if depths and max(depths) - min(depths) > max(frame.spacing):
        node.refuse(
            f"the points differ by {max(depths) - min(depths):g} mm in depth, so they lie in no "
            "image plane",
            "set them in the slice view of the image",
        )


def _point_list(document: Node) -> Node:
    lists = list(document["markups"].items())
    if len(lists) != 1:
        document["markups"].refuse(
            f"{len(lists)} markups stand where one point list is needed",
            "save the point list of an image in a file of its own",
        )
    kind = lists[0]["type"].text
    if kind != "Fiducial":
        lists[0].refuse(
            f"a markup of the type '{excerpt(kind)}' holds no landmarks", "save a point list"
        )
    return lists[0]


def _orientation(node: Node) -> float:
    """The sign that brings x and y of the file to LPS."""
    system = node.get("coordinateSystem")
    if system is None:
        return 1.0
    if system.text not in _SIGNS:
        system.refuse(f"'{excerpt(system.text)}' is no coordinate system", "write LPS or RAS")
    return _SIGNS[system.text]


def _unit(node: Node) -> float:
    """Millimetres in the unit of the file, which is text or a DICOM code of three texts."""
    units = node.get("coordinateUnits")
    if units is None:
        return 1.0
    code = next(units.items(), units) if isinstance(units.value, list) else units
    if code.text not in _UNITS:
        units.refuse(f"the unit '{excerpt(code.text)}' is not known", "save the points in mm")
    return _UNITS[code.text]


def _millimetres(position: Node) -> tuple[float, float, float]:
    values = list(position.items())
    if len(values) != 3:
        position.refuse(f"{len(values)} numbers stand where 3 are needed", "correct the position")
    return values[0].number, values[1].number, values[2].number
