"""What the paper's grid would take: 3 datasets x 6 methods x 5 numbers of shots x 5 seeds.

    python -m benchmarks.paper_grid --preset paper --steps 20          (a large GPU)
    python -m benchmarks.paper_grid --preset quick --device cpu

really runs a part of it, one pretraining and one cell a method with few steps, in a worker as a run
would; a step of each is multiplied by the steps of the preset, and what does not depend on steps is
taken as it is. Datasets are taken to cost alike. On a GPU the table has the share of its peak that
the steps reach (model FLOPs utilisation).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmark.config import load_preset
from benchmark.engines.base import Silent
from benchmark.engines.local import LocalEngine, local_settings
from benchmark.planning import make_plan
from benchmark.requests import run_config
from benchmark.schema import Timings
from benchmark.store import Store
from benchmark.tasks import outstanding
from benchmarks.overhead import Share

METHODS = "ddpm,simclr,moco,mocov3,imagenet,scratch"
DATASETS, SHOTS, SEEDS = 3, 5, 5


@dataclass(frozen=True)
class Row:
    """A method's work, extrapolated to the steps of the preset.

    Attributes:
        method: Its name, and the network.
        pretraining: Seconds of one pretraining; zero where there is none.
        cell: Seconds of one cell.
        pretraining_utilisation: Of the device's peak, where it is known.
        cell_utilisation: Likewise.
    """

    method: str
    pretraining: float
    cell: float
    pretraining_utilisation: float | None
    cell_utilisation: float | None

    @property
    def grid(self) -> float:
        """Seconds of all pretrainings and cells, one after the other."""
        return DATASETS * SEEDS * (self.pretraining + SHOTS * self.cell)


def whole(timings: Timings, measured: int, steps: int) -> float:
    """Seconds of a piece of work of so many steps, from the account of a short one."""
    if not measured:
        return timings.startup_seconds + timings.total_seconds
    share = Share(timings, measured)
    return sum(share.fixed.values()) + steps * share.step


def rows(store: Store, preset: str) -> Iterable[Row]:
    """A row a method of the store; controls too, where the preset has them."""
    full = load_preset(preset)
    pretrainings = {record.key: record for record in store.pretrainings()}
    for cell in store.cells():
        trained = pretrainings.get(cell.pretraining_key or "")
        yield Row(
            f"{cell.labels.method} on {cell.labels.backbone}",
            whole(trained.timings, trained.steps, full.pretraining.steps) if trained else 0.0,
            whole(cell.timings, cell.steps, full.protocol.steps),
            trained.timings.flops_utilisation if trained else None,
            cell.timings.flops_utilisation,
        )


def measure(store: Store, asked: argparse.Namespace) -> None:
    """Run a pretraining and a cell a method, with few steps.

    Raises:
        SystemExit: One failed.
    """
    flags = {
        "preset": asked.preset,
        "datasets": asked.dataset,
        "methods": asked.methods,
        "shots": "10",
        "output": store.root,
    }
    short = [f"protocol.steps={asked.steps}", f"pretraining.steps={asked.steps}"]
    config = run_config(flags, None, short)
    work = outstanding(make_plan(config), store, asked.preset, processes=1, mend=False)
    settings = local_settings(1, asked.threads, asked.device, config.protocol.precision)
    outcome = LocalEngine(store, settings, Silent()).run(work.tasks)
    if outcome.failed:
        raise SystemExit(f"error: {outcome.failed[0][1].sentence}")


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def main() -> None:
    """Print the table and its sum as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--dataset", default="phantom-cephalometric")
    parser.add_argument("--steps", type=int, default=20, help="of the short trainings")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        measure(store, asked)
        table = list(rows(store, asked.preset))
        environment = next(iter(store.environments().values()))
    print(f"{environment.gpu or environment.cpu}, {environment.precision}, preset {asked.preset}\n")
    print("| method | pretraining, s | of the peak | cell, s | of the peak | grid, h |")
    print("| :--- | --: | --: | --: | --: | --: |")
    for row in table:
        print(
            f"| {row.method} | {row.pretraining:.0f} | {_share(row.pretraining_utilisation)} "
            f"| {row.cell:.0f} | {_share(row.cell_utilisation)} | {row.grid / 3600:.1f} |"
        )
    print(f"\n{sum(row.grid for row in table) / 3600:.1f} h on one worker.")


if __name__ == "__main__":
    main()
