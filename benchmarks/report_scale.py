"""How long the reports of a large grid take, and how much memory: on generated results.

    python -m benchmarks.report_scale --folder /tmp/large

writes a store of 10,000 cells (4 datasets x 5 numbers of shots x 20 methods x 25 seeds, each with
100 images x 19 landmarks), then renders all reports in a process of its own in which torch cannot
be imported, and prints its wall time and its peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.files import key_of, write_record
from benchmark.schema import (
    CellLabels,
    CellMetrics,
    CellRecord,
    DatasetRecord,
    EnvironmentRecord,
    Floor,
    PretrainingRecord,
    RunRecord,
    Timings,
)
from benchmark.store import Store

DATASETS, SHOTS, METHODS, SEEDS = 4, (1, 5, 10, 25, 50), 20, 25
IMAGES, LANDMARKS, SPACING = 100, 19, 0.1
THRESHOLDS = (2.0, 2.5, 3.0, 4.0)
ENVIRONMENT = "0123456789abcdef"

RENDER = """
import sys, time, resource

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name=name)

sys.meta_path.insert(0, NoTorch())
from pathlib import Path
from rich.console import Console
from benchmark.rendering import write_reports
from benchmark.store import Store
start = time.perf_counter()
for path in write_reports(Store(Path(sys.argv[1])), Console()):
    print(path)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(f"{time.perf_counter() - start:.1f} s, peak {peak / 1024:.0f} MiB")
"""


def write_store(root: Path, cells: int) -> int:
    """Write a store of about ``cells`` cells and return how many there are."""
    store = Store(root)
    store.write_environment(
        EnvironmentRecord(
            id=ENVIRONMENT, python="3.11", platform="generated", cpu="generated", cores=1, threads=1
        )
    )
    seeds = max(1, round(cells / (DATASETS * len(SHOTS) * METHODS)))
    rng = np.random.default_rng(0)
    keys = []
    for number in range(DATASETS):
        dataset = _write_dataset(store, f"generated-{number}")
        truth = rng.uniform(200, 1800, (IMAGES, LANDMARKS, 2))
        hardness = rng.gamma(4.0, 0.25, (IMAGES, 1))
        for method in range(METHODS):
            name = "scratch" if method == 0 else f"method-{method:02d}"
            for seed in range(seeds):
                pretraining = _write_pretraining(store, name, dataset, seed) if method else None
                for shots in SHOTS:
                    scale = 2.0 * (1 - 0.01 * method) * (50 / shots) ** 0.3 * rng.normal(1, 0.05)
                    offsets = rng.normal(0, scale, (IMAGES, LANDMARKS, 2)) * hardness[..., None]
                    labels = CellLabels(
                        dataset=dataset.name,
                        method=name,
                        title=name.title(),
                        backbone="unet",
                        shots=shots,
                        seed=seed,
                        control=method == 0,
                    )
                    spec = _spec(dataset, labels, pretraining)
                    key = key_of(spec)
                    keys.append(
                        write_cell(store, key, spec, labels, dataset, truth, offsets, pretraining)
                    )
    command = ("python", "-m", "benchmark", "run")
    write_record(
        root / "runs" / "generated.json", RunRecord(started="2026", command=command, cells=keys)
    )
    return len(keys)


def _write_dataset(store: Store, name: str) -> DatasetRecord:
    record = DatasetRecord(
        key=key_of(name),
        name=name,
        title=name.title(),
        synthetic=True,
        unit="mm",
        thresholds=THRESHOLDS,
        landmark_names=tuple(f"landmark {place}" for place in range(LANDMARKS)),
        counts={"train": 150, "val": 0, "test": IMAGES, "pool": 150},
        working_size=(256, 256),
        fingerprint=key_of([name]),
    )
    with store.folder("datasets", record.key) as folder:
        write_record(folder / "dataset.json", record)
    return record


def _write_pretraining(store: Store, method: str, dataset: DatasetRecord, seed: int) -> str:
    key = key_of([method, dataset.name, seed])
    record = PretrainingRecord(
        key=key,
        status="done",
        spec={},
        method=method,
        backbone="unet",
        dataset=dataset.name,
        seed=seed,
        steps=400,
        images_seen=6400,
        seconds=100.0,
        environment=ENVIRONMENT,
    )
    with store.folder("pretrained", key) as folder:
        write_record(folder / "pretraining.json", record)
    return key


def _spec(dataset: DatasetRecord, labels: CellLabels, pretraining: str | None) -> dict[str, Any]:
    return {
        "dataset": {"dataset": {"name": dataset.name}, "fingerprint": dataset.fingerprint},
        "method": {"name": labels.method, "version": 1, "options": {}},
        "backbone": {"name": labels.backbone, "options": {}},
        "shots": labels.shots,
        "seed": labels.seed,
        "protocol": {"version": 1, "steps": 200, "learning_rate": 0.002},
        "pretraining": {"steps": 400, "seed": labels.seed} if pretraining else None,
        "preset": "generated",
    }


def write_cell(
    store: Store,
    key: str,
    spec: dict[str, Any],
    labels: CellLabels,
    dataset: DatasetRecord,
    truth: np.ndarray,
    offsets: np.ndarray,
    pretraining: str | None = None,
) -> str:
    """Write a cell as if it had been computed, and return its key.

    Args:
        store: Where.
        key: Of the cell.
        spec: What was computed.
        labels: Its place in the grid.
        dataset: What it was measured on.
        truth: (images, landmarks, 2) true points in px.
        offsets: (images, landmarks, 2) from there to the predictions, in units of 10 px.
        pretraining: The key of its pretraining.
    """
    errors = SPACING * 10 * np.hypot(offsets[..., 0], offsets[..., 1])
    names = dataset.landmark_names
    record = CellRecord(
        key=key,
        status="done",
        spec=spec,
        labels=labels,
        dataset_key=dataset.key,
        pretraining_key=pretraining,
        unit=dataset.unit,
        metrics=CellMetrics(
            mre=float(errors.mean()),
            mre_std=float(errors.std()),
            median=float(np.median(errors)),
            p95=float(np.percentile(errors, 95)),
            sdr={str(t): float(100 * (errors <= t).mean()) for t in THRESHOLDS},
            n_images=IMAGES,
            n_points=errors.size,
            per_landmark=dict(zip(names, errors.mean(0).tolist(), strict=True)),
            mre_px=float(errors.mean() / SPACING),
        ),
        floor=Floor(mre=9.0, sdr={str(t): 5.0 for t in THRESHOLDS}),
        timings=Timings(pretraining_seconds=100.0, finetuning_seconds=60.0),
        parameters=2_500_000,
        steps=200,
        environment=ENVIRONMENT,
    )
    predicted = truth + offsets * 10
    columns = {
        "image_id": np.repeat([f"image-{n:03d}" for n in range(IMAGES)], LANDMARKS),
        "landmark": np.tile(names, IMAGES),
        "x": predicted[..., 0].ravel(),
        "y": predicted[..., 1].ravel(),
        "x_true": truth[..., 0].ravel(),
        "y_true": truth[..., 1].ravel(),
        "error_px": errors.ravel() / SPACING,
        "error": errors.ravel(),
    }
    steps = np.arange(1, 201)
    history = {"step": steps, "loss": 5.0 / np.sqrt(steps), "learning_rate": np.full(200, 1e-3)}
    with store.folder("cells", record.key) as folder:
        pq.write_table(pa.table(columns), folder / "predictions.parquet")
        pq.write_table(pa.table(history), folder / "history.parquet")
        write_record(folder / "cell.json", record)
    return record.key


def main() -> None:
    """Write the store where there is none, render, and print what it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the store is written")
    parser.add_argument("--cells", type=int, default=10_000, help="about so many cells")
    asked = parser.parse_args()
    if not (asked.folder / "runs").exists():
        start = time.perf_counter()
        count = write_store(asked.folder, asked.cells)
        print(f"{count} cells written in {time.perf_counter() - start:.0f} s", flush=True)
    subprocess.run([sys.executable, "-c", RENDER, asked.folder], check=True, env=os.environ)
    page = asked.folder / "report.html"
    print(json.dumps({"report.html, MiB": round(page.stat().st_size / 2**20, 2)}))


if __name__ == "__main__":
    main()
