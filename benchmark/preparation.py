"""Preparing a dataset: decode and scale every image once, and keep leaks out of the pool."""

from __future__ import annotations

import dataclasses
import time
from functools import partial
from pathlib import Path

import numpy as np

from benchmark.errors import DataError
from benchmark.files import file_sha256, write_record
from benchmark.fingerprint import without_leaks
from benchmark.frames import Frame, frame_in
from benchmark.grid import DatasetSpec
from benchmark.image_reading import look_at_all, open_plugin
from benchmark.images import scale_to, write_preview
from benchmark.leaks import find_leaks, thumbnail
from benchmark.plugins import LandmarkDataset
from benchmark.prepared import write_index
from benchmark.progress import Listener, Progress, silent
from benchmark.records import DatasetIndex, Sample
from benchmark.schema import DatasetRecord, Leak, Preview
from benchmark.splits import draw
from benchmark.store import Store

THUMBNAILS = "thumbnails.npy"
PREVIEWS = 24
PREVIEW_SIDE = 512


def _working_image(
    dataset: LandmarkDataset, sample: Sample, *, canvas: tuple[int, int], squash: bool
) -> tuple[np.ndarray, np.ndarray, Frame]:
    """The image at working size, the thumbnail for the leak search, and the frame."""
    pixels = dataset.read(sample.id)
    frame = frame_in(sample.width, sample.height, canvas, squash=squash)
    return placed(pixels, frame, canvas), thumbnail(pixels), frame


def placed(pixels: np.ndarray, frame: Frame, canvas: tuple[int, int]) -> np.ndarray:
    """An image in its frame on a black canvas.

    Args:
        pixels: (height, width) uint8, native.
        frame: Where it lies.
        canvas: Height and width of the result.
    """
    working = np.zeros(canvas, np.uint8)
    (left, top), (width, height) = frame.offset, frame.content
    working[top : top + height, left : left + width] = scale_to(pixels, frame.content)
    return working


def prepare(
    store: Store,
    spec: DatasetSpec,
    root: Path | None,
    *,
    plugins: tuple[Path, ...] = (),
    processes: int = 1,
    listener: Listener = silent,
) -> DatasetRecord:
    """Write ``datasets/<key>/`` of the store.

    Raises:
        DataError: An image cannot be read, or no test image is left; one sentence says which.
    """
    started = time.monotonic()
    dataset = open_plugin(spec.dataset, root)
    index = dataset.index()
    pixels, thumbnails, frames = _read_all(
        index, spec, root, plugins=plugins, processes=processes, listener=listener
    )
    leaks = _leaks(index, thumbnails)
    if spec.exclude_leaks:
        index, kept = _without_leaking_tests(index, leaks)
        pixels, thumbnails = pixels[kept], thumbnails[kept]
        frames = [frames[row] for row in kept]
    stays = spec.allow_leaks or spec.exclude_leaks
    kept_out = set() if stays else {leak.pool_id for leak in leaks}
    pool = [s.split != "test" and s.id not in kept_out for s in index.samples]
    with store.folder("datasets", spec.key) as folder:
        np.save(folder / "images.npy", pixels)
        # Means of pixels are whole here; they are asked when further images are checked.
        np.save(folder / THUMBNAILS, thumbnails.astype(np.uint8))
        np.save(folder / "points.npy", np.stack([s.points for s in index.samples]))
        write_index(folder / "index.json", _rows(index, frames, pool))
        _write_previews(folder, dataset, index)
        record = _record(spec, dataset, index, leaks, sum(pool), time.monotonic() - started)
        names = ("images.npy", "points.npy", "index.json")
        record = record.model_copy(
            update={"files": {name: file_sha256(folder / name) for name in names}}
        )
        write_record(folder / "dataset.json", record)
    return record


def _read_all(
    index: DatasetIndex,
    spec: DatasetSpec,
    root: Path | None,
    *,
    plugins: tuple[Path, ...],
    processes: int,
    listener: Listener,
) -> tuple[np.ndarray, np.ndarray, list[Frame]]:
    """All images at working size, their thumbnails and their frames, in the order of the index."""
    count = len(index.samples)
    pixels = np.zeros((count, *spec.working_size), np.uint8)
    thumbnails, frames = [], []
    look = partial(_working_image, canvas=spec.working_size, squash=spec.frame == "squash")
    images = look_at_all(
        look, index.samples, spec.dataset, root, plugins=plugins, processes=processes
    )
    for row, (working, small, frame) in enumerate(images):
        pixels[row] = working
        thumbnails.append(small)
        frames.append(frame)
        if row % 8 == 7 or row + 1 == count:
            listener(Progress("prepare", row + 1, count))
    return pixels, np.stack(thumbnails), frames


def _leaks(index: DatasetIndex, thumbnails: np.ndarray) -> list[Leak]:
    test = [row for row, s in enumerate(index.samples) if s.split == "test"]
    pool = [row for row, s in enumerate(index.samples) if s.split != "test"]
    found = find_leaks(
        [index.samples[row].id for row in pool],
        thumbnails[pool],
        [index.samples[row].id for row in test],
        thumbnails[test],
    )
    return [Leak(pool_id=x.pool_id, test_id=x.test_id, correlation=x.correlation) for x in found]


def _without_leaking_tests(
    index: DatasetIndex, leaks: list[Leak]
) -> tuple[DatasetIndex, list[int]]:
    """The dataset without the test half of every leak, and the rows that are left.

    Raises:
        DataError: No test image is left.
    """
    leaking = {leak.test_id for leak in leaks}
    kept = [row for row, sample in enumerate(index.samples) if sample.id not in leaking]
    samples = tuple(index.samples[row] for row in kept)
    left, tests = sum(sample.split == "test" for sample in samples), len(index.split("test"))
    if not left:
        raise DataError(
            f"{index.name}: all {tests} test images show films of the training or validation set, "
            "so --exclude-leaks leaves nothing to measure; give the films another split."
        )
    fingerprint = without_leaks(index.fingerprint)
    return dataclasses.replace(index, samples=samples, fingerprint=fingerprint), kept


def _rows(index: DatasetIndex, frames: list[Frame], pool: list[bool]) -> list[dict[str, object]]:
    return [
        {
            "id": sample.id,
            "split": sample.split,
            "group": sample.group,
            "in_pool": in_pool,
            "width": sample.width,
            "height": sample.height,
            "spacing": sample.spacing,
            "scale": frame.scale,
            "offset": frame.offset,
            "content": frame.content,
            "attributes": dict(sample.attributes),
        }
        for sample, frame, in_pool in zip(index.samples, frames, pool, strict=True)
    ]


def _write_previews(folder: Path, dataset: LandmarkDataset, index: DatasetIndex) -> None:
    """Small pictures of some test images, chosen by hash, for the gallery of the report."""
    import json

    test = {sample.id: sample for sample in index.split("test")}
    chosen = draw(tuple(test), "previews", 0, min(PREVIEWS, len(test)))
    (folder / "previews").mkdir()
    previews = {}
    for number, name in enumerate(chosen):
        file = f"previews/{number}.png"
        write_preview(dataset.read(name), folder / file, PREVIEW_SIDE)
        sample = test[name]
        previews[name] = Preview(file=file, width=sample.width, height=sample.height).model_dump()
    (folder / "previews.json").write_text(json.dumps(previews), encoding="utf-8")


def _record(
    spec: DatasetSpec,
    dataset: LandmarkDataset,
    index: DatasetIndex,
    leaks: list[Leak],
    pool: int,
    seconds: float,
) -> DatasetRecord:
    return DatasetRecord(
        key=spec.key,
        name=index.name,
        title=index.title,
        synthetic=dataset.synthetic,
        unit=index.unit,
        thresholds=index.thresholds,
        landmark_names=index.landmark_names,
        counts={name: len(index.split(name)) for name in ("train", "val", "test")} | {"pool": pool},
        working_size=spec.working_size,
        annotator_distance=index.annotator_distance(),
        annotators=index.annotator_distances(),
        notes=index.notes,
        spacing_source=index.spacing_source,
        leaks=tuple(leaks),
        leaks_allowed=spec.allow_leaks,
        leaks_excluded=spec.exclude_leaks,
        fingerprint=index.fingerprint,
        citation=dataset.citation,
        licence=dataset.licence,
        options=spec.dataset.options,
        seconds=seconds,
    )
