"""Steps on a GPU: recorded as a CUDA graph and not, and the DDPM's share of the GPU's peak.

    python -m benchmarks.gpu_steps recorded --steps 60
    python -m benchmarks.gpu_steps ddpm --preset paper --batch 8
    LANDMARK_COMPILE=1 python -m benchmarks.gpu_steps ddpm --preset paper --batch 8

``recorded`` runs the fine-tuning of four networks, and the DDPM's pretraining, with and without the
recording, and says how far their losses lie apart. ``ddpm`` trains the network of a preset on
images of 256 px; operations are those of the model's own passes, over those that the GPU could have
done in the time of a step (model FLOPs utilisation). A step is what the second half takes.
"""

from __future__ import annotations

import argparse
import functools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from benchmark.acceleration import accelerate
from benchmark.accounting import CudaClock, Stopwatch
from benchmark.backbones import parse_backbone
from benchmark.backbones.base import Detector
from benchmark.config import load_preset
from benchmark.devices import generator
from benchmark.finetune import Shots, finetune
from benchmark.operations import peak_flops
from benchmark.protocol import ProtocolConfig
from benchmark.recording import SWITCH
from benchmark.registry import registry
from benchmark.training import Trainer
from benchmark.unlabelled import UnlabelledImages
from benchmark.weights import initial_backbone
from benchmarks.paper_grid import Timekeeper
from benchmarks.workload import LANDMARKS, pixels

DEVICE = torch.device("cuda")
POOL, LABELLED = 128, 50
# Preset of the network's widths, network, height and width, batch.
NETWORKS = (
    ("quick", "unet", (160, 128), 8),
    ("standard", "unet", (256, 256), 8),
    ("quick", "timm/tf_efficientnet_lite0", (320, 256), 8),
    ("paper", "timm/densenet161", (256, 256), 16),
)

Losses = list[float]


def finetuning(preset: str, backbone: str, size: tuple[int, int], batch: int, steps: int) -> Losses:
    """A fine-tuning on images of noise; its losses, and the time of a step as the last number."""
    torch.manual_seed(0)
    spec = parse_backbone(backbone, load_preset(preset).backbone_options)
    detector = Detector(initial_backbone(spec, 0), LANDMARKS).to(DEVICE)
    places = torch.rand(LABELLED, LANDMARKS, 2, generator=torch.Generator().manual_seed(0))
    points = (0.1 + 0.8 * places) * torch.tensor([size[1], size[0]])
    shots = Shots(torch.from_numpy(pixels(LABELLED, size)).to(DEVICE), points.to(DEVICE))
    keeper = Timekeeper()
    protocol = ProtocolConfig(batch_size=batch)
    history = finetune(detector, shots, protocol, steps=steps, seed=0, listener=keeper)
    return [*history.loss, keeper.step()]


def pretraining(
    preset: str, size: tuple[int, int], batch: int, steps: int, recorded: bool
) -> Losses:
    """The same of the DDPM's pretraining on the U-Net of a preset."""
    plugin = registry("method").load("ddpm")
    options = load_preset(preset).method_options.get("ddpm", {}) | {"samples": 0, "pictures": 0}
    spec = parse_backbone("unet", load_preset(preset).backbone_options)
    backbone = initial_backbone(spec, 0).to(DEVICE)
    accelerate(backbone, size, batch, load_preset(preset).pretraining.steps)
    keeper = Timekeeper()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            steps=steps,
            batch_size=batch,
            device=DEVICE,
            precision=torch.bfloat16,
            generator=generator(0, DEVICE),
            folder=Path(folder),
            listener=keeper,
            recordable=recorded,
            compares_images=False,
        )
        pool = UnlabelledImages(pixels(POOL, size), DEVICE)
        plugin(plugin.Options.model_validate(options)).pretrain(backbone, pool, trainer)
    assert trainer.history is not None
    return [*trainer.history.loss, keeper.step()]


def compare(name: str, train: Callable[[bool], Losses]) -> None:
    """Print a line of Markdown: a training launched singly, and recorded."""
    found = {}
    for recorded in (False, True):
        os.environ[SWITCH] = "1" if recorded else "0"
        found[recorded] = train(recorded)
    (*singly, plain), (*replayed, fast) = found[False], found[True]
    apart = max(abs(a - b) / abs(a) for a, b in zip(singly, replayed, strict=True))
    print(f"| {name} | {1e3 * plain:.1f} | {1e3 * fast:.1f} | {plain / fast:.2f} | {apart:.0e} |")


def _finetuning(network: tuple[str, str, tuple[int, int], int, int], _: bool) -> Losses:
    return finetuning(*network)


def recorded(asked: argparse.Namespace) -> None:
    """Every network, recorded and not."""
    print("| training | launched singly, ms | recorded, ms | times as fast | losses apart |")
    print("| :--- | --: | --: | --: | --: |")
    for preset, backbone, size, batch in NETWORKS:
        name = f"fine-tuning, {backbone} of {preset}, {size[0]} x {size[1]} px, batch {batch}"
        network = (preset, backbone, size, batch, asked.steps)
        compare(name, functools.partial(_finetuning, network))
    compare(
        "DDPM, unet of quick, 160 x 128 px, batch 8",
        lambda on: pretraining("quick", (160, 128), 8, asked.steps, on),
    )


def ddpm(asked: argparse.Namespace) -> None:
    """The DDPM's step at 256 px."""
    peak = peak_flops(torch.cuda.get_device_name(DEVICE), torch.bfloat16)
    with Stopwatch(CudaClock(DEVICE), peak) as stopwatch:
        *_, step = pretraining(asked.preset, (256, 256), asked.batch, asked.steps, recorded=True)
    flops = stopwatch.step_flops or 0
    memory = torch.cuda.max_memory_allocated(DEVICE) / 2**30
    kernels = "compiled kernels" if stopwatch.compiled else "torch's own kernels"
    share = f"{flops / step / peak:.1%} of the peak" if peak else "a peak that is not known"
    print(
        f"{torch.cuda.get_device_name(DEVICE)}, preset {asked.preset}, batch {asked.batch}, "
        f"{kernels}: {1e3 * step:.0f} ms a step, {flops / 1e12:.1f} TFLOP, {share}, {memory:.1f} GB"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("recorded", "ddpm"))
    parser.add_argument("--steps", type=int, default=60, help="of every training")
    parser.add_argument("--preset", default="paper", help="of the DDPM's network")
    parser.add_argument("--batch", type=int, default=8, help="of the DDPM")
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        parser.error("this torch sees no GPU")
    (recorded if asked.what == "recorded" else ddpm)(asked)


if __name__ == "__main__":
    main()
