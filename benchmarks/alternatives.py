"""Ways to train that could be faster, measured against the loop as it is, in turn.

    python -m benchmarks.alternatives --networks 3 --rounds 5

``compiled`` is the network through ``torch.compile``; its warm-up is told apart. ``stacked`` trains
the networks of several seeds in one batch of models (``torch.func.stack_module_state`` and
``vmap``), and is compared with as many steps one after the other. Both say how far their gradients
are from those of the loop. On a GPU each way is there once more, recorded as a CUDA graph.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from benchmark.backbones.base import Detector
from benchmark.devices import autocast, resolve_device, resolve_precision
from benchmark.heatmaps import valid_landmarks
from benchmark.losses import softmax_loss
from benchmark.recording import WARM_UP, Recorded
from benchmark.weights import initial_backbone
from benchmarks.workload import LANDMARKS, SHOTS_BATCH, SIZE, UNET, batch, parsed

Gradients = dict[str, Tensor]
Way = Callable[[], list[Gradients]]


def networks(count: int, backbone: str, device: torch.device) -> list[Detector]:
    """Detectors that differ in their seed."""
    spec = parsed(backbone)
    made = (Detector(initial_backbone(spec, seed), LANDMARKS) for seed in range(count))
    return [network.to(device).train() for network in made]


def one_by_one(models: list[nn.Module], loss: Callable[[Tensor], Tensor], images: Tensor) -> Way:
    """The gradients of each network, one network after the other."""

    def step() -> list[Gradients]:
        found = []
        for model in models:
            model.zero_grad(set_to_none=True)
            loss(model(images)).backward()
            found.append(
                {n: p.grad.detach() for n, p in model.named_parameters() if p.grad is not None}
            )
        return found

    return step


def stacked(models: list[Detector], loss: Callable[[Tensor], Tensor], images: Tensor) -> Way:
    """The same from one pass through all networks at once."""
    parameters, buffers = stack_module_state(list(models))
    skeleton = models[0]

    def of_one(own: Gradients, fixed: Gradients) -> Tensor:
        return loss(functional_call(skeleton, (own, fixed), (images,)))

    at_once = vmap(grad_and_value(of_one))

    def step() -> list[Gradients]:
        gradients, _ = at_once(parameters, buffers)
        return [{n: g[row].detach() for n, g in gradients.items()} for row in range(len(models))]

    return step


def within(way: Way, device: torch.device, precision: torch.dtype) -> Way:
    """A way under autocast."""

    def step() -> list[Gradients]:
        with autocast(device, precision):
            return way()

    return step


def chosen(
    names: str, models: list[Detector], loss: Callable[[Tensor], Tensor], images: Tensor
) -> dict[str, Way]:
    """The loop, and the ways that are asked for beside it."""
    ways = {"the loop": one_by_one(list(models), loss, images)}
    if "compiled" in names:
        compiled: list[Any] = [torch.compile(model) for model in models]
        ways["compiled"] = one_by_one(compiled, loss, images)
    if "stacked" in names:
        ways["stacked"] = stacked(models, loss, images)
    return ways


def apart(one: list[Gradients], other: list[Gradients]) -> float:
    """Largest difference of two gradients, as a share of the largest gradient."""
    largest = max(float(g.abs().max()) for found in one for g in found.values())
    pairs = zip(one, other, strict=True)
    # A compiled network's names have a prefix; the order is the same.
    matched = ((a, b) for f, g in pairs for a, b in zip(f.values(), g.values(), strict=True))
    return max(float((a - b).abs().max()) for a, b in matched) / largest


def seconds(way: Way, device: torch.device) -> float:
    """Wall time of one call."""
    begun = time.perf_counter()
    way()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begun


def main() -> None:
    """Print a line of Markdown a way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--networks", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--backbone", default=UNET)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--ways", default="compiled,stacked", help="beside the loop")
    asked = parser.parse_args()
    device = resolve_device(asked.device)
    precision = resolve_precision("auto", device)
    images, points = batch(SHOTS_BATCH, device)

    def loss(maps: Tensor) -> Tensor:
        return softmax_loss(maps.float(), points, valid_landmarks(points, SIZE))

    models = networks(asked.networks, asked.backbone, device)
    ways = {
        name: within(way, device, precision)
        for name, way in chosen(asked.ways, models, loss, images).items()
    }
    if device.type == "cuda":
        ways |= {f"{name}, recorded": Recorded(way) for name, way in ways.items()}
    warm = {name: seconds(way, device) for name, way in ways.items()}
    for way in list(ways.values()) * WARM_UP:
        way()
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(asked.rounds):
        for name, way in ways.items():
            spent[name].append(seconds(way, device))
    reference = ways["the loop"]()
    reference = [{name: g.clone() for name, g in found.items()} for found in reference]
    differences = {name: apart(reference, way()) for name, way in ways.items()}
    print(f"{asked.backbone}, batch {SHOTS_BATCH}, {asked.networks} networks, {precision}")
    print("| way | first, s | then, s | times as fast | gradients apart |")
    print("| --- | --: | --: | --: | --: |")
    for name, first in warm.items():
        ratios = [a / b for a, b in zip(spent["the loop"], spent[name], strict=True)]
        print(
            f"| {name} | {first:.2f} | {statistics.median(spent[name]):.3f} "
            f"| {statistics.median(ratios):.2f} | {differences[name]:.1e} |"
        )


if __name__ == "__main__":
    main()
