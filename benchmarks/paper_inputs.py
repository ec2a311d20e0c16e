"""The inputs that the paper's code and ours are both measured on."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

NATIVE = (1935, 2400)
"""Width and height of the frame in which the labels of ISBI 2015 are given, px."""

LANDMARKS = 19
AMPLITUDE, BLOB, NOISE = 10.0, 5.0, 0.3
"""Of the heatmaps: a spatial softmax makes a Gaussian of sigma 1.6 px of such a blob, near what we
train for, and half its height is at 5.9 px, the radius of the paper's disks."""


def link_radiographs(data: Path, folder: Path) -> str:
    """Make the layout that the paper's code reads of a folder of ISBI 2015, and say what is there.

    The labels are scaled to the size of the stored images, because the paper's code takes them for
    pixels of these.

    Args:
        data: With ``jpg``, ``400_junior`` and ``400_senior``.
        folder: Is made.
    """
    from PIL import Image

    (folder / "jpg").mkdir(parents=True)
    sizes = []
    for path in sorted((data / "jpg").glob("*.jpg")):
        (folder / "jpg" / path.name).symlink_to(path.resolve())
        with Image.open(path) as image:
            sizes.append(image.size)
        for annotator in ("400_junior", "400_senior"):
            lines = (data / annotator / f"{path.stem}.txt").read_text("utf-8").splitlines()
            points = np.array([line.split(",") for line in lines[:LANDMARKS]], dtype=float)
            _write_labels(folder / annotator, path.stem, points * sizes[-1] / NATIVE)
    width, height = np.median(sizes, axis=0).astype(int)
    return f"{len(sizes)} cephalograms of {width} x {height} px"


def generate_radiographs(folder: Path, count: int = 60, size: int = 512) -> str:
    """Write computed cephalograms in the same layout, and say what is there."""
    from PIL import Image

    from benchmark.registry import registry

    plugin = registry("dataset").load("phantom-cephalometric")
    dataset = plugin(plugin.Options.model_validate({"train": count, "test": 1, "size": size}), None)
    (folder / "jpg").mkdir(parents=True)
    for number, sample in enumerate(dataset.index().split("train"), start=1):
        pixels = Image.fromarray(dataset.read(sample.id))
        pixels.save(folder / "jpg" / f"{number:03d}.jpg", quality=90)
        for annotator in ("400_junior", "400_senior"):
            _write_labels(folder / annotator, f"{number:03d}", sample.points)
    return f"{count} computed cephalograms of {size} x {size} px"


def enlarge_radiographs(folder: Path, count: int, out: Path) -> None:
    """Write the first images at the native size, as they were distributed, and their labels.

    Args:
        folder: In the layout of :func:`link_radiographs`.
        count: Number of images.
        out: Is made, in the same layout.
    """
    from PIL import Image

    (out / "jpg").mkdir(parents=True)
    for path in sorted((folder / "jpg").glob("*.jpg"))[:count]:
        with Image.open(path) as image:
            scale = np.divide(NATIVE, image.size)
            image.convert("L").resize(NATIVE).save(out / "jpg" / path.name, quality=90)
        points = read_labels(folder, path.stem) * scale
        for annotator in ("400_junior", "400_senior"):
            _write_labels(out / annotator, path.stem, points)


def _write_labels(folder: Path, name: str, points: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    lines = [f"{x:.3f},{y:.3f}\n" for x, y in points]
    (folder / f"{name}.txt").write_text("".join(lines), encoding="utf-8")


def read_labels(folder: Path, name: str) -> np.ndarray:
    """(landmarks, 2) px of the stored image: the mean of both annotators."""
    both = [
        np.loadtxt(folder / annotator / f"{name}.txt", delimiter=",")
        for annotator in ("400_junior", "400_senior")
    ]
    return np.asarray(np.mean(both, axis=0))


def prepare_arrays(folder: Path, size: int, out: Path) -> float:
    """Decode and scale every image once, as the harness prepares a dataset.

    Args:
        folder: In the layout of :func:`link_radiographs`.
        size: Side of the square canvas, px.
        out: Gets ``images.npy``, uint8 (images, size, size), and ``points.npy``, working px.

    Returns:
        Seconds an image.
    """
    from benchmark.frames import fit
    from benchmark.images import read_radiograph, scale_to

    paths = sorted((folder / "jpg").glob("*.jpg"))
    images = np.zeros((len(paths), size, size), np.uint8)
    points = []
    started = time.perf_counter()
    for row, path in enumerate(paths):
        pixels = read_radiograph(path)
        frame = fit(pixels.shape[1], pixels.shape[0], (size, size))
        (left, top), (width, height) = frame.offset, frame.content
        images[row, top : top + height, left : left + width] = scale_to(pixels, frame.content)
        points.append(frame.to_working(read_labels(folder, path.stem)))
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "images.npy", images)
    np.save(out / "points.npy", np.stack(points))
    return (time.perf_counter() - started) / len(paths)


def write_heatmaps(folder: Path, count: int, size: int, out: Path) -> None:
    """Write what a good detector might put out for the last images, and the true points.

    Args:
        folder: In the layout of :func:`link_radiographs`.
        count: Number of images.
        size: Side of the heatmaps, px, to which the images are squashed as in the paper.
        out: Gets ``logits.npy``, float32 (count, landmarks, size, size), and ``points.npy``, px.
    """
    from PIL import Image

    random = np.random.default_rng(0)
    truth = []
    for path in sorted((folder / "jpg").glob("*.jpg"))[-count:]:
        with Image.open(path) as image:
            truth.append(read_labels(folder, path.stem) * size / np.array(image.size))
    points = np.stack(truth)
    pixels = np.arange(size, dtype=np.float32)
    along_x, along_y = (
        np.exp(-0.5 * ((pixels - points[..., axis, None]) / BLOB) ** 2) for axis in (0, 1)
    )
    logits = AMPLITUDE * along_y[..., :, None] * along_x[..., None, :]
    logits = logits + NOISE * random.standard_normal(logits.shape, dtype=np.float32)
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "logits.npy", logits.astype(np.float32))
    np.save(out / "points.npy", points)
