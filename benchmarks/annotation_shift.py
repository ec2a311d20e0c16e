"""How much of the error on ISBI 2015 is a change of convention between its parts.

    python -m benchmarks.annotation_shift --data-root DIR [--predictions kept/last-1.npy ...]

The first table needs the labels alone: how far the senior annotator set each landmark from where
the junior one set it, as the median over the images of a part. Where that changes from the
training images to a test set, at least one of the two has changed what they mean by the landmark.
The second takes predictions that ``benchmarks.recipe --keep`` has written and measures them twice:
as they are, and less the median offset of each landmark in the test set. The latter looks at the
truth and is no result; it tells what part of the error is the same in all images.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from benchmark.plugin_specs import PluginSpec
from benchmark.records import DatasetIndex, Sample
from benchmark.registry import registry

MM = 0.1
"""A native px."""

PARTS = {"train": (1, 150), "test 1": (151, 300), "test 2": (301, 400)}
"""The challenge's training set and its two test sets, by the images' numbers."""

RADIUS = 2.0
"""Of the SDR, in mm."""

WORTH_A_ROW = 1.0
"""Landmarks whose offset changes by less, in mm, are left out."""


def index(root: Path) -> DatasetIndex:
    """The dataset, with both annotations of every image."""
    plugins = registry("dataset")
    return plugins.load("cephalometric")(
        plugins.options(PluginSpec("cephalometric", ())), root
    ).index()


def by_part(samples: tuple[Sample, ...]) -> dict[str, np.ndarray]:
    """By part, the places of its images among the samples; parts without any are left out."""
    numbers = np.array([int(sample.id) for sample in samples])
    found = {
        part: np.flatnonzero((numbers >= first) & (numbers <= last))
        for part, (first, last) in PARTS.items()
    }
    return {part: rows for part, rows in found.items() if len(rows)}


def annotator_offsets(samples: tuple[Sample, ...]) -> dict[str, np.ndarray]:
    """By part, (landmarks, 2) the median of senior minus junior in mm."""
    both = np.stack([sample.annotators for sample in samples if sample.annotators is not None])
    offsets = MM * (both[:, 0] - both[:, 1])
    return {part: np.median(offsets[rows], 0) for part, rows in by_part(samples).items()}


def changed(offsets: Mapping[str, np.ndarray]) -> Iterator[tuple[int, list[np.ndarray]]]:
    """The landmarks whose offset in some part is not that of the training images, and it in all."""
    parts = list(offsets.values())
    furthest = np.max([np.linalg.norm(part - parts[0], axis=-1) for part in parts], axis=0)
    for landmark in np.flatnonzero(furthest >= WORTH_A_ROW):
        yield int(landmark), [part[landmark] for part in parts]


def measured(errors: np.ndarray) -> str:
    """MRE, median and SDR of (images, landmarks, 2) offsets in mm, as cells of a row."""
    radial = np.linalg.norm(errors, axis=-1)
    within = 100 * (radial <= RADIUS).mean()
    return f"{radial.mean():.3f} | {np.median(radial):.3f} | {within:.1f}"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--predictions", type=Path, nargs="*", default=[])
    asked = parser.parse_args()
    dataset = index(asked.data_root)
    offsets = annotator_offsets(dataset.samples)
    print(f"| landmark | {' | '.join(f'{part}, x y mm' for part in offsets)} |")
    print(f"| --- {'| --: ' * len(offsets)}|")
    for landmark, values in changed(offsets):
        told = " | ".join(f"{x:+.1f} {y:+.1f}" for x, y in values)
        print(f"| {landmark + 1}, {dataset.landmark_names[landmark]} | {told} |")
    test = dataset.split("test")
    truth = np.stack([sample.points for sample in test])
    if asked.predictions:
        print(
            "\n| predictions | images | MRE mm | median | SDR 2 % | less offsets: MRE mm ", end=""
        )
        print("| median | SDR 2 % |\n| --- | --- | --: | --: | --: | --: | --: | --: |")
    for file in asked.predictions:
        errors = MM * (np.load(file) - truth)
        parts = by_part(test)
        centred = errors.copy()
        for rows in parts.values():
            centred[rows] -= np.median(errors[rows], 0)
        for part, rows in {**parts, "both": np.arange(len(test))}.items():
            print(
                f"| {file.stem} | {part} | {measured(errors[rows])} | {measured(centred[rows])} |"
            )


if __name__ == "__main__":
    main()
