"""A user's own folder: splits, spacing, missing landmarks; contradictions are named by line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmark.datasets.folder import Folder
from benchmark.datasets.folder_options import FolderOptions
from benchmark.datasets.folder_splits import draw_split
from benchmark.errors import DataError, UsageError
from benchmark.spacing import parse_spacing

pytestmark = pytest.mark.usefixtures("private_cache")

Build = Callable[..., Path]


def rewrite(root: Path, old: str, new: str, column: str | None = None) -> None:
    """Replace text in the table, or with ``column`` add a column that says ``new`` on every row."""
    path = root / "landmarks.csv"
    text = path.read_text()
    assert old in text
    if column is None:
        path.write_text(text.replace(old, new, 1))
    else:
        header, *rows = text.splitlines()
        path.write_text("\n".join([f"{header},{column}", *(f"{r},{new}" for r in rows)]) + "\n")


def refusal(root: Path, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        Folder(FolderOptions.model_validate(options), root=root).index()
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def test_points_sizes_and_names_are_those_of_table_and_files(build_folder: Build) -> None:
    dataset = Folder(root=build_folder())
    index = dataset.index()
    assert (index.name, index.landmark_names) == ("mine", ("apex", "base"))
    sample = index.samples[4]
    assert (sample.id, sample.width, sample.height) == ("film4.png", 40, 20)
    np.testing.assert_array_equal(sample.points, [[4, 3.5], [5, 19]])
    assert dataset.read("film4.png").shape == (20, 40)


def test_without_spacing_errors_count_at_the_reference_size_of_the_longer_side(
    build_folder: Build,
) -> None:
    index = Folder(root=build_folder()).index()
    assert (index.unit, index.thresholds) == ("px@512", (3, 6, 9))
    assert index.samples[0].spacing == (512 / 40, 512 / 40)
    index = Folder(FolderOptions(reference_size=80), root=build_folder()).index()
    assert (index.unit, index.samples[0].spacing) == ("px@80", (2, 2))


@pytest.mark.parametrize(("text", "spacing"), [("0.1", (0.1, 0.1)), ("0.1x0.12", (0.1, 0.12))])
def test_with_spacing_errors_are_millimetres(
    build_folder: Build, text: str, spacing: tuple[float, float]
) -> None:
    index = Folder(FolderOptions(spacing=text), root=build_folder()).index()
    assert (index.unit, index.thresholds) == ("mm", (2, 2.5, 3, 4))
    assert index.samples[0].spacing == spacing


@pytest.mark.parametrize("text", ["0", "-1", "0.1x", "0.1x0.1x0.1", "wide", "inf", ""])
def test_a_spacing_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no spacing"):
        parse_spacing(text)
    with pytest.raises(ValidationError):
        FolderOptions(spacing=text)


def test_numbers_and_lists_may_come_as_the_command_line_writes_them() -> None:
    options = FolderOptions.model_validate({"spacing": 0.1, "thresholds": "10/2/4"})
    assert (options.spacing, options.thresholds) == ("0.1", (2, 4, 10))
    with pytest.raises(ValidationError):
        FolderOptions.model_validate({"thresholds": "0"})


def test_an_absent_row_and_an_empty_cell_are_missing_landmarks_not_errors(
    build_folder: Build,
) -> None:
    root = build_folder()
    rewrite(root, "film2.png,base,3,19\n", "")
    rewrite(root, "film5.png,apex,5,3.5", "film5.png,apex,,")
    index = Folder(root=root).index()
    missing = {s.id: np.isnan(s.points[:, 0]).tolist() for s in index.samples}
    assert missing["film2.png"] == [False, True]
    assert missing["film5.png"] == [True, False]
    assert sum(sum(m) for m in missing.values()) == 2
    assert "2 of 20 landmarks are missing" in " ".join(index.notes)


def test_the_split_column_is_obeyed(build_folder: Build) -> None:
    root = build_folder(3)
    rewrite(root, "image", "train", column="split")
    for name, split in (("film1", "test"), ("film2", "val")):
        for landmark in ("apex", "base"):
            text = (root / "landmarks.csv").read_text().splitlines()
            row = next(r for r in text if r.startswith(f"{name}.png,{landmark}"))
            rewrite(root, row, row.replace("train", split))
    splits = [sample.split for sample in Folder(root=root).index().samples]
    assert splits == ["train", "test", "val"]


def test_a_drawn_split_depends_on_ids_alone(build_folder: Build) -> None:
    # printf test:film7.png | sha256sum, and so on: these three come first.
    index = Folder(root=build_folder()).index()
    assert {sample.id for sample in index.split("test")} == {"film6.png", "film7.png", "film8.png"}


@given(
    st.dictionaries(st.text(min_size=1), st.sampled_from("ABCDEFGH"), min_size=2),
    st.floats(0.01, 0.99),
)
def test_a_draw_keeps_patients_together_and_forgets_the_order(
    groups: dict[str, str], fraction: float
) -> None:
    drawn = draw_split(groups, fraction)
    by_patient = {(group, drawn[name]) for name, group in groups.items()}
    assert len(by_patient) == len(set(groups.values()))
    assert "test" in drawn.values()
    assert draw_split(dict(reversed(groups.items())), fraction) == drawn


def test_the_patient_column_becomes_the_group(build_folder: Build) -> None:
    root = build_folder(3)
    rewrite(root, "image", "P1", column="patient")
    path = root / "landmarks.csv"
    path.write_text(path.read_text().replace("2.png,apex,2,3.5,P1", "2.png,apex,2,3.5,P2"))
    path.write_text(path.read_text().replace("2.png,base,3,19,P1", "2.png,base,3,19,P2"))
    index = Folder(root=root).index()
    assert [sample.group for sample in index.samples] == ["P1", "P1", "P2"]


def test_images_may_lie_beside_the_table_elsewhere_or_be_named_without_ending(
    build_folder: Build,
) -> None:
    root = build_folder(4, images=".")
    first = Folder(root=root).index().fingerprint
    (root / "scans").mkdir()
    for path in root.glob("*.png"):
        path.rename(root / "scans" / path.name)
    assert Folder(FolderOptions(images="scans"), root=root).index().fingerprint == first
    table = root / "landmarks.csv"
    table.write_text(table.read_text().replace(".png", ""))
    dataset = Folder(FolderOptions(images="scans"), root=root)
    assert [sample.id for sample in dataset.index().samples][:2] == ["film0", "film1"]
    assert dataset.read("film0").shape == (20, 40)


def test_semicolons_capitals_and_a_byte_order_mark_are_read(build_folder: Build) -> None:
    root = build_folder()
    first = Folder(root=root).index().fingerprint
    table = root / "landmarks.csv"
    text = table.read_text().replace(",", ";").replace("image;landmark", "Image; Landmark")
    table.write_text(text, encoding="utf-8-sig")
    assert Folder(root=root).index().fingerprint == first


def test_dark_bone_is_inverted_on_request_and_changes_the_fingerprint(build_folder: Build) -> None:
    plain = Folder(root=build_folder())
    inverted = Folder(FolderOptions(invert=True), root=build_folder())
    np.testing.assert_array_equal(inverted.read("film0.png"), 255 - plain.read("film0.png"))
    assert inverted.index().fingerprint != plain.index().fingerprint


def test_name_thresholds_and_note_are_the_users(build_folder: Build) -> None:
    options = FolderOptions(name="Wrists", thresholds=(1, 5), note="Not a benchmark.")
    index = Folder(options, root=build_folder()).index()
    assert (index.name, index.title, index.thresholds) == ("Wrists", "Wrists", (1, 5))
    assert index.notes[0] == "Not a benchmark."


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("landmark,x,y", "landmark,x", "landmarks.csv, line 1: the column 'y' is missing"),
        ("film1.png,apex,1,", "film1.png,apex,one,", "line 4: 'one' stands where a number (x)"),
        ("film1.png,apex,1,", "film1.png,apex,,", "line 4: one of x and y is empty"),
        ("film1.png,apex,1,3.5", "film1.png,apex,1", "line 4: the row has 3 cells"),
        ("film1.png,apex,1,", "film1.png,,1,", "line 4: the cell 'landmark' is empty"),
        ("film1.png,apex,1,", "film1.png,apex,40.5,", "line 4: the point (40.5, 3.5) lies outside"),
        ("film1.png,apex,1,", "film1.png,apex,-1.01,", "line 4: the point (-1.01, 3.5) lies out"),
        (
            "film1.png,base",
            "film1.png,apex",
            "line 5: the landmark 'apex' of film1.png stands on l",
        ),
        ("film1.png,apex", "film99.png,apex", "line 4: the image film99.png is not in"),
        ("film1.png,apex", "film1,apex", "film1.png and film1 are one file"),
        ("film1.png,apex", '"film1.png,apex', "the row cannot be read"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_line(
    build_folder: Build, old: str, new: str, expected: str
) -> None:
    root = build_folder()
    rewrite(root, old, new)
    assert expected in refusal(root)


@pytest.mark.parametrize("x", ["-0.5", "39.5", "40", "-1"])
def test_a_point_on_the_border_of_the_image_is_allowed(build_folder: Build, x: str) -> None:
    root = build_folder()
    rewrite(root, "film1.png,apex,1,", f"film1.png,apex,{x},")
    assert Folder(root=root).index().samples[1].points[0, 0] == float(x)


@pytest.mark.parametrize(
    ("row", "split", "expected"),
    [
        ("film1.png,apex,1,3.5", "holdout", "line 4: 'holdout' is no split"),
        (
            "film1.png,base,2,19",
            "test",
            "line 5: the split of film1.png is 'test' here and 'train'",
        ),
        ("film1.png,base,2,19", "train", "there is no test image among 10"),
    ],
)
def test_a_split_column_that_cannot_be_is_refused(
    build_folder: Build, row: str, split: str, expected: str
) -> None:
    root = build_folder()
    rewrite(root, "image", "train", column="split")
    rewrite(root, f"{row},train", f"{row},{split}")
    assert expected in refusal(root)


def test_a_patient_on_both_sides_is_refused(build_folder: Build) -> None:
    root = build_folder(2)
    (root / "landmarks.csv").write_text(
        "image,landmark,x,y,split,patient\nfilm0.png,apex,1,2,train,P\nfilm1.png,apex,1,2,test,P\n"
    )
    assert "line 3: patient P has a test image and a training image" in refusal(root)


def test_a_single_patient_leaves_no_training_image(build_folder: Build) -> None:
    root = build_folder()
    rewrite(root, "image", "P1", column="patient")
    assert "there is no train image" in refusal(root)


def test_an_image_without_any_landmark_is_refused(build_folder: Build) -> None:
    root = build_folder()
    rewrite(root, "film3.png,apex,3,3.5", "film3.png,apex,,")
    rewrite(root, "film3.png,base,4,19", "film3.png,base,,")
    assert "film3.png has no landmark at all" in refusal(root)


def test_a_missing_or_empty_table_is_refused(build_folder: Build) -> None:
    root = build_folder()
    (root / "landmarks.csv").rename(root / "points.csv")
    assert "landmarks.csv: the labels are missing" in refusal(root, labels="landmarks.csv")
    assert Folder(root=root).index().samples
    (root / "points.csv").unlink()
    assert "no labels were found; put a landmarks.csv there" in refusal(root)
    (root / "landmarks.csv").write_text("")
    assert "the table is empty" in refusal(root)
    (root / "landmarks.csv").write_text("image,landmark,x,y\n")
    assert "no image has a landmark" in refusal(root)
    (root / "landmarks.csv").write_bytes(b"\xff\xfe\x00image")
    assert "is not UTF-8 text" in refusal(root)


def test_a_missing_root_is_refused(tmp_path: Path) -> None:
    assert "is no folder" in refusal(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="--data-root"):
        Folder().index()


def test_a_damaged_image_is_refused_by_name(build_folder: Build) -> None:
    root = build_folder()
    (root / "images" / "film7.png").write_bytes(b"\x89PNG\r\n")
    assert "film7.png: the image is truncated or damaged" in refusal(root)


def test_the_real_wingspan_set_is_a_folder(shared_data: Path) -> None:
    index = Folder(root=shared_data / "chest_wingspan").index()
    assert (len(index.samples), len(index.landmark_names)) == (233, 6)
    assert len(index.split("test")) == 70
    assert index.samples[0].spacing == (1, 1)
