"""Errors read from predictions: in any order of rows, and refused where they are damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.errors import StoreError
from benchmark.predictions import read_errors

NAN = float("nan")


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image_id": ["b", "b", "a", "a", "c", "c"],
            "landmark": ["sella", "nasion"] * 3,
            "error": [1.0, 2.0, 3.0, NAN, NAN, NAN],
        }
    )


def write(frame: pd.DataFrame, folder: Path) -> Path:
    path = folder / "predictions.parquet"
    frame.to_parquet(path, index=False)
    return path


def test_errors_are_images_by_landmarks_in_the_order_of_the_file(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    errors = read_errors(write(frame, tmp_path))
    assert errors.image_ids == ("b", "a", "c")
    assert errors.landmarks == ("sella", "nasion")
    np.testing.assert_array_equal(errors.values, [[1.0, 2.0], [3.0, NAN], [NAN, NAN]])
    assert errors.known.tolist() == [2, 1, 0]


def test_image_means_leave_missing_landmarks_out(frame: pd.DataFrame, tmp_path: Path) -> None:
    errors = read_errors(write(frame, tmp_path))
    np.testing.assert_array_equal(errors.image_means, [1.5, 3.0, NAN])


def test_the_order_of_the_rows_does_not_matter(frame: pd.DataFrame, tmp_path: Path) -> None:
    errors = read_errors(write(frame.sample(frac=1, random_state=3), tmp_path))
    by_name = {
        (image, landmark): errors.values[i, j]  # noqa: PD011
        for i, image in enumerate(errors.image_ids)
        for j, landmark in enumerate(errors.landmarks)
    }
    expected = {(r.image_id, r.landmark): r.error for r in frame.itertuples()}
    assert by_name == pytest.approx(expected, nan_ok=True)


def test_files_of_several_row_groups_are_read_whole(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    frame.to_parquet(path, index=False, row_group_size=2)
    assert read_errors(path).image_ids == ("b", "a", "c")
    np.testing.assert_array_equal(read_errors(path).known, [2, 1, 0])


def test_a_landmark_named_twice_is_refused(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = write(pd.concat([frame, frame.head(1)]), tmp_path)
    with pytest.raises(StoreError, match="twice"):
        read_errors(path)


@pytest.mark.parametrize("column", ["image_id", "landmark"])
def test_a_row_without_a_name_is_refused(column: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.loc[frame.index[0], column] = None
    path = write(frame, tmp_path)
    with pytest.raises(StoreError, match="names no image or no landmark"):
        read_errors(path)


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more"])
def test_a_damaged_file_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="delete its folder and run again"):
        read_errors(path)


def test_a_file_without_errors_is_one_sentence(frame: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="delete its folder and run again"):
        read_errors(write(frame.drop(columns="error"), tmp_path))
