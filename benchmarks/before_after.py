"""The errors of every method before and after a change of the code, at the same settings.

    git worktree add ../before COMMIT
    python -m benchmarks.before_after --before ../before --after .

computes one grid with each checkout, in float32 and with few steps, in which a difference of
rounding stays one: in long trainings it grows to that of two seeds, whatever its size. Beside the
errors stand the largest difference of a loss, of all steps of the pretraining and the fine-tuning,
and how far the two predict a landmark apart, in the median. Even a rounding may do much to
single landmarks, where two peaks of a map are equally high. A second seed says what chance does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark.schema import CellRecord
from benchmark.store import Store

GRID = ("--methods", "all", "--seeds", "2")


@dataclass(frozen=True)
class Row:
    """A method's cell of seed 0 in two stores.

    Attributes:
        method: Its name, and that of the network.
        before: MRE in the dataset's unit.
        after: Likewise.
        losses: Largest difference of a loss, as a share of the largest loss of its training.
        apart: Median distance of two predictions of one landmark, px of the original image.
        seeds: The same between the two seeds of the second store.
    """

    method: str
    before: float
    after: float
    losses: float
    apart: float
    seeds: float


def compute(checkout: Path, store: Path, asked: argparse.Namespace) -> Store:
    """Run the grid with the code of a checkout; what it says of failures is passed on.

    A report that fails, as in some older commits, costs nothing here.

    Raises:
        SystemExit: No cell was computed.
    """
    command = [sys.executable, "-m", "benchmark", "run", *GRID, "--datasets", asked.dataset]
    command += ["--shots", "5", "--preset", str(asked.preset.resolve()), "--output", str(store)]
    steps = [f"{stage}.steps={asked.steps}" for stage in ("protocol", "pretraining")]
    for setting in (*steps, f"protocol.image_size={asked.size}"):
        command += ["--set", setting]
    command += ["--set", "protocol.precision=float32", "--threads", "1"]
    command += ["--set", f"pretraining.comparison_batch_size={asked.comparison_batch}"]
    environment = os.environ | {"PYTHONPATH": str(checkout.resolve())}
    done = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"{checkout}: status {done.returncode}: {done.stderr[-2000:]}", file=sys.stderr)
        print("\n".join(line for line in done.stdout.splitlines() if "failed" in line))
    if not any(cell.metrics for cell in Store(store).cells()):
        raise SystemExit(f"error: {checkout}: {done.stdout[-2000:]}")
    return Store(store)


def predictions(store: Store, cell: CellRecord) -> np.ndarray:
    """(images x landmarks, 2) predicted px, by image and landmark."""
    table = pd.read_parquet(store.root / "cells" / cell.key / "predictions.parquet")
    table = table.sort_values(["image_id", "landmark"])
    return table[["x", "y"]].to_numpy()


def losses(store: Store, cell: CellRecord) -> list[np.ndarray]:
    """Loss by step of the fine-tuning, and of the pretraining where one was trained."""
    folders = [store.root / "cells" / cell.key]
    if cell.pretraining_key is not None:
        folders.append(store.root / "pretrained" / cell.pretraining_key)
    kept = [folder / "history.parquet" for folder in folders]
    return [pd.read_parquet(path)["loss"].to_numpy() for path in kept if path.exists()]


def rows(before: Store, after: Store) -> list[Row]:
    """A row a method and network that both stores have, by name."""
    old, new = (
        {
            (f"{c.labels.method} on {c.labels.backbone}", c.labels.seed): (store, c)
            for c in store.cells()
            if c.metrics
        }
        for store in (before, after)
    )
    found = []
    for method in sorted({name for name, seed in old.keys() & new.keys() if seed == 0}):
        (one, first), (other, second) = old[method, 0], new[method, 0]
        shown = predictions(other, second)
        assert first.metrics is not None
        assert second.metrics is not None
        found.append(
            Row(
                method,
                first.metrics.mre,
                second.metrics.mre,
                max(map(_apart, losses(one, first), losses(other, second))),
                _distance(predictions(one, first), shown),
                _distance(predictions(*new[method, 1]), shown),
            )
        )
    return found


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.median(np.linalg.norm(one - other, axis=1)))


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max() / np.abs(one).max())


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--before", type=Path, required=True, help="a checkout")
    parser.add_argument("--after", type=Path, required=True, help="another")
    parser.add_argument("--preset", type=Path, default=Path("tests/conf/tiny.toml"))
    parser.add_argument("--dataset", default="phantom-cephalometric[train=40,test=10,size=80]")
    parser.add_argument("--size", type=int, default=80, help="px; older code takes no 64")
    parser.add_argument("--steps", type=int, default=20)
    # Batch normalisation over a few images that are nearly alike would magnify roundings.
    parser.add_argument("--comparison-batch", type=int, default=16)
    parser.add_argument("--stores", type=Path, help="a folder to keep, in which a run goes on")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stores = [
            compute(checkout, (asked.stores or Path(folder)).resolve() / name, asked)
            for name, checkout in (("before", asked.before), ("after", asked.after))
        ]
        table = rows(*stores)
    print(
        "| method | MRE before | after | losses apart | predictions apart, px | of two seeds, px |"
    )
    print("| :--- | ---: | ---: | ---: | ---: | ---: |")
    for row in table:
        print(
            f"| {row.method} | {row.before:.4f} | {row.after:.4f} | {row.losses:.0e} "
            f"| {row.apart:.1e} | {row.seeds:.2g} |"
        )


if __name__ == "__main__":
    main()
