"""What a training step on a CPU costs where workers keep freed memory, and where glibc decides.

    python -m benchmarks.kept_memory

runs each step in processes of its own, in turn, with one thread, and counts the processor's time
(of the program and of the system), which other work on the machine disturbs less than wall time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

from benchmark.engines.launching import KEPT_MEMORY

STEPS = (
    ("unet[channels=32-32-64-128,layers=1,patch=2]", 160, 128),
    ("timm/tf_efficientnet_lite0", 160, 128),
    ("timm/tf_efficientnet_lite0", 320, 256),
)
BATCH, LANDMARKS = 8, 19


def measure(backbone: str, height: int, width: int, steps: int) -> dict[str, float]:
    """Seconds of the processor and GB of memory that fine-tuning steps take in this process."""
    import torch

    from benchmark.backbones import parse_backbone
    from benchmark.backbones.base import Detector
    from benchmark.environment import peak_memory_mb
    from benchmark.optimiser import Schedule, Update
    from benchmark.weights import initial_backbone

    torch.set_num_threads(1)
    detector = Detector(initial_backbone(parse_backbone(backbone), 0), LANDMARKS).train()
    images = torch.randn(BATCH, 1, height, width, generator=torch.Generator().manual_seed(0))
    update = Update(detector.parameters(), Schedule(steps + 2, 1e-3), torch.device("cpu"))
    for step in range(steps + 2):
        if step == 2:
            begun = os.times()
        update.forget()
        # Of the loss it is enough that every pixel has a gradient.
        detector(images).flatten(2).logsumexp(-1).mean().backward()
        update(step)
    ended = os.times()
    user, system = ended.user - begun.user, ended.system - begun.system
    return {
        "seconds": (user + system) / steps,
        "system": system / steps,
        "gigabytes": peak_memory_mb() / 1000,
    }


def in_another_process(case: tuple[str, int, int], steps: int, kept: bool) -> dict[str, float]:
    """The same in a process that keeps freed memory or does not."""
    variables = {k: v for k, v in os.environ.items() if k not in KEPT_MEMORY}
    variables |= KEPT_MEMORY if kept else {}
    order = json.dumps([*case, steps])
    command = [sys.executable, "-m", "benchmarks.kept_memory", "--order", order]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--order", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.order is not None:
        print(json.dumps(measure(*json.loads(asked.order))))
        return
    print("| step of | size | before, s | system | GB | kept, s | system | GB | times as fast |")
    print("| :-- | :-- | --: | --: | --: | --: | --: | --: | --: |")
    for case in STEPS:
        before, kept = (in_another_process(case, asked.steps, k) for k in (False, True))
        print(
            f"| {case[0]} | {case[1]} x {case[2]} | {before['seconds']:.2f} "
            f"| {before['system']:.2f} | {before['gigabytes']:.2f} "
            f"| {kept['seconds']:.2f} | {kept['system']:.2f} | {kept['gigabytes']:.2f} "
            f"| {before['seconds'] / kept['seconds']:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
