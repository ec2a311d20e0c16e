"""How long a run takes that finds everything done: on a plan of about 1,000 cells.

    python -m benchmarks.rerun --folder /tmp/done

plans the grid, writes generated results under the keys of its cells, and times `run` on it in a
process of its own: planning, looking into the store, and the leaderboard. Nothing is trained.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmark.files import write_record
from benchmark.planning import make_plan
from benchmark.requests import run_config
from benchmark.schema import DatasetRecord
from benchmark.store import Store
from benchmarks.report_scale import IMAGES, SPACING, THRESHOLDS, write_cell

ASKED = {
    "methods": "ddpm,denoise,simclr,moco,byol,simsiam,vicreg,barlowtwins,dino,masked",
    "datasets": "phantom-cephalometric,phantom-chest",
    "shots": "5,10,25,50",
}
CELLS_A_SEED = 88
REPEATS = 3


def write_results(folder: Path, cells: int) -> int:
    """Fill a store with results for every cell of the plan; return how many there are."""
    plan = make_plan(run_config(ASKED | {"seeds": round(cells / CELLS_A_SEED), "output": folder}))
    store, rng = Store(folder), np.random.default_rng(0)
    records: dict[str, DatasetRecord] = {}
    for cell in plan.cells:
        dataset = cell.spec.dataset
        if dataset.key not in records:
            records[dataset.key] = _write_dataset(
                store, dataset.key, dataset.fingerprint, dataset.title
            )
        record = records[dataset.key]
        shape = (IMAGES, len(record.landmark_names), 2)
        write_cell(
            store,
            cell.key,
            cell.spec.model_dump(mode="json") | {"preset": "quick"},
            cell.labels,
            record,
            rng.uniform(200, 1800, shape),
            rng.normal(0, 2.0, shape),
        )
    return len(plan.cells)


def _write_dataset(store: Store, key: str, fingerprint: str, name: str) -> DatasetRecord:
    record = DatasetRecord(
        key=key,
        name=name,
        title=name,
        synthetic=True,
        unit="mm",
        thresholds=THRESHOLDS,
        landmark_names=tuple(f"landmark {place}" for place in range(round(1.9 / SPACING))),
        counts={"test": IMAGES},
        working_size=(160, 128),
        fingerprint=fingerprint,
    )
    with store.folder("datasets", key) as folder:
        write_record(folder / "dataset.json", record)
    return record


def main() -> None:
    """Write the results where there are none, run, and print the seconds of each repeat."""
    parser = argparse.ArgumentParser(description="Seconds of a run that finds everything done.")
    parser.add_argument("--folder", type=Path, required=True, help="where the store is written")
    parser.add_argument("--cells", type=int, default=1000, help="about so many cells")
    asked = parser.parse_args()
    if not asked.folder.exists():
        print(f"{write_results(asked.folder, asked.cells)} cells written", flush=True)
    flags = [part for name, value in ASKED.items() for part in (f"--{name}", value)]
    seeds = ["--seeds", str(round(asked.cells / CELLS_A_SEED))]
    command = [sys.executable, "-m", "benchmark", "run", *flags, *seeds, "-o", str(asked.folder)]
    for _ in range(REPEATS):
        started = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - started
        print(f"{seconds:.2f} s: {done.stdout.strip().splitlines()[-1]}")


if __name__ == "__main__":
    main()
