"""A cell's predictions and their errors as arrays, read without building a table of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmark.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class LandmarkErrors:
    """The radial errors of one cell.

    Attributes:
        image_ids: The test images.
        landmarks: The names of the landmarks.
        values: (images, landmarks) in the dataset's unit; NaN where the truth is missing.
    """

    image_ids: tuple[str, ...]
    landmarks: tuple[str, ...]
    values: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """(images,) number of known landmarks."""
        return np.asarray(np.isfinite(self.values).sum(1))

    @property
    def image_means(self) -> np.ndarray:
        """(images,) mean over the known landmarks; NaN where an image has none."""
        known = self.known
        total = np.nansum(self.values, axis=1)
        return np.where(known > 0, total / np.maximum(known, 1), np.nan)


@dataclass(frozen=True, eq=False)
class LandmarkPoints:
    """The predictions of one cell beside the truth.

    Attributes:
        image_ids: The test images.
        landmarks: The names of the landmarks.
        predicted: (images, landmarks, 2) x and y in native px.
        truth: Of the same shape; NaN where a landmark is missing.
        spacing: (images, 2) the dataset's unit per native px along x and along y.
    """

    image_ids: tuple[str, ...]
    landmarks: tuple[str, ...]
    predicted: np.ndarray
    truth: np.ndarray
    spacing: np.ndarray


def read_errors(path: Path) -> LandmarkErrors:
    """Read the errors of a ``predictions.parquet``, in whatever order its rows are.

    Raises:
        StoreError: The file is missing or damaged, or names an image and landmark twice.
    """
    images, landmarks, (values,) = _read(path, ["error"])
    return LandmarkErrors(images, landmarks, values)


def read_points(path: Path) -> LandmarkPoints:
    """Read the points of a ``predictions.parquet``; landmarks in the order of the first image.

    Raises:
        StoreError: As of :func:`read_errors`.
    """
    columns = ["x", "y", "x_true", "y_true", "spacing_x", "spacing_y"]
    images, landmarks, (x, y, x_true, y_true, across, down) = _read(path, columns)
    return LandmarkPoints(
        images,
        landmarks,
        np.stack([x, y], -1),
        np.stack([x_true, y_true], -1),
        np.stack([across[:, 0], down[:, 0]], -1),
    )


def _read(
    path: Path, columns: list[str]
) -> tuple[tuple[str, ...], tuple[str, ...], list[np.ndarray]]:
    """Images, landmarks, and each column as (images, landmarks).

    Raises:
        StoreError: The file is missing or damaged, or names an image and landmark twice.
    """
    import pyarrow.parquet as pq

    names = ["image_id", "landmark"]
    try:
        # One file of a few kilobytes: pandas, threads and reading ahead would cost more than the
        # reading.
        with pq.ParquetFile(path, read_dictionary=names, pre_buffer=False) as file:
            table = file.read(columns=[*names, *columns], use_threads=False)
        images, image = _coded(table.column("image_id"))
        landmarks, landmark = _coded(table.column("landmark"))
        found = [_as_numpy(table.column(name).combine_chunks()) for name in columns]
    except (OSError, ValueError, KeyError) as problem:
        raise StoreError(
            f"cannot read {path} ({problem}): delete its folder and run again"
        ) from problem
    places = image * len(landmarks) + landmark
    if (np.bincount(places) > 1).any():
        raise StoreError(
            f"{path} names an image and landmark twice: delete its folder and run again"
        )
    arrays = []
    for column in found:
        values = np.full(len(images) * len(landmarks), np.nan)
        values[places] = column
        arrays.append(values.reshape(len(images), len(landmarks)))
    return images, landmarks, arrays


def _coded(column: pa.ChunkedArray) -> tuple[tuple[str, ...], np.ndarray]:
    """The distinct names of a column, in order of their first row, and each row's place there."""
    array = column.unify_dictionaries().combine_chunks()
    if array.null_count:
        raise ValueError("a row names no image or no landmark")
    return tuple(str(name) for name in array.dictionary.to_pylist()), _as_numpy(array.indices)


def _as_numpy(array: pa.Array) -> np.ndarray:
    """The values, NaN where there is none; pandas is imported only where that is so."""
    if array.null_count:
        return np.asarray(array.to_numpy(zero_copy_only=False))
    return np.from_dlpack(array)
