"""A dataset of phantoms in which every kind of fault that an audit looks for is planted once."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Mapping

import numpy as np

from benchmark.datasets.phantom import PhantomCephalometric, PhantomOptions
from benchmark.errors import DataError
from benchmark.plugins import LandmarkDataset
from benchmark.records import DatasetIndex, Sample

SIZE = 72
TRAIN, TEST = 45, 20

Change = Callable[[np.ndarray, Sample], np.ndarray]


def train(number: int) -> str:
    return f"subject-{2 * number:05d}"


def test(number: int) -> str:
    return f"subject-{2 * number + 1:05d}"


FAULTS: Mapping[str, frozenset[str]] = {
    "copy": frozenset({train(0), train(1)}),
    "leak": frozenset({train(2), test(2)}),
    "patient": frozenset({train(3), test(3)}),
    "outside": frozenset({train(4)}),
    "swapped": frozenset({train(5)}),
    "one-based": frozenset({train(6), train(7)}),
    "ratios": frozenset({train(8)}),
    "mirrored": frozenset({train(9)}),
    "order": frozenset({train(10), train(11)}),
    "outlier": frozenset({train(12)}),
    "spacing": frozenset({train(13), train(14)}),
    "annotators": frozenset({train(15)}),
    "placeholder": frozenset({train(16)}),
    "damaged": frozenset({train(17)}),
    "scale": frozenset({train(18)}),
    "turned": frozenset({train(19)}),
    "copied labels": frozenset({train(20), train(21)}),
    "displaced": frozenset({train(22)}),
}
"""The images of each kind of fault."""


def _outside(points: np.ndarray, sample: Sample) -> np.ndarray:
    return _moved(points, 3, (sample.width + 4.0 - points[..., 3, 0].mean(), 0.0))


def _to_the_border(points: np.ndarray, sample: Sample) -> np.ndarray:
    """The image cut so that a landmark lies in its last column, and counted from one."""
    points = points.round()
    return np.asarray(points + np.array([sample.width - points[..., 0].max(), 0.0]))


def _turned(points: np.ndarray, sample: Sample) -> np.ndarray:
    return np.asarray(np.array([sample.width - 1.0, sample.height - 1.0]) - points)


def _mirrored(points: np.ndarray, sample: Sample) -> np.ndarray:
    return np.stack([sample.width - 1.0 - points[..., 0], points[..., 1]], axis=-1)


def _moved(points: np.ndarray, landmark: int, by: tuple[float, float]) -> np.ndarray:
    points = points.copy()
    points[..., landmark, :] += by
    return points


def _placeholder(points: np.ndarray, sample: Sample) -> np.ndarray:
    points = points.copy()
    points[..., 5, :] = 0.0
    return points


def _exchanged(points: np.ndarray, sample: Sample) -> np.ndarray:
    points = points.copy()
    points[..., [1, 9], :] = points[..., [9, 1], :]
    return points


CHANGES: Mapping[str, Change] = {
    train(4): _outside,
    train(5): lambda points, sample: points[..., ::-1],
    train(6): _to_the_border,
    train(8): lambda points, sample: points / np.array([sample.width, sample.height]),
    train(9): _mirrored,
    train(10): lambda points, sample: points[..., ::-1, :],
    train(11): _exchanged,
    train(12): lambda points, sample: _moved(points, 3, (-5.0, 5.0)),
    train(16): _placeholder,
    train(18): lambda points, sample: points / 4,
    train(19): _turned,
    train(22): lambda points, sample: points * 0.6 + np.array([22.0, 2.0]),
}
"""What is done with the points of an image, by all annotators."""


class Planted(LandmarkDataset):
    """Cephalometric phantoms, two annotators, a patient each; and one fault of every kind."""

    name = "planted"
    title = "Planted faults"
    citation = "none"
    licence = "none"
    synthetic = True
    needs_root = False

    def _phantoms(self) -> PhantomCephalometric:
        return PhantomCephalometric(PhantomOptions(train=TRAIN, test=TEST, size=SIZE))

    def index(self) -> DatasetIndex:
        """The phantoms' own index with two annotators, then the faults."""
        index = self._phantoms().index()
        samples = {sample.id: _annotated(sample) for sample in index.samples}
        for name, change in CHANGES.items():
            sample = samples[name]
            assert sample.annotators is not None
            annotators = change(sample.annotators, sample)
            samples[name] = dataclasses.replace(
                sample, annotators=annotators, points=annotators.mean(axis=0)
            )
        _of_single_annotators(samples)
        samples[test(3)] = dataclasses.replace(samples[test(3)], group=samples[train(3)].group)
        for name, factor in ((train(13), 2.0), (train(14), 20.0)):
            spacing = (samples[name].spacing[0] * factor, samples[name].spacing[1] * factor)
            samples[name] = dataclasses.replace(samples[name], spacing=spacing)
        samples[train(21)] = dataclasses.replace(
            samples[train(21)], annotators=samples[train(20)].annotators
        )
        return dataclasses.replace(
            index,
            name=self.name,
            samples=tuple(samples.values()),
            annotator_names=("senior", "junior"),
        )

    def read(self, image_id: str) -> np.ndarray:
        """The phantom, or a copy of another one, mirrored or damaged where that is planted."""
        phantoms = self._phantoms()
        if image_id == train(17):
            raise DataError(f"{image_id}.png: the image is truncated or damaged; fetch it again.")
        if image_id == train(1):
            return _recompressed(phantoms.read(train(0)), (SIZE, SIZE))
        if image_id == test(2):
            return _recompressed(phantoms.read(train(2)), (SIZE * 3 // 2, SIZE * 3 // 2))
        pixels = phantoms.read(image_id)
        return pixels[:, ::-1] if image_id == train(9) else pixels


def _annotated(sample: Sample) -> Sample:
    """With two annotators who differ by half a pixel or so, and a patient of its own."""
    generator = np.random.default_rng(int(sample.id.removeprefix("subject-")))
    apart = generator.normal(0.0, 0.3, (2, *sample.points.shape))
    annotators = sample.points + apart
    return dataclasses.replace(
        sample, annotators=annotators, points=annotators.mean(axis=0), group=f"patient {sample.id}"
    )


def _of_single_annotators(samples: dict[str, Sample]) -> None:
    """The junior counts from one in one image, and misses a landmark in another."""
    for name in (train(7), train(15)):
        annotators = samples[name].annotators
        assert annotators is not None
        senior, junior = annotators
        changed = senior + 1.0 if name == train(7) else _moved(junior, 9, (-7.0, -3.0))
        samples[name] = dataclasses.replace(samples[name], annotators=np.stack([senior, changed]))


def _recompressed(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS).save(file, "JPEG", quality=60)
    return np.array(Image.open(file))
