"""What is measured of this project beside the paper's code: the functions that a run calls."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.config import load_preset
from benchmark.protocol import AugmentationConfig, ProtocolConfig
from benchmarks.turns import Turns

if TYPE_CHECKING:
    import torch

    from benchmark.backbones import BackboneSpec
    from benchmark.backbones.base import Backbone
    from benchmark.progress import Listener

LANDMARKS = 19
WITHIN = 0.02
"""Largest relative difference of numbers of parameters that are called equal."""

TURN_SECONDS = 1.0
ENDLESS = 10**6

_OFF = (
    *("elastic", "gamma", "contrast", "brightness", "blur", "noise_probability"),
    *("scatter_probability", "blur_probability", "collimation_probability"),
)
AUGMENTATIONS: Mapping[str, AugmentationConfig] = {
    "own": AugmentationConfig(),
    "as the paper's": AugmentationConfig.model_validate(
        dict.fromkeys(_OFF, 0) | {"rotation": 2, "shift": 0.02, "scale": 0.02}
    ),
}
"""The harness's own, and the strengths of the paper's: only turned, shifted and scaled."""


def finetuning_batches(
    turns: Turns, *, arrays: str, batch: int, shots: int, augmentation: str
) -> None:
    """Batches of augmented shots with a target heatmap for each landmark.

    The harness's loss needs no heatmaps; they are made here because the paper's loader makes them.
    """
    import torch

    from benchmark.augment import Augmentation
    from benchmark.heatmaps import gaussian_target
    from benchmark.unlabelled import as_unit_range

    # In memory as uint8, as the harness keeps its shots.
    stored = np.load(Path(arrays) / "images.npy", mmap_mode="r")[:shots]
    pixels = torch.from_numpy(np.ascontiguousarray(stored))
    points = torch.from_numpy(np.load(Path(arrays) / "points.npy")[:shots]).float()
    random = torch.Generator().manual_seed(0)
    augment = Augmentation(AUGMENTATIONS[augmentation])
    size = (stored.shape[1], stored.shape[2])
    turns.ready()
    while True:
        turns.begin()
        done = 0
        while turns.elapsed() < TURN_SECONDS:
            for rows in torch.randperm(len(pixels), generator=random).split(batch):
                images, moved = augment(as_unit_range(pixels[rows]), points[rows], random)
                batch_made = (images, gaussian_target(moved, size))
                done += len(batch_made[0])
        turns.done(done)


def pretraining_batches(turns: Turns, *, arrays: str, batch: int, augmentation: str | None) -> None:
    """Batches of the pool; None: as the harness's DDPM gets them, not augmented."""
    import torch

    from benchmark.augment import Augmentation
    from benchmark.unlabelled import UnlabelledImages

    stored = np.load(Path(arrays) / "images.npy", mmap_mode="r")
    random = torch.Generator().manual_seed(0)
    batches = UnlabelledImages(stored, torch.device("cpu")).batches(batch, random)
    augment = Augmentation(AUGMENTATIONS[augmentation]) if augmentation is not None else None
    nowhere = torch.full((batch, 1, 2), torch.nan)
    turns.ready()
    while True:
        turns.begin()
        done = 0
        while turns.elapsed() < TURN_SECONDS:
            images = next(batches)
            if augment is not None:
                images, _ = augment(images, nowhere, random)
            done += len(images)
        turns.done(done)


def decoding(turns: Turns, *, inputs: str, decoder: str, repeat: int) -> None:
    """Points and accuracy from heatmaps, as a cell evaluates its test images.

    Args:
        turns: The turns.
        inputs: The folder that :func:`benchmarks.paper_inputs.write_heatmaps` wrote.
        decoder: Of the harness's decoders.
        repeat: How often the images are gone through in a turn.
    """
    import torch

    from benchmark.frames import Frame
    from benchmark.heatmaps import decode
    from benchmark.inference import EVALUATION_BATCH
    from benchmark.metrics import radial_errors, summarise
    from benchmarks.paper_inputs import NATIVE

    logits = torch.from_numpy(np.load(Path(inputs) / "logits.npy"))
    points = np.load(Path(inputs) / "points.npy")
    height, width = logits.shape[2:]
    frame = Frame((width / NATIVE[0], height / NATIVE[1]), (0, 0), (width, height))
    truth = np.concatenate([frame.to_native(points)] * repeat)
    turns.ready()
    while True:
        turns.begin()
        found = []
        for _ in range(repeat):
            for chunk in logits.split(EVALUATION_BATCH):
                decoded = decode(chunk, decoder).numpy().astype(np.float64)
                found += [frame.to_native(one) for one in decoded]
        errors = radial_errors(np.stack(found), truth, (0.1, 0.1))
        turns.done(len(found), mre=summarise(errors, (2.0, 2.5, 3.0, 4.0)).mre)


def pretraining_step(
    turns: Turns,
    *,
    preset: str,
    parameters: int,
    size: int,
    batch: int,
    precision: str,
    threads: int,
    store: str,
) -> None:
    """Steps of the harness's DDPM in its own training loop.

    Args:
        turns: The turns.
        preset: Whose network it is, its widths scaled.
        parameters: As many as the paper's network has.
        size: Side of the images, px.
        batch: Images a step.
        precision: As in the protocol.
        threads: Threads of this process.
        store: Where the choice of precision is kept.
    """
    import torch

    from benchmark.backbones import build
    from benchmark.registry import registry
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages

    dtype = _settle(precision, threads, store)
    backbone = build(backbone_of_size(preset, parameters))
    plugin = registry("method").load("ddpm")
    method: Any = plugin(plugin.Options.model_validate({"samples": 0, "pictures": 0}))
    pool = UnlabelledImages(_noise(4 * batch, size), torch.device("cpu"))
    trainer = Trainer(
        steps=ENDLESS,
        batch_size=batch,
        device=torch.device("cpu"),
        precision=dtype,
        generator=torch.Generator().manual_seed(0),
        folder=Path(store),
        listener=_in_turns(turns),
    )
    turns.ready(**_facts(backbone, dtype))
    turns.begin()
    method.pretrain(backbone, pool, trainer)


def finetuning_step(
    turns: Turns,
    *,
    preset: str,
    parameters: int,
    size: int,
    batch: int,
    precision: str,
    threads: int,
    store: str,
) -> None:
    """Steps of the harness's fine-tuning, augmentation included; as :func:`pretraining_step`."""
    import torch

    from benchmark.backbones import build
    from benchmark.backbones.base import Detector
    from benchmark.finetune import Shots, finetune

    dtype = _settle(precision, threads, store)
    detector = Detector(build(backbone_of_size(preset, parameters)), LANDMARKS)
    random = torch.Generator().manual_seed(0)
    points = (0.1 + 0.8 * torch.rand(4 * batch, LANDMARKS, 2, generator=random)) * size
    shots = Shots(torch.from_numpy(_noise(4 * batch, size)), points)
    protocol = ProtocolConfig.model_validate({"batch_size": batch, "precision": precision})
    turns.ready(**_facts(detector, dtype))
    turns.begin()
    finetune(detector, shots, protocol, steps=ENDLESS, seed=0, listener=_in_turns(turns))


def backbone_of_size(preset: str, parameters: int) -> BackboneSpec:
    """The U-Net of a preset with all its widths scaled, so that it has as many parameters.

    Raises:
        ValueError: No such network has within 2 % as many.
    """
    from benchmark.backbones.options import UNetOptions

    options = UNetOptions.model_validate(load_preset(preset).backbone_options["unet"])
    candidates = [
        _scaled(options, narrowest)
        for narrowest in range(options.groups, 16 * options.groups + 1, options.groups)
    ]
    sizes = [_parameters_of(spec) for spec in candidates]
    best = min(range(len(sizes)), key=lambda place: abs(sizes[place] - parameters))
    if abs(sizes[best] / parameters - 1) > WITHIN:
        raise ValueError(
            f"of the networks shaped as in {preset!r} the one nearest to {parameters} parameters "
            f"has {sizes[best]}; choose another base width"
        )
    return candidates[best]


def _scaled(options: Any, narrowest: int) -> BackboneSpec:
    from benchmark.backbones import parse_backbone

    factor = narrowest / min(options.channels)
    multiple = options.groups
    widths = [multiple * round(width * factor / multiple) for width in options.channels]
    text = "-".join(str(width) for width in widths)
    return parse_backbone(
        f"unet[channels={text},layers={options.layers},patch={options.patch},"
        f"groups={options.groups},attention={options.attention}]"
    )


def _parameters_of(spec: BackboneSpec) -> int:
    import torch

    from benchmark.backbones import build

    with torch.device("meta"):
        return _count(build(spec))


def _count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _settle(precision: str, threads: int, store: str) -> torch.dtype:
    """What a worker does before it trains."""
    import torch

    from benchmark.devices import resolve_precision, settle_cpu_precision
    from benchmark.precision import settled_precision
    from benchmark.store import Store

    torch.use_deterministic_algorithms(True, warn_only=True)
    if precision == "auto":
        settled = settled_precision(Store(Path(store)), threads)
        settle_cpu_precision(getattr(torch, settled.precision))
    return resolve_precision(precision, torch.device("cpu"))


def _facts(network: Backbone | torch.nn.Module, precision: torch.dtype) -> dict[str, Any]:
    return {"parameters": _count(network), "precision": str(precision).removeprefix("torch.")}


def _in_turns(turns: Turns) -> Listener:
    """The loop reports every few steps; there the process waits for its next turn."""
    last = 0

    def listen(progress: Any) -> None:
        nonlocal last
        turns.done(progress.step - last)
        last = progress.step
        turns.begin()

    return listen


def _noise(images: int, size: int) -> np.ndarray:
    """uint8 (images, size, size); not zeros, which some kernels are quicker on."""
    random = np.random.default_rng(0)
    return random.integers(0, 256, (images, size, size), dtype=np.uint8)
