"""The format is found from the content; what fits several, or none, is said in a sentence."""

from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import DataError, UsageError
from benchmark.labels.detection import detect_format
from benchmark.labels.reading import read_labels
from tests.labels import writers
from tests.labels.writers import WRITERS, Film, write

FILMS = [
    Film(f"film{n}", (40, 20), {"apex": (n + 0.25, 3.5), "base": (n + 1.5, 18.0)}) for n in range(3)
]


@pytest.mark.parametrize("kind", WRITERS)
def test_the_ending_and_the_name_of_a_file_do_not_matter(kind: str, tmp_path: Path) -> None:
    name, writer = WRITERS[kind]
    written = writer(tmp_path / "labels", FILMS)
    file = written if written.is_file() else min(written.iterdir())
    renamed = file.rename(tmp_path / "anything")
    assert detect_format(renamed) == name


def test_what_is_no_label_file_is_refused_with_the_known_formats(tmp_path: Path) -> None:
    for text in ("once upon a time", '{"version": 1}', "<html></html>", ""):
        path = write(tmp_path / "labels.txt", text)
        with pytest.raises(DataError, match=r"in no known format .*csv-long, .*shenzhen\.$"):
            detect_format(path)
    with pytest.raises(DataError, match=r"older format of 3D Slicer; save the points as .mrk.json"):
        detect_format(write(tmp_path / "F.fcsv", "# Markups fiducial file version = 4.11\n"))


def test_a_table_that_can_be_read_in_two_ways_is_refused_until_one_is_forced(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "t.csv", "image,landmark,x,y,c_x,c_y\na.png,apex,1,2,3,4\n")
    with pytest.raises(DataError, match=r"several formats, csv-long \(t.csv\), csv-wide \(t.csv\)"):
        read_labels(path)
    assert read_labels(path, "csv-long").landmark_names == ("apex",)
    assert read_labels(path, "csv-wide").landmark_names == ("c",)


def test_labels_of_several_formats_in_a_folder_are_refused_until_one_is_forced(
    tmp_path: Path,
) -> None:
    writers.labelme(tmp_path, FILMS)
    writers.cvat_points(tmp_path, FILMS)
    with pytest.raises(DataError, match=r"labelme \(film0.json\), cvat \(annotations.xml\)"):
        read_labels(tmp_path)
    assert read_labels(tmp_path, "cvat").format == "cvat"
    assert len(read_labels(tmp_path, "labelme").images) == 3


def test_a_json_file_with_the_keys_of_two_formats_counts_by_its_outermost_ones(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "a.json", '{"shapes": [], "flags": {"markups": 1}}')
    assert detect_format(path) == "labelme"


def test_an_unknown_format_gets_the_nearest_name(tmp_path: Path) -> None:
    path = writers.csv_long(tmp_path, FILMS)
    with pytest.raises(UsageError, match=r"'labelm' is no format of labels \(did you mean 'labelm"):
        read_labels(path, "labelm")


def test_other_files_in_the_folder_are_passed_over_but_a_damaged_label_file_is_not(
    tmp_path: Path,
) -> None:
    writers.labelme(tmp_path, FILMS)
    write(tmp_path / "notes.txt", "labelled in May")
    write(tmp_path / "patients.csv", "image,age\nfilm0.png,40\n")
    write(tmp_path / "._film0.json", "\0\0\0")
    assert len(read_labels(tmp_path).images) == 3
    write(tmp_path / "film1.json", '{"shapes": [')
    with pytest.raises(DataError, match=r"film1.json, line 1: the file is no JSON or is cut off"):
        read_labels(tmp_path)


def test_folders_in_a_folder_are_annotators_and_one_alone_is_none(tmp_path: Path) -> None:
    shifted = [
        Film(f.name, f.size, {k: (x + 3, y + 4) for k, (x, y) in known(f).items()}) for f in FILMS
    ]
    writers.isbi(tmp_path / "400_senior", FILMS)
    assert read_labels(tmp_path).annotators == ("",)
    writers.isbi(tmp_path / "400_junior", shifted)
    (tmp_path / "jpg").mkdir()
    labels = read_labels(tmp_path)
    assert labels.annotators == ("400_junior", "400_senior")
    image = labels.images["film1"]
    junior, senior = (image.annotations[name].points for name in labels.annotators)
    np.testing.assert_allclose(junior - senior, [[3, 4], [3, 4]])


def test_folders_that_share_no_image_are_no_annotators(tmp_path: Path) -> None:
    writers.labelme(tmp_path / "P1", FILMS[:1])
    writers.labelme(tmp_path / "P2", FILMS[1:])
    with pytest.raises(DataError, match=r"folders P1, P2 are read as annotators, but no image"):
        read_labels(tmp_path)


def test_several_files_of_one_folder_are_parts_and_share_no_image(tmp_path: Path) -> None:
    writers.coco(tmp_path / "labels", FILMS[:1]).rename(tmp_path / "train.json")
    writers.coco(tmp_path / "labels", FILMS[1:]).rename(tmp_path / "test.json")
    (tmp_path / "labels").rmdir()
    assert set(read_labels(tmp_path).images) == {"film0.png", "film1.png", "film2.png"}
    writers.coco(tmp_path / "labels", FILMS[:2]).rename(tmp_path / "more.json")
    with pytest.raises(DataError, match=r"film1.png is labelled here and in .*more.json"):
        read_labels(tmp_path)


def test_missing_labels_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the labels are missing"):
        read_labels(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no label file of a known format is in the folder"):
        read_labels(tmp_path)
    with pytest.raises(DataError, match=r"no file of the format cvat \(.xml\)"):
        read_labels(tmp_path, "cvat")


def known(film: Film) -> dict[str, tuple[float, float]]:
    return {name: point for name, point in film.points.items() if point is not None}
