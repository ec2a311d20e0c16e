"""How much of a cell's wall time trains no network, at the full length of a preset.

    python -m benchmarks.overhead --preset standard --steps 20

runs one cell of phantoms in a worker process, as a run would, but with few steps, and extrapolates:
what does not depend on the steps (the start of the worker, reading, building, evaluation, writing)
is taken as it is, and what a step takes is multiplied by the steps of the preset. The first step
is slower than others, so that fewer than twenty make the overhead look smaller than it is. The
dataset is prepared before; all cells of a run share that.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.accounting import STAGES, TRAINING
from benchmark.config import load_preset
from benchmark.engines.base import Silent
from benchmark.engines.local import LocalEngine
from benchmark.engines.local_settings import local_settings
from benchmark.planning import make_plan
from benchmark.requests import run_config
from benchmark.schema import CellRecord, Timings
from benchmark.store import Store
from benchmark.tasks import outstanding

COLUMNS = ("preset", "network", "precision", "images/s", "step, ms", "of it overhead, ms")


@dataclass(frozen=True)
class Share:
    """The overhead of a cell of any length, from the account of a short one.

    Attributes:
        timings: Of the short cell.
        steps: Its steps.
    """

    timings: Timings
    steps: int

    def seconds(self, stage: str) -> float:
        """Of a stage of the short cell."""
        return float(getattr(self.timings, f"{stage}_seconds"))

    @property
    def step(self) -> float:
        """Seconds of a step, all in all."""
        return sum(self.seconds(stage) for stage in TRAINING) / self.steps

    @property
    def network(self) -> float:
        """Seconds of a step in which the network is trained."""
        return self.timings.network_seconds / self.steps

    @property
    def fixed(self) -> dict[str, float]:
        """Seconds by what takes them, however many steps there are."""
        rest = [stage for stage in (*STAGES, "other") if stage not in TRAINING]
        return {"startup": self.timings.startup_seconds} | {s: self.seconds(s) for s in rest}

    def of(self, steps: int) -> float:
        """The overhead of a cell of so many steps, as a share of its wall time."""
        whole = sum(self.fixed.values()) + steps * self.step
        return 1 - steps * self.network / whole


def short_cell(
    folder: Path, preset: str, dataset: str, steps: int, backbone: str | None, device: str
) -> CellRecord:
    """Prepare a dataset, and run the first cell of ``scratch`` on it in a worker of one thread."""
    flags = {"preset": preset, "datasets": dataset, "methods": "scratch", "shots": "10"}
    if backbone is not None:
        flags["backbones"] = backbone
    config = run_config(flags, None, [f"protocol.steps={steps}"])
    plan = make_plan(config)
    cell = next(c for c in plan.cells if c.labels.method == "scratch")
    store = Store(folder)
    work = outstanding(replace(plan, cells=(cell,)), store, preset, processes=1, mend=False)
    settings = local_settings(1, 1, device, config.protocol.precision)
    if device != "cuda":
        settle_precision(store)
    outcome = LocalEngine(store, settings, Silent()).run(work.tasks)
    if outcome.failed:
        raise SystemExit(f"error: {outcome.failed[0][1].sentence}")
    record = store.cell(cell.key)
    assert record is not None
    return record


def settle_precision(store: Store) -> None:
    """Measured once a store, so that it is no part of a cell."""
    import torch

    from benchmark.precision import settled_precision

    torch.set_num_threads(1)
    settled_precision(store, threads=1)


def main() -> None:
    """Print the account of the cell, and a line of Markdown with what follows from it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--steps", type=int, default=20, help="of the shortened cell")
    parser.add_argument("--dataset", default="phantom-cephalometric")
    parser.add_argument("--backbone", help="another than the preset's")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        record = short_cell(
            Path(folder), asked.preset, asked.dataset, asked.steps, asked.backbone, asked.device
        )
        environment = Store(Path(folder)).environments()[record.environment]
    share, full = Share(record.timings, asked.steps), load_preset(asked.preset).protocol.steps
    fixed = {name: seconds for name, seconds in share.fixed.items() if seconds >= 0.05}
    print(f"{environment.gpu or environment.cpu}, {environment.threads} thread")
    titles = [*COLUMNS, *(f"{name}, s" for name in fixed), f"overhead at {full} steps"]
    images = record.timings.images_per_second
    values = [
        asked.preset,
        record.labels.backbone,
        environment.precision,
        f"{images:.1f}" if images else "",
        f"{1e3 * share.step:.0f}",
        f"{1e3 * (share.step - share.network):.1f}",
        *(f"{seconds:.1f}" for seconds in fixed.values()),
        f"{share.of(full):.1%}",
    ]
    for cells in (titles, ["---"] * len(titles), values):
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
