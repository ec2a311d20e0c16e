"""Spreadsheets: long and wide, with the separators and decimal marks of different countries."""

from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import DataError
from benchmark.labels import collecting
from benchmark.labels.label_set import LabelSet
from benchmark.labels.reading import read_labels
from tests.labels.writers import write


def read(tmp_path: Path, text: str, name: str | None = None) -> LabelSet:
    return read_labels(write(tmp_path / "t.csv", text), name)


def refusal(tmp_path: Path, text: str, name: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read(tmp_path, text, name)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


@pytest.mark.parametrize(
    "header",
    [
        "image,sella_x,sella_y,A point_x,A point_y",
        "image,x_sella,y_sella,x_A point,y_A point",
        "file,sella.x,sella.y,A point.x,A point.y",
        "Filename,X sella,Y sella,X A point,Y A point",
        "case,sella-X,sella-Y,A point-X,A point-Y",
    ],
)
def test_all_ways_to_name_columns_give_the_same_points(tmp_path: Path, header: str) -> None:
    labels = read(tmp_path, f"{header}\na.png,1.5,2,3,4.25\n")
    assert labels.format == "csv-wide"
    assert labels.landmark_names == ("sella", "A point")
    np.testing.assert_array_equal(
        labels.images["a.png"].annotations[""].points, [[1.5, 2], [3, 4.25]]
    )


@pytest.mark.parametrize("header", ["image,x1,y1,x2,y2", "id,1x,1y,2x,2y", "image,1_x,1_y,2_x,2_y"])
def test_numbered_columns_give_numbered_landmarks(tmp_path: Path, header: str) -> None:
    labels = read(tmp_path, f"{header}\n0007,1,2,3,4\n")
    assert labels.landmark_names == ("1", "2")
    assert list(labels.images) == ["0007"]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_decimal_comma_is_read_where_nothing_else_is_a_comma(
    tmp_path: Path, separator: str
) -> None:
    text = "image;landmark;x;y\na;apex;1,5;200\na;base;0,25;3,125\n".replace(";", separator)
    points = read(tmp_path, text).images["a"].annotations[""].points
    np.testing.assert_array_equal(points, [[1.5, 200], [0.25, 3.125]])


def test_a_comma_that_could_part_thousands_is_refused(tmp_path: Path) -> None:
    start = "image,landmark,x,y\n"
    assert "line 2: '1,234' can be read in two ways" in refusal(tmp_path, f'{start}a,p,"1,234",5\n')
    start = "image;landmark;x;y\n"
    assert "can be read in two ways" in refusal(tmp_path, f"{start}a;p;1.234,5;5\n")
    mixed = f"{start}a;p;1,5;2\na;q;1.5;2\n"
    assert "line 3: the decimal mark is not that of line 2" in refusal(tmp_path, mixed)


def test_an_unquoted_decimal_comma_between_commas_is_a_cell_too_many(tmp_path: Path) -> None:
    text = "image,landmark,x,y\na,apex,1,5,2,5\n"
    assert "line 2: the row has 6 cells, more than the header names" in refusal(tmp_path, text)


def test_patients_splits_annotators_and_visibility_are_columns_in_both(tmp_path: Path) -> None:
    long = read(
        tmp_path,
        "image,landmark,x,y,split,patient,annotator,visibility\n"
        "a,p,1,2,Training,P1,Ann,2\na,q,3,4,Training,P1,Ann,1\na,p,5,6,Training,P1,Ben,2\n"
        "b,p,7,8,test,P2,Ann,0\nb,q,1,1,test,P2,Ann,2\n",
    )
    wide = read(
        tmp_path,
        "image,p_x,p_y,p_v,q_x,q_y,q_v,split,patient,annotator\n"
        "a,1,2,2,3,4,1,train,P1,Ann\na,5,6,2,,,,train,P1,Ben\nb,7,8,0,1,1,2,test,P2,Ann\n",
    )
    for labels in (long, wide):
        assert labels.annotators == ("Ann", "Ben")
        first, second = labels.images.values()
        assert (first.split, first.patient) == ("train", "P1")
        assert (second.split, second.patient) == ("test", "P2")
        assert first.annotations["Ann"].visibility.tolist() == [2, 1]
        assert first.annotations["Ben"].visibility.tolist() == [2, 0]
        assert second.annotations["Ann"].visibility.tolist() == [0, 2]
        assert np.isnan(second.annotations["Ann"].points[0]).all()
    assert long.images["a"].annotations["Ben"].where(0).endswith("t.csv, line 4")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image,a_x,a_y,b_x\nf,1,2,3\n", "line 1: the landmark 'b' has no column for y; add it"),
        ("image,a_x,a_y,A_X,b_y\nf,1,2,3,4\n", "line 1: the column 'a_x' stands twice"),
        ("a_x,a_y\n1,2\n", "line 1: the column 'image' is missing"),
        ("image,x_y,y_x\nf,1,2\n", "no two columns are x and y of a landmark"),
        ("image,x_a_x,y_a_x,x_a_y,y_a_y\nf,1,2,3,4\n", "can be read as NAME_x and as x_NAME"),
        ("image,a_x,a_y\nf,1,2\nf,3,4\n", "line 3: f is labelled here and in"),
        ("image,a_x,a_y\nf,1,\n", "line 2: one of x and y is empty"),
        ("image,a_x,a_y\nf,1,two\n", "line 2: 'two' stands where a number (y)"),
        ("image,a_x,a_y,a_v\nf,1,2,3\n", "line 2: '3' is no visibility"),
        ("image,a_x,a_y,a_v\nf,,,1\n", "line 2: a landmark without x and y has the visibility 1"),
        ("image,a_x,a_y\n,1,2\n", "line 2: the name of the image is empty"),
        ("image,a_x,a_y,annotator\nf,1,2,\n", "line 2: the cell 'annotator' is empty"),
        ("f,1,2,3,4\ng,1,2\n", "line 2: the row has 3 cells, and the first one has 5"),
        ("image,a_x,a_y\nf,1,1e300\n", "line 2: the point (1, 1e+300) lies beyond any image"),
    ],
)
def test_a_wide_table_that_cannot_be_is_refused_with_its_line(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert expected in refusal(tmp_path, text, "csv-wide")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("a,p,1,inf,,", "line 3: 'inf' stands where a number (y)"),
        ("a,p,1,1_0,,", "line 3: '1_0' stands where a number (y)"),
        ("a,\x07p,1,2,,", "line 3: the name of the landmark, ' p', holds control characters"),
        (f"a,{'p' * 300},1,2,,", "line 3: the name of the landmark has 300 characters"),
        ("f,p,1,2,,P2", "line 3: the patient of f is 'P2' here and 'P1' on line 2 of t.csv"),
    ],
)
def test_a_long_table_that_cannot_be_is_refused_with_its_line(
    tmp_path: Path, row: str, expected: str
) -> None:
    text = f"image,landmark,x,y,visibility,patient\nf,p0,1,2,2,P1\n{row}\n"
    assert expected in refusal(tmp_path, text)


def test_a_name_a_point_is_refused_before_memory_is_spent(tmp_path: Path) -> None:
    rows = "".join(f"f,{n},1,2\n" for n in range(1001))
    sentence = refusal(tmp_path, f"image,landmark,x,y\n{rows}")
    assert "line 1002: the labels have more than 1000 different landmark names" in sentence


def test_a_landmark_that_no_image_has_is_left_out_and_named(tmp_path: Path) -> None:
    labels = read(tmp_path, "image,landmark,x,y\na,p,1,2\na,q,,\nb,q,,\nb,r,3,4\n")
    assert (labels.landmark_names, labels.unused_names) == (("p", "r"), ("q",))
    np.testing.assert_array_equal(labels.images["b"].annotations[""].points[1], [3, 4])
    assert "no image has a landmark" in refusal(tmp_path, "image,landmark,x,y\na,p,,\n")


def test_what_would_not_fit_into_memory_is_refused_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "line 2: the line has more than 1,000,000 characters" in refusal(
        tmp_path, f"image,landmark,x,y\n{',' * 1_000_001}\n"
    )
    monkeypatch.setattr(collecting, "MAX_POINTS", 3)
    text = "image,landmark,x,y\na,p,1,2\nb,q,1,2\n"
    assert "2 landmarks in 2 annotations are more than 3 points" in refusal(tmp_path, text)


def test_the_real_hand_labels_are_a_wide_table_without_header(shared_data: Path) -> None:
    labels = read_labels(shared_data / "hand" / "labels" / "all.csv")
    assert labels.format == "csv-wide"
    assert (len(labels.images), len(labels.landmark_names)) == (910, 37)
    np.testing.assert_array_equal(labels.images["3142"].annotations[""].points[1], [324, 1812])
