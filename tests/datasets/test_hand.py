"""The Digital Hand Atlas: headerless table, wrist width as scale, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.datasets.hand import Hand
from benchmark.datasets.official import OfficialOptions, official_split
from benchmark.errors import DataError
from benchmark.records import SPLITS

pytestmark = pytest.mark.usefixtures("private_cache")

Build = Callable[..., Path]


def partial(root: Path) -> Hand:
    return Hand(OfficialOptions(partial=True), root=root)


def edit_row(root: Path, row: int, column: int, text: str | None) -> None:
    """Replace a cell of the table, counted from 0, or remove it."""
    path = root / "labels" / "all.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    rows[row][column : column + 1] = [] if text is None else [text]
    path.write_text("\n".join(",".join(cells) for cells in rows) + "\n")


def test_the_wrist_is_fifty_millimetres_wide(build_hand: Build) -> None:
    index = partial(build_hand()).index()
    assert index.unit == "mm"
    assert list(index.thresholds) == [2, 4, 10]
    for sample in index.samples:
        wrist = (sample.points[4] - sample.points[0]) * sample.spacing
        assert np.hypot(*wrist) == pytest.approx(50)
        assert sample.spacing == (2.5, 2.5)  # 20 px
        assert (sample.width, sample.height) == (60, 90)


def test_points_are_read_in_order_of_the_columns(build_hand: Build) -> None:
    index = partial(build_hand()).index()
    assert len(index.landmark_names) == len(set(index.landmark_names)) == 37
    np.testing.assert_array_equal(index.samples[0].points[36], [46, 8])


def test_the_table_may_lie_at_the_root(build_hand: Build) -> None:
    assert len(partial(build_hand(labels="all.csv")).index().samples) == 3


def test_all_910_ids_are_split_550_59_301() -> None:
    splits = [official_split("hand", split) for split in SPLITS]
    assert [len(ids) for ids in splits] == [550, 59, 301]
    names = [name for ids in splits for name in ids]
    assert names == sorted(set(names))


@pytest.mark.parametrize(
    ("column", "text", "expected"),
    [
        (9, "left", "all.csv, line 2: 'left' stands where a number"),
        (74, None, "all.csv, line 2: 74 coordinates are needed after the id 3143, not 73"),
        (9, "61", "all.csv, line 2: the point (61, "),
        (0, "3142", "all.csv, line 2: the id 3142 stands on line 1 already"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_line(
    build_hand: Build, column: int, text: str | None, expected: str
) -> None:
    root = build_hand()
    edit_row(root, 1, column, text)
    with pytest.raises(DataError) as caught:
        partial(root).index()
    assert expected in str(caught.value)


def test_a_wrist_without_width_gives_no_scale_and_is_refused(build_hand: Build) -> None:
    root = build_hand()
    edit_row(root, 0, 9, "10")
    edit_row(root, 0, 10, "80")
    with pytest.raises(DataError, match="line 1: landmarks 1 and 5 coincide"):
        partial(root).index()


def test_a_scaled_copy_does_not_fit_labels_in_native_pixels(build_hand: Build) -> None:
    root = build_hand()
    Image.new("L", (30, 45)).save(root / "jpg" / "3143.jpg")
    with pytest.raises(DataError, match="labels are in px of the original"):
        partial(root).index()


def test_a_missing_row_or_table_is_named(build_hand: Build) -> None:
    root = build_hand()
    with pytest.raises(DataError, match=r"907 of 910 .* row 3144 of labels/all.csv"):
        Hand(root=root).index()
    (root / "labels" / "all.csv").unlink()
    with pytest.raises(DataError, match=r"910 of 910 .*labels/all.csv.*baaweb"):
        partial(root).index()


def test_the_real_sample_is_read_at_native_size(shared_data: Path) -> None:
    dataset = partial(shared_data / "hand")
    index = dataset.index()
    assert [len(index.split(split)) for split in SPLITS] == [6, 0, 4]
    for sample in index.samples:
        assert dataset.read(sample.id).shape == (sample.height, sample.width)
        wrist = (sample.points[4] - sample.points[0]) * sample.spacing
        assert np.hypot(*wrist) == pytest.approx(50)
