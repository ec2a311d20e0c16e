"""Fine-tuning a detector on the shots: the same for all methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.accounting import counted
from benchmark.augment import Augmentation
from benchmark.averaging import AveragedWeights
from benchmark.checkpoints import Checkpoint, ModuleState, RandomState, Stateful
from benchmark.config import CHECKPOINT_SECONDS
from benchmark.devices import generator, resolve_precision
from benchmark.heatmaps import valid_landmarks
from benchmark.history import History
from benchmark.losses import heatmap_loss
from benchmark.micro_batches import Division, mixes_images
from benchmark.optimiser import Schedule
from benchmark.parallel import ensure_shareable
from benchmark.prepared import PreparedDataset
from benchmark.progress import Listener, silent
from benchmark.protocol import ProtocolConfig
from benchmark.recording import Recorder
from benchmark.seeding import stream_seed
from benchmark.training import optimise
from benchmark.unlabelled import as_inputs, as_unit_range
from benchmark.validation import watch


@dataclass(frozen=True, eq=False)
class Shots:
    """The labelled images of a cell, on the training device.

    Attributes:
        pixels: uint8 (shots, height, width).
        points: (shots, landmarks, 2) working px, NaN where missing.
    """

    pixels: Tensor
    points: Tensor


@counted("decode")
def load_shots(
    data: PreparedDataset, rows: list[int], device: torch.device, *, whole: bool = False
) -> Shots:
    """The images and landmarks of these rows; ``whole``: landmarks at whole working px."""
    points = torch.from_numpy(data.working_points(rows, whole=whole)).float()
    pixels = torch.from_numpy(np.ascontiguousarray(data.pixels[rows]))
    return Shots(pixels.to(device), points.to(device))


class Draws:
    """Draws of rows: every shot as often as any other, in changing order.

    Args:
        shots: Number of rows.
        batch_size: Rows a draw.
        random: The stream that fixes the order.
        whole_passes: Whether the last draw of a pass is as small as it comes, where others are
            filled up from the next pass.
    """

    def __init__(
        self, shots: int, batch_size: int, random: torch.Generator, *, whole_passes: bool = False
    ) -> None:
        self._shots, self._batch_size, self._random = shots, batch_size, random
        self._least = 1 if whole_passes else batch_size
        self._waiting = torch.empty(0, dtype=torch.long, device=random.device)

    def __call__(self) -> Tensor:
        """The next rows."""
        while len(self._waiting) < self._least:
            more = torch.randperm(self._shots, generator=self._random, device=self._random.device)
            self._waiting = torch.cat([self._waiting, more])
        batch, self._waiting = (
            self._waiting[: self._batch_size],
            self._waiting[self._batch_size :],
        )
        return batch

    def state_dict(self) -> dict[str, Tensor]:
        """What is left of this pass."""
        return {"waiting": self._waiting}

    def load_state_dict(self, state_dict: dict[str, Tensor], /) -> None:
        """Go on in the middle of a pass."""
        self._waiting = state_dict["waiting"].to(self._random.device)


def finetune(
    detector: nn.Module,
    shots: Shots,
    protocol: ProtocolConfig,
    *,
    steps: int,
    seed: int,
    rate: float = 1.0,
    validate: Callable[[], float] | None = None,
    listener: Listener = silent,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> History:
    """Train what is trainable of a detector on the shots, in place.

    Where there is a checkpoint, training goes on from it, to the weights of an undisturbed one.

    Args:
        detector: A backbone with a fresh head; a frozen backbone stays as it is.
        shots: The labelled images.
        protocol: Loss, schedule and augmentation.
        steps: Optimiser steps.
        seed: Fixes batches and augmentation; the same for all methods.
        rate: Multiplies the protocol's learning rate; a transfer has one for all methods.
        validate: Error on the validation split, or the loss where the protocol watches that.
        listener: Told of the progress.
        checkpoint: Where the state of the training is kept; None keeps none.
        checkpoint_seconds: Between two checkpoints.
    """
    device = shots.pixels.device
    random = generator(stream_seed("finetuning", seed), device)
    passes = protocol.published.epochs > 0
    draw = Draws(len(shots.pixels), protocol.batch_size, random, whole_passes=passes)
    # What is recorded has one size.
    recorder = Recorder(None if passes else device, (random,))
    objective = _Objective(detector, shots, protocol, draw, random, recorder)

    detector.train()
    ensure_shareable(detector, protocol.batch_size)
    best = watch(detector, protocol, steps=steps, shots=len(shots.pixels), validate=validate)
    average = (
        AveragedWeights(detector, protocol.weight_average) if protocol.weight_average else None
    )
    parts: dict[str, Stateful | None] = {
        "network": ModuleState(detector),
        "draws": draw,
        "random": RandomState(random),
        "best": best,
        "average": average,
    }
    kept = {name: part for name, part in parts.items() if part is not None}
    history = optimise(
        objective.loss,
        detector.parameters(),
        _schedule(protocol, steps, rate),
        stage="fine-tune",
        device=device,
        precision=resolve_precision(protocol.precision, device),
        draw=objective.batch,
        listener=listener,
        after_step=_one_after_another(best, None if average is None else average.follow),
        steering=best.steering if best is not None else None,
        division=objective.division(),
        checkpoint=None if checkpoint is None else Checkpoint(checkpoint, checkpoint_seconds, kept),
        recorder=recorder,
    )
    if best is not None:
        best.restore()
    if average is not None:
        average.copy_to_network()
    return history


class _Objective:
    """What fine-tuning minimises: the loss of a detector on augmented draws of the shots."""

    def __init__(
        self,
        detector: nn.Module,
        shots: Shots,
        protocol: ProtocolConfig,
        draw: Draws,
        random: torch.Generator,
        recorder: Recorder,
    ) -> None:
        self._detector, self._protocol, self._draw = detector, protocol, draw
        self._size = (shots.pixels.shape[-2], shots.pixels.shape[-1])
        self._measure = heatmap_loss(protocol.loss)
        augmentation = Augmentation(protocol.augmentation)
        self._augmented = recorder(
            lambda rows: augmentation(as_unit_range(shots.pixels[rows]), shots.points[rows], random)
        )

    @counted("augmentation")
    def batch(self) -> tuple[Tensor, ...]:
        """Images (batch, 1, height, width) in [0, 1] and their points (batch, landmarks, 2)."""
        return tuple(self._augmented(self._draw()))

    def loss(self, images: Tensor, points: Tensor) -> Tensor:
        """The loss of a batch, a scalar."""
        protocol = self._protocol
        logits = self._detector(as_inputs(images, protocol.published.inputs)).float()
        valid = valid_landmarks(points, self._size)
        return self._measure(logits, points, valid, protocol.sigma)

    def division(self) -> Division:
        """Whether a batch may be passed through in parts, and what a part weighs."""
        lower, mixing = "lower protocol.batch_size", mixes_images(self._detector)
        if mixing is None:
            return Division(self._weight, lower)
        return Division(None, f"{lower}; under {mixing} parts are another training")

    def _weight(self, _: Tensor, points: Tensor) -> Tensor:
        return self._measure.weight(points, valid_landmarks(points, self._size), self._size)


def _schedule(protocol: ProtocolConfig, steps: int, rate: float) -> Schedule:
    return Schedule(
        steps,
        rate * protocol.learning_rate,
        protocol.weight_decay,
        protocol.warmup,
        protocol.gradient_clip,
        constant=protocol.published.schedule == "constant",
    )


def _one_after_another(*followers: Callable[[int], None] | None) -> Callable[[int], None]:
    present = [follower for follower in followers if follower is not None]

    def after_step(step: int) -> None:
        for follower in present:
            follower(step)

    return after_step
