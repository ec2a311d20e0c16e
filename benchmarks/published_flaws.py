"""What each flaw of the paper's metric does to the number, on random errors of known size.

    python -m benchmarks.published_flaws --data-root ../shared/data

takes the true landmarks of the public datasets, moves each by a Gaussian of the same width along
both axes of the image, in mm (chest: px at 512), and measures that with our own metric, with the
released one, and with the released one less one flaw at a time. Of datasets of which there is only
a part, the images that are there are used; chest labels are ratios, so that their number does not
depend on the size of the films, which is taken to be 3000 px.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmark.labels.shenzhen import read_ratios
from benchmark.metrics import radial_errors
from benchmark.plugin_specs import PluginSpec
from benchmark.published_metric import FLAWS, Kind, MetricFlaws, published_errors
from benchmark.registry import registry

FILM = 3000.0
REFERENCE = 512
CHEST_LANDMARKS = 6
REPEATS = 20


@dataclass(frozen=True)
class Truth:
    """The true landmarks of a dataset.

    Attributes:
        kind: Which of its datasets the released code takes it for.
        points: (images, landmarks, 2) native px.
        sizes: (images, 2) px.
        spacing: (images, 2) own unit per px.
    """

    kind: Kind
    points: np.ndarray
    sizes: np.ndarray
    spacing: np.ndarray


def indexed(name: str, kind: Kind, root: Path) -> Truth:
    """The images of a public dataset that are there; its test set where that is whole."""
    plugins = registry("dataset")
    spec = PluginSpec(name, (("partial", "true"),))
    options = plugins.options(spec)
    index = plugins.load(name)(options, root / name).index()
    test = index.split("test")
    samples = test if len(test) > 200 else index.samples
    return Truth(
        kind,
        np.stack([s.points for s in samples]),
        np.array([(s.width, s.height) for s in samples], dtype=float),
        np.array([s.spacing for s in samples], dtype=float),
    )


def chests(root: Path) -> Truth:
    """All label files of the chest set, on films of one size."""
    files = sorted((root / "chest" / "labels").glob("CHNCXR_*.txt"))
    points = FILM * np.stack([np.array(read_ratios(file, CHEST_LANDMARKS)) for file in files])
    sizes = np.full((len(points), 2), FILM)
    return Truth("chest", points, sizes, REFERENCE / sizes)


def rows(truth: Truth, widths: list[float]) -> Iterator[list[str]]:
    """A line for each width of the errors: own MRE, published MRE, and without each flaw."""
    random = np.random.default_rng(0)
    many = [np.concatenate([a] * REPEATS) for a in (truth.points, truth.sizes, truth.spacing)]
    points, sizes, spacing = many
    whole = MetricFlaws()
    variants = [whole, *(whole.without(name) for name in FLAWS[truth.kind])]
    for width in widths:
        offset = random.normal(0, width, points.shape) / spacing[:, None]
        predicted = points + offset
        own = radial_errors(predicted, points, spacing).mean()
        measured = [
            published_errors(predicted, points, sizes, spacing, truth.kind, flaws).mean()
            for flaws in variants
        ]
        yield [f"{own:.3f}", *(f"{value:.3f} (x {value / own:.3f})" for value in measured)]


def main() -> None:
    """Print a table a dataset."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data-root", type=Path, required=True, help="of all three datasets")
    root = parser.parse_args().data_root
    found = [indexed("cephalometric", "head", root), indexed("hand", "hand", root), chests(root)]
    for truth, widths in zip(
        found, ([0.4, 0.8, 1.6, 3.2], [0.4, 0.8, 1.6], [2.0, 4.0]), strict=True
    ):
        titles = ["own MRE", "published", *(f"without {name}" for name in FLAWS[truth.kind])]
        print(f"\n{truth.kind}: {len(truth.points)} images, {truth.points.shape[1]} landmarks\n")
        print(f"| {' | '.join(titles)} |\n|{' --: |' * len(titles)}")
        for row in rows(truth, widths):
            print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
