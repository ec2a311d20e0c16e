"""What the paper's grid would take: 3 datasets x 6 methods x 5 numbers of shots x 5 seeds.

    python -m benchmarks.paper_grid --preset paper                     (a large GPU)
    python -m benchmarks.paper_grid --preset quick --device cpu --steps 10

trains each method for a few steps on its network and batch, as a worker would, and so the detector
after it; a step is what the second half of them takes, when kernels are compiled and recorded. That
is multiplied by the steps of the preset. What does not depend on steps is in the table as well: the
first half's surplus, building the network, and the prediction of as many test images as ISBI 2015
has. The start of a worker, reading and writing are not. Datasets are taken to cost alike, and
``imagenet`` to cost what ``scratch`` on its network does. The share of the GPU's peak counts the
operations of the model's own passes (model FLOPs utilisation).
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from benchmark.acceleration import accelerate
from benchmark.accounting import CudaClock, Stopwatch
from benchmark.backbones import parse_backbone
from benchmark.backbones.base import Backbone, Detector
from benchmark.config import Preset, load_preset
from benchmark.devices import autocast, generator, resolve_device, resolve_precision
from benchmark.finetune import Shots, finetune
from benchmark.heatmaps import decode
from benchmark.operations import peak_flops
from benchmark.plugins import Method
from benchmark.progress import Progress
from benchmark.registry import registry
from benchmark.training import Trainer
from benchmark.unlabelled import UnlabelledImages, as_unit_range
from benchmark.weights import initial_backbone
from benchmarks.workload import LANDMARKS, pixels

METHODS = "ddpm,simclr,moco,mocov3,scratch"
DATASETS, SHOTS, SEEDS = 3, 5, 5
POOL, LABELLED, TESTED, TEST_BATCH = 256, 50, 250, 16


@dataclass
class Stage:
    """A training of a few steps.

    Attributes:
        step: Seconds of a step, once everything is compiled and recorded.
        once: Seconds besides.
        utilisation: Of the device's peak, where it is known.
    """

    step: float = 0.0
    once: float = 0.0
    utilisation: float | None = None

    def seconds(self, steps: int) -> float:
        """Of a training of so many steps."""
        return self.once + steps * self.step


@dataclass
class Timekeeper:
    """Notes when which step was done."""

    marks: list[tuple[int, float]] = field(default_factory=list)

    def __call__(self, progress: Progress) -> None:
        """A listener of a training."""
        self.marks.append((progress.step, time.perf_counter()))

    def step(self) -> float:
        """Seconds of a step in the second half."""
        (first, begun), (last, ended) = self.marks[(len(self.marks) - 1) // 2], self.marks[-1]
        return (ended - begun) / (last - first)


@dataclass(frozen=True)
class Row:
    """A method on its network.

    Attributes:
        name: Of both.
        pretraining: Nothing where none is trained.
        finetuning: Of its detector.
        prediction: Seconds for the test images.
        gigabytes: Largest allocation on the GPU.
    """

    name: str
    pretraining: Stage
    finetuning: Stage
    prediction: float
    gigabytes: float

    def grid(self, preset: Preset) -> float:
        """Seconds of all pretrainings and cells, one after the other."""
        cell = self.finetuning.seconds(preset.protocol.steps) + self.prediction
        pretrained = self.pretraining.step > 0
        whole = self.pretraining.seconds(preset.pretraining.steps) if pretrained else 0.0
        return DATASETS * SEEDS * (whole + SHOTS * cell)


class Bench:
    """Trains methods of a preset for a few steps.

    Args:
        preset: Networks, sizes, batches.
        steps: Of every training.
        device: Where.
    """

    def __init__(self, preset: Preset, steps: int, device: torch.device) -> None:
        self.preset, self.steps, self.device = preset, steps, device
        self.precision = resolve_precision(preset.protocol.precision, device)
        self.size = (preset.protocol.image_size, preset.protocol.image_size)
        self.peak = None
        if device.type == "cuda":
            self.peak = peak_flops(torch.cuda.get_device_name(device), self.precision)

    def row(self, name: str) -> Row:
        """Measure a method."""
        plugin = registry("method").load(name)
        text = self.preset.backbones.get(name, self.preset.default_backbone)
        spec = parse_backbone(text, self.preset.backbone_options)
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        begun = time.perf_counter()
        backbone = initial_backbone(spec, 0)
        built = time.perf_counter() - begun
        pretraining = Stage()
        if plugin.trains:
            pretraining = self._pretrain(plugin, copy.deepcopy(backbone).to(self.device))
        finetuning, prediction = self._finetune(backbone.to(self.device))
        pretraining.once += built
        finetuning.once += built
        held = torch.cuda.max_memory_allocated() / 2**30 if self.device.type == "cuda" else 0.0
        return Row(f"{name} on {text}", pretraining, finetuning, prediction, held)

    def _pretrain(self, plugin: type[Method], backbone: Backbone) -> Stage:
        budget, options = self.preset.pretraining, dict(self.preset.method_options)
        asked = dict(options.get(plugin.name, {}))
        for picture in ("samples", "pictures"):
            if picture in plugin.Options.model_fields:
                asked[picture] = 0
        batch = budget.comparison_batch_size if plugin.compares_images else budget.batch_size
        pool = UnlabelledImages(pixels(POOL, self.size), self.device)

        def train(keeper: Timekeeper) -> None:
            accelerate(backbone, self.size, batch, budget.steps)
            with tempfile.TemporaryDirectory() as folder:
                trainer = Trainer(
                    steps=self.steps,
                    batch_size=batch,
                    device=self.device,
                    precision=self.precision,
                    generator=generator(0, self.device),
                    folder=Path(folder),
                    listener=keeper,
                    recordable=plugin.recordable,
                    compares_images=plugin.compares_images,
                )
                plugin(plugin.Options.model_validate(asked)).pretrain(backbone, pool, trainer)

        return self._timed(train)

    def _finetune(self, backbone: Backbone) -> tuple[Stage, float]:
        protocol = self.preset.protocol
        detector = Detector(backbone, LANDMARKS).to(self.device)
        images = torch.from_numpy(pixels(TESTED, self.size)).to(self.device)
        places = torch.rand(LABELLED, LANDMARKS, 2, generator=torch.Generator().manual_seed(0))
        points = (0.1 + 0.8 * places) * self.size[0]
        shots = Shots(images[:LABELLED], points.to(self.device))

        def train(keeper: Timekeeper) -> None:
            accelerate(backbone, self.size, protocol.batch_size, protocol.steps)
            finetune(detector, shots, protocol, steps=self.steps, seed=0, listener=keeper)

        stage = self._timed(train)
        begun = time.perf_counter()
        detector.eval()
        with torch.no_grad(), autocast(self.device, self.precision):
            for chunk in images.split(TEST_BATCH):
                decode(detector(as_unit_range(chunk)).float(), "local", protocol.sigma).cpu()
        return stage, time.perf_counter() - begun

    def _timed(self, train: Callable[[Timekeeper], None]) -> Stage:
        keeper = Timekeeper()
        clock = CudaClock(self.device) if self.device.type == "cuda" else None
        begun = time.perf_counter()
        with Stopwatch(clock, self.peak) as stopwatch:
            train(keeper)
        step = keeper.step()
        once = time.perf_counter() - begun - self.steps * step
        flops = stopwatch.step_flops
        share = flops / step / self.peak if flops and self.peak else None
        return Stage(step, max(0.0, once), share)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def table(rows: Iterable[Row], preset: Preset) -> None:
    """Print a line of Markdown a method, and the sum."""
    titles = ["method", "pretraining step, ms", "of the peak", "once, s"]
    titles += ["fine-tuning step, ms", "of the peak", "once, s", "prediction, s", "GB", "grid, h"]
    print(f"| {' | '.join(titles)} |\n| :--- |{' --: |' * (len(titles) - 1)}")
    whole = 0.0
    for row in rows:
        whole += row.grid(preset)
        cells = [row.name]
        for stage in (row.pretraining, row.finetuning):
            cells += [f"{1e3 * stage.step:.1f}", _share(stage.utilisation), f"{stage.once:.0f}"]
        cells += [f"{row.prediction:.1f}", f"{row.gigabytes:.1f}"]
        print(f"| {' | '.join(cells)} | {row.grid(preset) / 3600:.1f} |", flush=True)
    print(f"\n{whole / 3600:.1f} h, one task after the other.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--steps", type=int, default=20, help="of every training")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    asked = parser.parse_args()
    preset, device = load_preset(asked.preset), resolve_device(asked.device)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    bench = Bench(preset, asked.steps, device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{name}, {str(bench.precision).removeprefix('torch.')}, preset {asked.preset}\n")
    table((bench.row(method) for method in asked.methods.split(",")), preset)


if __name__ == "__main__":
    main()
