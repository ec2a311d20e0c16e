"""What a fine-tuning reaches with its last weights and with averaged ones, with and without views.

    python -m benchmarks.recipe --data-root ../shared/data/cephalometric --views 1,8

One training serves all rows, because averages, views and the limit of the shape do not change it.
The settings are those of ``run --set``; what is shown for a row is what ``run`` gives with
``protocol.weight_average``, ``protocol.views`` and ``protocol.shape_limit`` set so. The predictions
are kept where ``--keep`` names a folder. ``--images rest`` predicts the training and validation
images that are no shots in place of the test images, ``--images rest,test`` both: what the recipe
reaches on images that were labelled as its shots were, and what may be looked at to choose it.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmark.cell import initial_detector, training_ids
from benchmark.devices import settle_cpu_precision
from benchmark.engines.base import Silent
from benchmark.engines.local import LocalEngine
from benchmark.engines.local_settings import local_settings
from benchmark.finetune import finetune, load_shots
from benchmark.grid import CellSpec
from benchmark.inference import maps_of, reader
from benchmark.metrics import radial_errors, summarise
from benchmark.planning import make_plan
from benchmark.precision import settled_precision
from benchmark.prepared import PreparedDataset, load_prepared
from benchmark.protocol import ProtocolConfig
from benchmark.requests import run_config
from benchmark.store import Store
from benchmark.tasks import outstanding
from benchmark.transfer import Transfer
from benchmark.validation import VALIDATIONS

CPU = torch.device("cpu")


def ready(store: Store, asked: argparse.Namespace) -> tuple[CellSpec, PreparedDataset]:
    """The cell of the method, with its dataset prepared and its pretraining in the store.

    Raises:
        SystemExit: A task failed.
    """
    flags = {
        "preset": asked.preset,
        "datasets": asked.dataset,
        "data_roots": tuple(asked.data_root),
        "methods": asked.method,
        "backbones": asked.backbone,
        "shots": str(asked.shots),
        "output": store.root,
    }
    config = run_config(flags | {"seeds": asked.seed + 1}, None, asked.set)
    plan = make_plan(config)
    (cell,) = (
        cell
        for cell in plan.cells
        if (cell.labels.method, cell.labels.seed) == (asked.method, asked.seed)
    )
    alone = replace(plan, cells=(cell,))
    work = outstanding(alone, store, config.preset, processes=1, mend=False, retry="failed")
    before = tuple(task for task in work.tasks if task.kind != "cell")
    outcome = LocalEngine(store, local_settings(1, 1, "cpu"), Silent()).run(before)
    if outcome.failed:
        raise SystemExit(f"error: {outcome.failed[0][1].sentence}")
    return cell.spec, load_prepared(store, cell.spec.dataset.key)


class Rows:
    """Prints a row of Markdown for each set of images, number of views and limit of shape.

    Args:
        data: The dataset.
        spec: The cell.
        images: The rows of the dataset to predict, by the name of their set.
        shots: The rows that are trained on.
        views: Numbers of views.
        limits: Values of ``protocol.shape_limit``.
        keep: Where predictions are kept; None keeps none.
    """

    def __init__(
        self,
        data: PreparedDataset,
        spec: CellSpec,
        images: dict[str, list[int]],
        shots: list[int],
        views: list[int],
        limits: list[float],
        keep: Path | None,
    ) -> None:
        self._data, self._spec, self._views, self._keep = data, spec, views, keep
        self._images, self._shots, self._limits = images, shots, limits
        self._begun = time.monotonic()
        radii = " | ".join(f"SDR {radius:g} %" for radius in data.record.thresholds)
        errors = f"MRE {data.record.unit} | median | P95"
        print(f"| images | weights | views | limit | {errors} | {radii} | after, s |")
        print("| --- " * (8 + len(data.record.thresholds)) + "|", flush=True)

    def __call__(self, weights: str, detector: torch.nn.Module) -> None:
        """Predict the images, and print."""
        for (name, images), views in itertools.product(self._images.items(), self._views):
            for limit, found in self._predicted(detector, images, views).items():
                errors = errors_of(self._data, images, found)
                seconds = time.monotonic() - self._begun
                print(f"| {name} | {weights} | {views} | {limit:g} | {errors} | {seconds:.0f} |")
                if self._keep is not None:
                    self._keep.mkdir(parents=True, exist_ok=True)
                    np.save(self._keep / f"{name}-{weights}-{views}-{limit:g}.npy", found)
                sys.stdout.flush()

    def _predicted(
        self, detector: torch.nn.Module, images: list[int], views: int
    ) -> dict[float, np.ndarray]:
        """Landmarks in native px by limit; the maps are computed once for all."""
        protocols = [
            self._spec.protocol.model_copy(update={"views": views, "shape_limit": limit})
            for limit in self._limits
        ]
        readers = [reader(protocol, self._data, self._shots) for protocol in protocols]
        found = predicted(detector, self._data, images, protocols[0], readers)
        return dict(zip(self._limits, found, strict=True))


def predicted(
    detector: torch.nn.Module,
    data: PreparedDataset,
    images: list[int],
    protocol: ProtocolConfig,
    readers: Sequence[Callable[[torch.Tensor], torch.Tensor]],
) -> list[np.ndarray]:
    """For each reader of maps, the landmarks (images, landmarks, 2) in native px."""
    found: list[list[np.ndarray]] = [[] for _ in readers]
    for chunk, maps in maps_of(detector, data, images, protocol, CPU):
        for read, points in zip(readers, found, strict=True):
            points += [
                data.frames[row].to_native(p.astype(np.float64))
                for row, p in zip(chunk, read(maps).numpy(), strict=True)
            ]
    return [np.stack(points) for points in found]


def errors_of(data: PreparedDataset, images: list[int], found: np.ndarray) -> str:
    """Mean, median and 95th percentile of the error, and the rates, as cells of a row."""
    errors = radial_errors(found, data.points[images], data.spacing[images])
    metrics = summarise(errors, data.record.thresholds)
    rates = " | ".join(f"{percent:.1f}" for percent in metrics.sdr.values())
    return f"{metrics.mre:.3f} | {metrics.median:.3f} | {metrics.p95:.2f} | {rates}"


def last_validation(show: Callable[[], None]) -> Callable[[], float]:
    """A validation that does nothing but to look at the last weights, before they are averaged."""
    done = 0

    def validate() -> float:
        nonlocal done
        done += 1
        if done == VALIDATIONS:
            show()
        # The last weights are always the best, so that they are the ones that stay.
        return -float(done)

    return validate


def main() -> None:
    """Train once, and print a table."""
    parser = command_line()
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(asked.store or Path(folder))
        spec, data = ready(store, asked)
        if spec.finetuning_steps % VALIDATIONS:
            parser.error(
                f"protocol.steps={spec.finetuning_steps}: the weights are looked at {VALIDATIONS} "
                f"times, the last time at the end, so give a multiple of {VALIDATIONS}"
            )
        settle_cpu_precision(getattr(torch, settled_precision(store, threads=1).precision))
        detector = initial_detector(store, spec, len(data.record.landmark_names))
        shots = data.rows_of(training_ids(data, spec))
        print(f"{len(shots)} shots, {spec.dataset.working_size}, {spec.finetuning_steps} steps")
        labelled = [*data.rows("train"), *data.rows("val")]
        rest = [row for row in labelled if row not in shots]
        known = {"test": data.rows("test"), "rest": rest}
        images = {name: known[name] for name in asked.images.split(",")}
        rows = Rows(data, spec, images, shots, asked.views, asked.limits, asked.keep)
        finetune(
            detector,
            load_shots(data, shots, CPU),
            spec.protocol.model_copy(update={"weight_average": asked.average}),
            steps=spec.finetuning_steps,
            seed=spec.seed,
            rate=Transfer.parse(spec.transfer).rate,
            validate=last_validation(lambda: rows("last", detector)),
        )
        if asked.average:
            rows("averaged", detector)


def command_line() -> argparse.ArgumentParser:
    """The options of the script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--dataset", default="cephalometric")
    parser.add_argument("--data-root", action="append", default=[])
    parser.add_argument("--method", default="imagenet")
    parser.add_argument("--backbone", default="timm/tf_efficientnet_lite0")
    parser.add_argument("--shots", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], help="as for `run`")
    parser.add_argument("--views", type=lambda text: [int(n) for n in text.split(",")], default=[1])
    parser.add_argument(
        "--limits", type=lambda text: [float(n) for n in text.split(",")], default=[0.0]
    )
    parser.add_argument(
        "--average", type=float, default=0.99, help="decay of the averaged weights; 0: none"
    )
    parser.add_argument("--images", default="test", help="test, rest, or both with a comma")
    parser.add_argument("--store", type=Path, help="for prepared images and pretrainings")
    parser.add_argument("--keep", type=Path, help="a folder for the predictions")
    return parser


if __name__ == "__main__":
    main()
