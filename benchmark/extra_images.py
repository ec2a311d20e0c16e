"""Unlabelled images of the user's for pretraining: found, checked against tests, prepared."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmark.errors import DataError
from benchmark.files import file_sha256, write_record
from benchmark.fingerprint import DigestCache, file_digest
from benchmark.frames import frame_in
from benchmark.grid import DatasetSpec, ExtraImages, ExtraPoolSpec
from benchmark.image_reading import look_at_all
from benchmark.images import SUFFIXES
from benchmark.images.reading import is_dicom
from benchmark.leaks import find_leaks, thumbnail
from benchmark.plugins import LandmarkDataset
from benchmark.preparation import THUMBNAILS, placed
from benchmark.prepared import PreparedDataset, load_prepared
from benchmark.progress import Listener, Progress, silent
from benchmark.schema import ExtraPool, Leak
from benchmark.store import Store

IMAGES = "images.npy"


def find_extra(folder: Path) -> ExtraImages:
    """The images of a folder and of all folders in it, by their content.

    Names and copies do not count, so a folder may be moved and its files renamed.

    Raises:
        DataError: There is no such folder, no image in it, or one cannot be read.
    """
    return _extra_of(_files_by_digest(folder))


def load_extra(store: Store, key: str) -> np.ndarray:
    """Prepared images: uint8 (images, height, width), memory-mapped.

    Raises:
        FileNotFoundError: They have not been prepared.
    """
    images: np.ndarray = np.load(store.root / "unlabelled" / key / IMAGES, mmap_mode="r")
    return images


def prepare_extra(
    store: Store,
    spec: ExtraPoolSpec,
    root: Path | None,
    folder: Path,
    *,
    plugins: tuple[Path, ...] = (),
    processes: int = 1,
    listener: Listener = silent,
) -> ExtraPool:
    """Write ``unlabelled/<key>/`` of the store; the dataset must have been prepared before.

    An image is dropped where its thumbnail, or every pixel at working size, is that of a test
    image, unless leaks are allowed; and where it is a copy of another of the pool.

    Raises:
        DataError: The folder has changed since the run was planned, an image cannot be read, or
            none is left.
    """
    started = time.monotonic()
    files = _files_by_digest(folder)
    if _extra_of(files) != spec.extra:
        raise DataError(f"{folder}: the images have changed since the run was planned; run again.")
    paths = [files[digest] for digest in sorted(files)]
    dataset = load_prepared(store, spec.dataset.key)
    thumbnails = np.zeros((len(paths), 32, 32), np.uint8)
    with store.folder("unlabelled", spec.key) as target:
        pixels = np.lib.format.open_memmap(
            target / "all.npy", "w+", np.uint8, (len(paths), *spec.dataset.working_size)
        )
        look = partial(
            _working_image,
            canvas=spec.dataset.working_size,
            squash=spec.dataset.frame == "squash",
        )
        looks = look_at_all(
            look, paths, spec.dataset.dataset, root, plugins=plugins, processes=processes
        )
        for row, (pixels[row], thumbnails[row]) in enumerate(looks):
            if row % 8 == 7 or row + 1 == len(paths):
                listener(Progress("prepare", row + 1, len(paths)))
        names = [path.relative_to(folder).as_posix() for path in paths]
        known = _test_thumbnails(store, spec.dataset, dataset, root, plugins)
        leaks = _leaks(dataset, known, names, pixels, thumbnails)
        leaking = set() if spec.dataset.allow_leaks else {leak.pool_id for leak in leaks}
        fresh = _without_copies(pixels, dataset)
        kept = [row for row in fresh if names[row] not in leaking]
        if not kept:
            raise DataError(
                f"{folder}: none of the {len(paths)} images is left for pretraining, as they show "
                "test images or are in the pool already; leave out --unlabelled, or add others."
            )
        _write_rows(target / IMAGES, pixels, kept)
        del pixels
        (target / "all.npy").unlink()
        record = ExtraPool(
            key=spec.key,
            dataset_key=spec.dataset.key,
            found=len(paths),
            kept=len(kept),
            copies=len(paths) - len(set(fresh) | {names.index(name) for name in leaking}),
            leaks=tuple(leaks),
            leaks_allowed=spec.dataset.allow_leaks,
            fingerprint=spec.extra.fingerprint,
            seconds=time.monotonic() - started,
            files={IMAGES: file_sha256(target / IMAGES)},
        )
        write_record(target / "unlabelled.json", record)
    return record


def _files_by_digest(folder: Path) -> dict[str, Path]:
    """One file for each content, by its sha256.

    Raises:
        DataError: There is no such folder, no image in it, or one cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: this is no folder of unlabelled images; correct --unlabelled.")
    cache = DigestCache()
    files: dict[str, Path] = {}
    for path in _image_files(folder):
        files.setdefault(file_digest(path, cache), path)
    cache.save()
    if not files:
        raise DataError(
            f"{folder}: there is no image in the folder ({', '.join(SUFFIXES)}, or DICOM without "
            "ending); correct --unlabelled."
        )
    return files


def _image_files(folder: Path) -> list[Path]:
    """All images by ending, and DICOM files without one; links to folders are not followed."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            known = path.suffix.lower() in SUFFIXES
            if not name.startswith(".") and path.is_file() and (known or is_dicom(path)):
                found.append(path)
    return found


def _extra_of(files: dict[str, Path]) -> ExtraImages:
    text = "\n".join(sorted(files))
    return ExtraImages(
        fingerprint=hashlib.sha256(text.encode()).hexdigest(), extra_images=len(files)
    )


def _working_image(
    dataset: LandmarkDataset, path: Path, *, canvas: tuple[int, int], squash: bool
) -> tuple[np.ndarray, np.ndarray]:
    """A file at working size, and its thumbnail."""
    pixels = dataset.read_file(path)
    height, width = pixels.shape
    frame = frame_in(width, height, canvas, squash=squash)
    return placed(pixels, frame, canvas), thumbnail(pixels)


def _test_thumbnails(
    store: Store,
    spec: DatasetSpec,
    dataset: PreparedDataset,
    root: Path | None,
    plugins: tuple[Path, ...],
) -> np.ndarray:
    """Thumbnails of the test images; read again where an older version has kept none."""
    test = dataset.rows("test")
    path = store.root / "datasets" / spec.key / THUMBNAILS
    if path.exists():
        return np.asarray(np.load(path, mmap_mode="r")[test])
    ids = [dataset.ids[row] for row in test]
    return np.stack(list(look_at_all(_thumbnail, ids, spec.dataset, root, plugins=plugins)))


def _thumbnail(dataset: LandmarkDataset, image_id: str) -> np.ndarray:
    return thumbnail(dataset.read(image_id))


def _leaks(
    dataset: PreparedDataset,
    known: np.ndarray,
    names: Sequence[str],
    pixels: np.ndarray,
    thumbnails: np.ndarray,
) -> list[Leak]:
    """Images that show a test image: alike in their thumbnails, or the same in every pixel.

    Flat images have no detail that could correlate, so they are told by their pixels alone.
    """
    test = dataset.rows("test")
    test_ids = [dataset.ids[row] for row in test]
    found = {
        (leak.pool_id, leak.test_id): leak.correlation
        for leak in find_leaks(names, thumbnails, test_ids, known)
    }
    digests = {_digest(dataset.pixels[row]): dataset.ids[row] for row in test}
    for name, image in zip(names, pixels, strict=True):
        if (test_id := digests.get(_digest(image))) is not None:
            found.setdefault((name, test_id), 1.0)
    return [Leak(pool_id=p, test_id=t, correlation=c) for (p, t), c in found.items()]


def _without_copies(pixels: np.ndarray, dataset: PreparedDataset) -> list[int]:
    """Rows of images that are in no pixel those of the pool or of an earlier row."""
    seen = {_digest(dataset.pixels[row]) for row in np.flatnonzero(dataset.in_pool)}
    rows = []
    for row, image in enumerate(pixels):
        digest = _digest(image)
        if digest not in seen:
            seen.add(digest)
            rows.append(row)
    return rows


def _digest(image: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()


def _write_rows(path: Path, pixels: np.ndarray, rows: Sequence[int]) -> None:
    """Write some images of an array into a file of their own, one at a time."""
    target = np.lib.format.open_memmap(path, "w+", np.uint8, (len(rows), *pixels.shape[1:]))
    for place, row in enumerate(rows):
        target[place] = pixels[row]
    target.flush()
