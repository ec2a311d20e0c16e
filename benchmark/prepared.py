"""A prepared dataset: every image once, decoded and scaled, beside its landmarks and frame."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.frames import Frame
from benchmark.records import Split
from benchmark.schema import DatasetRecord
from benchmark.store import Store


@dataclass(frozen=True, eq=False)
class PreparedDataset:
    """What a cell reads: no plugin and no user's file, only the store.

    Attributes:
        record: Names, unit, thresholds, counts and leaks.
        pixels: uint8 (images, height, width), memory-mapped.
        points: (images, landmarks, 2) ground truth in native px, NaN where missing.
        ids: By image, as all the following.
        splits: The split.
        groups: The patient; empty where unknown.
        in_pool: Whether pretraining may see the image.
        sizes: (images, 2) native width and height, px.
        spacing: (images, 2) unit per native px along x and y.
        frames: Where the native image lies in the working one.
        attributes: By name, what is known of the subjects besides landmarks; NaN where unknown.
            They serve :mod:`benchmark.probing` alone: no method is given this object.
    """

    record: DatasetRecord
    pixels: np.ndarray
    points: np.ndarray
    ids: tuple[str, ...]
    splits: tuple[Split, ...]
    groups: tuple[str, ...]
    in_pool: np.ndarray
    sizes: np.ndarray
    spacing: np.ndarray
    frames: tuple[Frame, ...]
    attributes: Mapping[str, np.ndarray]

    def rows(self, split: Split) -> list[int]:
        """Indices of the images of a split."""
        return [row for row, name in enumerate(self.splits) if name == split]

    def rows_of(self, ids: tuple[str, ...]) -> list[int]:
        """Indices of the images with these ids, in their order."""
        place = {name: row for row, name in enumerate(self.ids)}
        return [place[name] for name in ids]

    def working_points(self, rows: list[int], *, whole: bool = False) -> np.ndarray:
        """(rows, landmarks, 2) ground truth in working px.

        Args:
            rows: Indices of the images.
            whole: Whether landmarks are rounded to whole px, counted from the corner of the image
                and not from the centre of its first pixel, as the paper's released code does.
        """
        points = {row: self.points[row] for row in rows}
        if whole:
            scales = {row: np.asarray(self.frames[row].scale) for row in rows}
            points = {row: np.rint(p * scales[row]) / scales[row] for row, p in points.items()}
        return np.stack([self.frames[row].to_working(points[row]) for row in rows])


def load_prepared(store: Store, key: str) -> PreparedDataset:
    """Open a prepared dataset of the store.

    Raises:
        StoreError: Its record cannot be read.
        FileNotFoundError: It has not been prepared.
    """
    folder = store.root / "datasets" / key
    record = store.dataset(key)
    if record is None:
        raise FileNotFoundError(folder)
    rows = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    return PreparedDataset(
        record=record,
        pixels=np.load(folder / "images.npy", mmap_mode="r"),
        points=np.load(folder / "points.npy"),
        ids=tuple(row["id"] for row in rows),
        splits=tuple(row["split"] for row in rows),
        groups=tuple(row["group"] for row in rows),
        in_pool=np.array([row["in_pool"] for row in rows], dtype=bool),
        sizes=np.array([(row["width"], row["height"]) for row in rows], dtype=np.float64),
        spacing=np.array([row["spacing"] for row in rows], dtype=np.float64),
        frames=tuple(
            Frame(tuple(row["scale"]), tuple(row["offset"]), tuple(row["content"])) for row in rows
        ),
        attributes=_attributes(rows),
    )


def _attributes(rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """One float64 array (images,) a name; a store of an older version knows none."""
    known = [row.get("attributes", {}) for row in rows]
    names = sorted({name for attributes in known for name in attributes})
    return {
        name: np.array([a.get(name, np.nan) for a in known], dtype=np.float64) for name in names
    }


def write_index(path: Path, rows: list[dict[str, object]]) -> None:
    """Write the rows that :func:`load_prepared` reads."""
    path.write_text(json.dumps(rows, separators=(",", ":")), encoding="utf-8")
