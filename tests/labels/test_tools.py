"""What annotation tools export: conventions of coordinates, and what cannot be mapped."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmark.errors import DataError
from benchmark.labels import files
from benchmark.labels.label_set import ImageFrame
from benchmark.labels.reading import read_labels
from benchmark.labels.slicer_spacing import spacing_in_slicer
from tests.labels import writers
from tests.labels.writers import Film, write

FILMS = [
    Film(f"film{n}", (40, 20), {"apex": (n + 0.25, 3.5), "base": (n + 1.5, 18.0)}) for n in range(2)
]

Change = Callable[[Any], None]


def refusal(path: Path, name: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read_labels(path, name)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def edited(path: Path, change: Change) -> Path:
    document = json.loads(path.read_text())
    change(document)
    return write(path, json.dumps(document))


def assign(*keys: str | int, value: object) -> Change:
    """Sets a value deep in a document."""

    def change(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return change


def remove(*keys: str | int) -> Change:
    """Removes a value deep in a document."""

    def change(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        del document[keys[-1]]

    return change


KEYPOINTS = ("annotations", 1, "keypoints")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (remove("annotations", 1, "keypoints"), "annotations[1]: this annotation has no keypoints"),
        (assign(*KEYPOINTS, value=[1, 2]), "annotations[1].keypoints: 2 numbers stand where x, y"),
        (assign(*KEYPOINTS, 0, value="1"), "annotations[1].keypoints[0]: '1' stands where a fin"),
        (assign(*KEYPOINTS, 1, value=True), "keypoints[1]: 'True' stands where a finite number"),
        (assign(*KEYPOINTS, 2, value=3), "keypoints[2]: 3 is no visibility; write 0, 1 or 2"),
        (assign(*KEYPOINTS, 2, value=1.5), "keypoints[2]: '1.5' stands where a whole number"),
        (assign(*KEYPOINTS, 0, value=10**400), "keypoints[0]: a single value stands where a fin"),
        (assign("annotations", 1, "image_id", value=9), "annotations[1]: there is no image of"),
        (assign("annotations", 1, "category_id", value=9), "annotations[1]: there is no category"),
        (assign("annotations", 1, "image_id", value=1), "annotations[1]: film0.png is labelled he"),
        (assign("images", 1, "id", value=1), "images[1]: the id or the file name of the image st"),
        (assign("images", 1, "width", value=-4), "images[1]: -4 x 20 px is no size of an image"),
        (remove("images", 1, "file_name"), "images[1]: 'file_name' is missing"),
        (assign("images", value={}), "images: an object stands where a list is needed"),
        (assign("categories", 0, "keypoints", 1, value="apex"), "categories[0]: a keypoint is na"),
    ],
)
def test_coco_that_cannot_be_is_refused_with_its_path(
    tmp_path: Path, change: Change, expected: str
) -> None:
    path = edited(writers.coco(tmp_path, FILMS), change)
    assert f"{path}, {expected}" in refusal(path) or expected in refusal(path)


def test_a_whole_keypoint_of_coco_is_the_centre_of_a_pixel_and_v_0_is_missing(
    tmp_path: Path,
) -> None:
    path = edited(writers.coco(tmp_path, FILMS), assign(*KEYPOINTS, value=[7, 3, 1, 9, 9, 0]))
    annotation = read_labels(path).images["film1.png"].annotations[""]
    np.testing.assert_array_equal(annotation.points, [[7, 3], [np.nan, np.nan]])
    assert annotation.visibility.tolist() == [1, 0]


def test_two_categories_of_coco_share_an_image_and_name_their_landmarks(tmp_path: Path) -> None:
    def second(document: Any) -> None:
        document["categories"].append({"id": 2, "name": "foot", "keypoints": ["apex"]})
        document["annotations"].append({"image_id": 1, "category_id": 2, "keypoints": [5, 6, 2]})

    labels = read_labels(edited(writers.coco(tmp_path, FILMS), second))
    assert labels.landmark_names == ("hand apex", "hand base", "foot apex")
    np.testing.assert_array_equal(labels.images["film0.png"].annotations[""].points[2], [5, 6])


def test_the_corner_of_a_labelme_image_is_its_origin(tmp_path: Path) -> None:
    path = writers.labelme(tmp_path, FILMS) / "film0.json"
    edited(path, assign("shapes", 0, "points", value=[[0.5, 20.0]]))
    image = read_labels(path).images["film0.png"]
    np.testing.assert_array_equal(image.annotations[""].points[0], [0, 19.5])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (assign("shapes", 1, "shape_type", value="polygon"), "shapes[1]: a polygon of 1 points ca"),
        (assign("shapes", 1, "points", value=[[1, 2], [3, 4]]), "shapes[1]: a point of 2 points c"),
        (assign("shapes", 1, "points", value=[[1]]), "shapes[1].points[0]: 1 values stand where x"),
        (assign("shapes", 1, "label", value="apex"), "shapes[1]: the landmark 'apex' of film0.png"),
        (assign("shapes", 1, "label", value=""), "shapes[1]: the name of the landmark is empty"),
        (assign("shapes", 1, "label", value="\ud800"), "shapes[1]: the name of the landmark, ' '"),
        (assign("shapes", 1, value=None), "shapes[1]: null stands where an object is needed"),
        (assign("imageWidth", value="wide"), "imageWidth: 'wide' stands where a finite number is"),
    ],
)
def test_labelme_that_cannot_be_is_refused_with_its_path(
    tmp_path: Path, change: Change, expected: str
) -> None:
    path = edited(writers.labelme(tmp_path, FILMS) / "film0.json", change)
    assert f"{path}, {expected}" in refusal(path, "labelme")


def test_an_image_of_another_size_than_the_labelled_one_is_refused(tmp_path: Path) -> None:
    image = read_labels(writers.labelme(tmp_path, FILMS)).images["film1.png"]
    image.check_size((40, 20))
    with pytest.raises(DataError, match="made on 40 x 20 px, but the image has 20 x 10 px"):
        image.check_size((20, 10))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (assign("markups", 0, "type", value="Line"), "markups[0]: a markup of the type 'Line' hol"),
        (assign("markups", value=[]), "markups: 0 markups stand where one point list is needed"),
        (assign("markups", 0, "coordinateSystem", value="IJK"), "'IJK' is no coordinate system"),
        (assign("markups", 0, "coordinateUnits", value="inch"), "the unit 'inch' is not known"),
        (
            assign("markups", 0, "controlPoints", 1, "position", value=[1, 2]),
            "markups[0].controlPoints[1].position: 2 numbers stand where 3 are needed",
        ),
        (
            assign("markups", 0, "controlPoints", 1, "position", 2, value=30),
            "markups[0]: the points differ by 30 mm in depth",
        ),
        (
            assign("markups", 0, "controlPoints", 1, "label", value="apex"),
            "markups[0].controlPoints[1]: the landmark 'apex' of film0 stands at",
        ),
    ],
)
def test_slicer_markups_that_cannot_be_are_refused_with_their_path(
    tmp_path: Path, change: Change, expected: str
) -> None:
    path = edited(writers.slicer_lps(tmp_path, FILMS) / "film0.mrk.json", change)
    assert expected in refusal(path)


def test_slicer_millimetres_become_pixels_by_spacing_and_origin(tmp_path: Path) -> None:
    path = writers.slicer_spaced(tmp_path, FILMS) / "film1.mrk.json"
    edited(path, assign("markups", 0, "coordinateUnits", value=["mm", "UCUM", "millimeter"]))
    frame = ImageFrame(40, 20, spacing=(0.25, 0.5), origin=(-10.0, 5.0))
    points = read_labels(path, frames=lambda _: frame).images["film1"].annotations[""].points
    np.testing.assert_allclose(points[0], [1.25 + 40, 3.5 / 2 - 10])


@pytest.mark.parametrize(
    ("ending", "options", "spacing"),
    [
        ("png", {"dpi": (254, 254)}, (1.0, 1.0)),
        ("bmp", {}, (1.0, 1.0)),
        ("jpg", {}, (1.0, 1.0)),
        ("jpg", {"dpi": (254, 127)}, (0.1, 0.2)),
        ("tif", {}, (1.0, 1.0)),
        ("tif", {"dpi": (254, 127)}, (0.1, 0.2)),
        ("tif", {"resolution_unit": 3, "x_resolution": 50, "y_resolution": 100}, (0.2, 0.1)),
    ],
)
def test_slicer_takes_the_dots_per_inch_of_jpeg_and_tiff_for_a_spacing(
    tmp_path: Path, ending: str, options: dict[str, Any], spacing: tuple[float, float]
) -> None:
    path = tmp_path / f"film.{ending}"
    Image.new("L", (8, 6)).save(path, **options)
    assert spacing_in_slicer(path) == pytest.approx(spacing)


def test_the_corner_of_a_cvat_image_is_its_origin_and_subsets_are_splits(tmp_path: Path) -> None:
    path = writers.cvat_points(tmp_path, FILMS)
    text = path.read_text().replace("0.75,4.00", "0.5,20.00").replace("0.75,4.00", "")
    write(path, text.replace('name="film0.png"', 'name="a\\film0.png" subset="Validation"'))
    image = read_labels(path).images["a/film0.png"]
    np.testing.assert_array_equal(image.annotations[""].points[0], [0, 19.5])
    assert image.split == "val"


def test_a_shape_of_many_cvat_points_is_numbered_and_must_be_as_long_everywhere(
    tmp_path: Path,
) -> None:
    start = '<annotations><image name="a" width="9" height="9"><points label="p" points="1,1;2,3"/>'
    second = '</image>\n<image name="b" width="9" height="9"><points label="p" points="1,1"/>'
    end = "<tag label='q'/></image></annotations>"
    path = write(tmp_path / "a.xml", start + end)
    labels = read_labels(path)
    assert labels.landmark_names == ("p 1", "p 2")
    np.testing.assert_array_equal(labels.images["a"].annotations[""].points[1], [1.5, 2.5])
    write(path, start + second + end)
    assert "line 2: 'p' has 1 points here and 2 on line 1" in refusal(path)


def test_several_skeletons_name_their_landmarks(tmp_path: Path) -> None:
    skeleton = '<skeleton label="{}"><points label="1" points="1,1"/></skeleton>'
    begin, end = '<annotations><image name="a" width="9" height="9">', "</image></annotations>"
    both = skeleton.format("left") + skeleton.format("right")
    path = write(tmp_path / "a.xml", begin + both + end)
    assert read_labels(path).landmark_names == ("left 1", "right 1")
    write(path, begin + skeleton.format("left") + end)
    assert read_labels(path).landmark_names == ("1",)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('points="0.75,4.00"', 'points="0.75"', "line 10: '0.75' is no point x,y"),
        ('points="0.75,4.00"', 'points="x,4.00"', "line 10: 'x' stands where a number"),
        ('points="0.75,4.00"', "", "line 10: the attribute 'points' is missing"),
        ('label="apex"', 'label="base"', "line 12: the landmark 'base' of film0.png stands on li"),
        ('width="40"', 'width="4.5"', "line 9: width and height are no whole numbers"),
        ('width="40"', 'width="1e9"', "line 9: 1000000000 x 20 px is no size of an image"),
        ('name="film1.png"', 'name="film0.png"', "film0.png is labelled here and in"),
        ("</image>", "<polygon/></image>", "line 14: a polygon cannot be a landmark"),
        ("</annotations>", "", "the file is no XML or is cut off"),
        ("</annotations>", "<track/></annotations>", "this is an export of a video"),
        (
            "<annotations>",
            '<!DOCTYPE a [<!ENTITY b "c">]><annotations>',
            "declares a document type",
        ),
        ('encoding="utf-8"', 'encoding="klingon"', "the file is no XML or is cut off"),
    ],
)
def test_cvat_that_cannot_be_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    path = writers.cvat_points(tmp_path, FILMS)
    text = path.read_text()
    assert old in text
    write(path, text.replace(old, new, 1))
    assert expected in refusal(path, "cvat")


def test_entities_are_never_expanded(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 40))
    bomb = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e0 "x">{levels}]><annotations>&e39;'
    path = write(tmp_path / "a.xml", f"{bomb}</annotations>")
    assert "line 1: the file declares a document type" in refusal(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"shapes": ' + "[" * 200_000, "nested too deeply"),
        ('{"shapes": [NaN]}', "holds a number that cannot be (NaN)"),
        ('{"shapes": [-Infinity]}', "holds a number that cannot be (-Infinity)"),
        ('{"shapes": [' + "9" * 5000 + "]}", "holds a number that cannot be"),
        ('{"shapes": 1e999}', "shapes: a single value stands where a list is needed"),
        ('{"shapes": [],}', "line 1: the file is no JSON or is cut off"),
        ('["shapes"]', "a list stands where an object is needed"),
    ],
)
def test_json_that_is_no_label_file_gets_a_sentence(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert expected in refusal(write(tmp_path / "a.json", text), "labelme")


def test_files_that_are_too_large_are_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = writers.coco(tmp_path, FILMS)
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    assert "is larger than 0 MB" in refusal(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1: no line 'x,y' is in the file"),
        ("1,2\n3;4\n", "film0.txt, line 2: 2 lines 'x,y' are needed, but this one reads '3;4'"),
        ("1,2\n3\n5,6\n", "line 3: '5,6' stands after the 1 landmarks"),
        ("1,2\n", "film1.txt: 2 lines 'x,y' stand here and 1 in"),
    ],
)
def test_isbi_text_that_cannot_be_is_refused_with_its_line(
    tmp_path: Path, text: str, expected: str
) -> None:
    writers.isbi(tmp_path, FILMS)
    write(tmp_path / "film0.txt", text)
    assert expected in refusal(tmp_path)


def test_shenzhen_ratios_need_the_size_of_their_image(tmp_path: Path) -> None:
    writers.shenzhen(tmp_path, FILMS)
    assert "film0.txt: the landmarks are ratios of the image's size" in refusal(tmp_path)
    write(tmp_path / "film0.txt", "10000000\n0.5 0.5\n")
    assert "line 1: the number of landmarks is needed here" in refusal(tmp_path)
