"""What the test images that show a film of the training or validation set do to a leaderboard.

    python -m benchmarks.without_leaks --output STORE

measures the predictions in a store twice: on all test images, and without those that leak. The
trainings stay as they are: nothing that leaks is in their pool of unlabelled images, unless the
run was told ``--allow-leaks``, but a labelled image may be one of those films. Cells of ``run
--exclude-leaks``, which leaves the test images out before anything is trained, are passed over.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmark.schema import CellRecord
from benchmark.store import Store


def image_means(store: Store, cell: CellRecord, leaking: set[str]) -> tuple[float, float] | None:
    """MRE of a cell's predictions on all test images, and on those that do not leak.

    None where nothing that leaks was tested on.
    """
    errors = store.errors(cell.key)
    stays = np.array([name not in leaking for name in errors.image_ids])
    if stays.all():
        return None
    return float(np.nanmean(errors.values)), float(np.nanmean(errors.values[stays]))


def rows(store: Store) -> Iterator[tuple[str, int, float, float]]:
    """Strategy, shots, and the means over seeds of both numbers."""
    leaking = {record.key: {leak.test_id for leak in record.leaks} for record in store.datasets()}
    found: dict[tuple[str, str, str, int], list[tuple[float, float]]] = defaultdict(list)
    for cell in store.cells():
        if cell.status == "done" and cell.dataset_key in leaking:
            labels = cell.labels
            row = (labels.title, labels.backbone, labels.transfer, labels.shots)
            if means := image_means(store, cell, leaking[cell.dataset_key]):
                found[row].append(means)
    for (title, backbone, transfer, shots), both in sorted(found.items(), key=lambda f: f[0][3]):
        with_leaks, without = np.mean(both, axis=0)
        yield f"{title} on {backbone}, {transfer}", shots, float(with_leaks), float(without)


def main() -> None:
    """Print a table of Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True)
    store = Store(parser.parse_args().output)
    print("| labels | strategy | MRE, all test images | without those that leak | change |")
    print("| --: | --- | --: | --: | --: |")
    for strategy, shots, with_leaks, without in rows(store):
        change = without - with_leaks
        print(f"| {shots} | {strategy} | {with_leaks:.3f} | {without:.3f} | {change:+.3f} |")


if __name__ == "__main__":
    main()
