"""How much faster several workers finish a grid of equal cells than one does.

    python -m benchmarks.scaling --workers 2 --cells 16
    python -m benchmarks.scaling --workers 2 --cells 8 --device cuda       (two workers of one GPU)

Workers have one thread each, whatever their number. The dataset is prepared and the precision
settled before; a round runs the grid with one worker and with several, each into a store of its
own, and the ratio is taken within it.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmark.engines.base import Silent
from benchmark.engines.local import LocalEngine
from benchmark.engines.local_settings import local_settings
from benchmark.planning import make_plan
from benchmark.requests import run_config
from benchmark.store import Store
from benchmark.tasks import Task, outstanding
from benchmarks.overhead import settle_precision


def planned(store: Store, asked: argparse.Namespace) -> tuple[Task, ...]:
    """Tasks for as many cells of one method as asked for, alike but for their seed."""
    flags = {
        "preset": asked.preset,
        "datasets": asked.dataset,
        "methods": "scratch",
        "shots": "10",
        "seeds": asked.cells,
        "output": store.root,
    }
    plan = make_plan(run_config(flags, None, [f"protocol.steps={asked.steps}"]))
    cells = tuple(cell for cell in plan.cells if cell.labels.method == "scratch")
    return outstanding(
        replace(plan, cells=cells), store, asked.preset, processes=1, mend=False
    ).tasks


def seconds(tasks: tuple[Task, ...], store: Store, workers: int, device: str) -> float:
    """Wall time of the tasks with so many workers.

    Raises:
        SystemExit: A task failed.
    """
    settings = local_settings(workers, threads=1, device=device)
    begun = time.perf_counter()
    outcome = LocalEngine(store, settings, Silent()).run(tasks)
    if outcome.failed:
        raise SystemExit(f"error: {outcome.failed[0][1].sentence}")
    return time.perf_counter() - begun


def main() -> None:
    """Print a line of Markdown a round."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cells", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--steps", type=int, default=20, help="of a cell")
    parser.add_argument("--dataset", default="phantom-cephalometric[train=20,test=20]")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    asked = parser.parse_args()
    print(f"| one worker, s | {asked.workers} workers, s | times as fast |\n| --: | --: | --: |")
    with tempfile.TemporaryDirectory() as folder:
        prepared = Store(Path(folder) / "prepared")
        if asked.device != "cuda":
            settle_precision(prepared)
        preparation = tuple(t for t in planned(prepared, asked) if t.kind == "prepare")
        seconds(preparation, prepared, 1, asked.device)
        for number in range(asked.rounds):
            spent = []
            for workers in (1, asked.workers):
                store = Store(Path(folder) / f"{number}-{workers}")
                shutil.copytree(prepared.root, store.root)
                tasks = planned(store, asked)
                assert len(tasks) == asked.cells
                spent.append(seconds(tasks, store, workers, asked.device))
            print(f"| {spent[0]:.1f} | {spent[1]:.1f} | {spent[0] / spent[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
