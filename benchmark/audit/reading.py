"""Reading a dataset so that one fault does not hide the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmark.audit.material import Material
from benchmark.dataset_choice import ChosenDataset
from benchmark.errors import BenchmarkError
from benchmark.image_reading import look_at_all
from benchmark.leaks import thumbnail
from benchmark.plugins import LandmarkDataset
from benchmark.records import Sample
from benchmark.refusals import noted_refusals


def read_material(
    chosen: ChosenDataset,
    *,
    plugins: tuple[Path, ...] = (),
    processes: int = 1,
    listener: Callable[[int, int], None] = lambda done, total: None,
) -> Material:
    """Read labels and images; what a run would refuse is noted where it can be gone on with.

    Args:
        chosen: The dataset.
        plugins: Files with plugins, for the reading processes.
        processes: How many may read images.
        listener: Told now and then how many of all images have been looked at.

    Raises:
        BenchmarkError: The labels cannot be read at all; one sentence says why.
    """
    with noted_refusals() as refusals:
        index = chosen.plugin.index()
    total = len(index.samples)
    looks = look_at_all(
        _look,
        index.samples,
        chosen.choice,
        chosen.root,
        plugins=plugins,
        processes=processes,
    )
    thumbnails: dict[str, np.ndarray] = {}
    damaged: dict[str, str] = {}
    for done, (sample, seen) in enumerate(zip(index.samples, looks, strict=True), start=1):
        if isinstance(seen, str):
            damaged[sample.id] = seen
        else:
            thumbnails[sample.id] = seen
        if done % 64 == 0 or done == total:
            listener(done, total)
    return Material(index, thumbnails, damaged, tuple(refusals))


def _look(dataset: LandmarkDataset, sample: Sample) -> np.ndarray | str:
    """The thumbnail of an image, or the sentence that says why there is none."""
    try:
        return thumbnail(dataset.read(sample.id))
    except BenchmarkError as error:
        return str(error)
