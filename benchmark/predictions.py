"""The errors of a cell's predictions as an array, read without building a table of them."""

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


def read_errors(path: Path) -> LandmarkErrors:
    """Read the errors of a ``predictions.parquet``, in whatever order its rows are.

    Raises:
        StoreError: The file is missing or damaged, or names an image and landmark twice.
    """
    import pyarrow.parquet as pq

    names = ["image_id", "landmark"]
    try:
        # One file of a few kilobytes: pandas and threads would cost more than the reading.
        with pq.ParquetFile(path, read_dictionary=names) as file:
            table = file.read(columns=[*names, "error"], use_threads=False)
        images, image = _coded(table.column("image_id"))
        landmarks, landmark = _coded(table.column("landmark"))
        error = table.column("error").to_numpy()
    except (OSError, ValueError, KeyError) as problem:
        raise StoreError(
            f"cannot read {path} ({problem}): delete its folder and run again"
        ) from problem
    places = image * len(landmarks) + landmark
    if len(np.unique(places)) != len(places):
        raise StoreError(
            f"{path} names an image and landmark twice: delete its folder and run again"
        )
    values = np.full(len(images) * len(landmarks), np.nan)
    values[places] = error
    return LandmarkErrors(images, landmarks, values.reshape(len(images), len(landmarks)))


def _coded(column: pa.ChunkedArray) -> tuple[tuple[str, ...], np.ndarray]:
    """The distinct names of a column, in order of their first row, and each row's place there."""
    array = column.unify_dictionaries().combine_chunks()
    return tuple(str(name) for name in array.dictionary.to_pylist()), array.indices.to_numpy()
