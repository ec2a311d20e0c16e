"""Phantoms to train on, and two stores that differ in everything a method must not see."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch

from benchmark.files import file_sha256, write_record
from benchmark.frames import fit
from benchmark.grid import DatasetSpec, PluginChoice
from benchmark.prepared import write_index
from benchmark.records import Sample
from benchmark.registry import registry
from benchmark.schema import DatasetRecord
from benchmark.store import Store
from benchmark.unlabelled import UnlabelledImages

SIDE = 64
POOL = 96
TEST = 8
DATASET = f"phantom-cephalometric[train={POOL},test={TEST},size={SIDE}]"


@functools.cache
def _drawn() -> tuple[np.ndarray, tuple[Sample, ...]]:
    """Pixels uint8 (images, side, side) and samples, the pool first; drawn once a process."""
    dataset = registry("dataset").create(DATASET)
    index = dataset.index()
    samples = (*index.split("train"), *index.split("test"))
    return np.stack([dataset.read(sample.id) for sample in samples]), samples


def pool() -> UnlabelledImages:
    """The unlabelled phantoms, as a method gets them."""
    pixels, _ = _drawn()
    return UnlabelledImages(pixels[:POOL], torch.device("cpu"))


def dataset_spec() -> DatasetSpec:
    """The phantoms as a plan would name them."""
    dataset = registry("dataset").create(DATASET)
    index = dataset.index()
    return DatasetSpec(
        dataset=PluginChoice.of(type(dataset), dataset.options),
        title=index.title,
        fingerprint=index.fingerprint,
        working_size=(SIDE, SIDE),
    )


def twin_stores(folder: Path) -> tuple[Store, Store]:
    """Two stores whose prepared phantoms share the pool's pixels and nothing else.

    In the second one the test images are negatives of others, every landmark lies elsewhere, and
    every image has another id: whatever a method takes from them shows in its weights.
    """
    pixels, samples = _drawn()
    points = np.stack([sample.points for sample in samples])
    ids = [sample.id for sample in samples]
    first, second = Store(folder / "first"), Store(folder / "second")
    _write(first, pixels, points, ids)
    other = pixels.copy()
    other[POOL:] = 255 - pixels[POOL:][::-1]
    _write(second, other, SIDE - 1 - points[::-1], [f"other-{name}" for name in reversed(ids)])
    return first, second


def _write(store: Store, pixels: np.ndarray, points: np.ndarray, ids: list[str]) -> None:
    """A prepared dataset, in the form that ``benchmark.prepared`` reads."""
    spec = dataset_spec()
    index = registry("dataset").create(DATASET).index()
    frame = fit(SIDE, SIDE, spec.working_size)
    rows: list[dict[str, object]] = [
        {
            "id": name,
            "split": "train" if row < POOL else "test",
            "group": "",
            "in_pool": row < POOL,
            "width": SIDE,
            "height": SIDE,
            "spacing": (1.0, 1.0),
            "scale": frame.scale,
            "offset": frame.offset,
            "content": frame.content,
            "attributes": {},
        }
        for row, name in enumerate(ids)
    ]
    with store.folder("datasets", spec.key) as folder:
        np.save(folder / "images.npy", pixels)
        np.save(folder / "points.npy", points)
        write_index(folder / "index.json", rows)
        names = ("images.npy", "points.npy", "index.json")
        record = DatasetRecord(
            key=spec.key,
            name=index.name,
            title=index.title,
            synthetic=True,
            unit=index.unit,
            thresholds=index.thresholds,
            landmark_names=index.landmark_names,
            counts={"train": POOL, "val": 0, "test": len(ids) - POOL, "pool": POOL},
            working_size=spec.working_size,
            fingerprint=spec.fingerprint,
            files={name: file_sha256(folder / name) for name in names},
        )
        write_record(folder / "dataset.json", record)
