"""A training step in float32, in bfloat16, and in bfloat16 but for slow depthwise convolutions.

    python -m benchmarks.depthwise --size 320,256

The three take turns, so that other load on the machine slows all alike; times are those of the
processor. ``benchmark/depthwise.py`` says which convolutions are meant.
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import nullcontext

import torch

from benchmark.backbones import parse_backbone
from benchmark.backbones.base import Detector
from benchmark.depthwise import DepthwiseInFloat32
from benchmark.losses import heatmap_loss
from benchmark.weights import initial_backbone

LANDMARKS = 19
WAYS = {"float32": (False, False), "bfloat16": (True, False), "bfloat16, but": (True, True)}


def main() -> None:
    """Print a table as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--backbone", default="timm/tf_efficientnet_lite0")
    parser.add_argument("--size", default="160,128", help="height,width of the images")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    height, width = (int(side) for side in asked.size.split(","))
    detector = Detector(initial_backbone(parse_backbone(asked.backbone), 0), LANDMARKS).train()
    images = torch.rand(asked.batch, 1, height, width) * 2 - 1
    points = torch.rand(asked.batch, LANDMARKS, 2) * torch.tensor([width - 1, height - 1])
    known = torch.ones(asked.batch, LANDMARKS, dtype=torch.bool)
    measure = heatmap_loss("softmax")

    def step(bfloat16: bool, but: bool) -> float:
        begun = time.process_time()
        with (
            torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16),
            DepthwiseInFloat32() if but else nullcontext(),
        ):
            logits = detector(images)
        measure(logits.float(), points, known, 1.5).backward()
        return time.process_time() - begun

    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(asked.rounds + 1):
        for way, switches in WAYS.items():
            took = step(*switches)
            if turn:
                seconds[way].append(took)
    middle = {way: statistics.median(found) for way, found in seconds.items()}
    print("| way | seconds a step | lowest to highest | times as fast as float32 |")
    print("| --- | --: | --- | --: |")
    for way, found in seconds.items():
        spread = f"{min(found):.2f} to {max(found):.2f}"
        print(f"| {way} | {middle[way]:.2f} | {spread} | {middle['float32'] / middle[way]:.2f} |")


if __name__ == "__main__":
    main()
