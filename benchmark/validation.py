"""What labelled validation images may decide: the weights that are tested, the rate, the end."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from benchmark.accounting import counted
from benchmark.devices import autocast, resolve_precision
from benchmark.heatmaps import valid_landmarks
from benchmark.losses import heatmap_loss
from benchmark.optimiser import Steering
from benchmark.protocol import ProtocolConfig
from benchmark.unlabelled import as_shown

if TYPE_CHECKING:
    from benchmark.finetune import Shots

VALIDATIONS = 10
BATCH = 16
HALVED = 0.5
NOTICEABLE = 1e-4
"""A loss counts as smaller for the rate where it is so by this share, torch's default."""


class Watch(Protocol):
    """Looks at the validation images after some optimiser steps."""

    steering: Steering

    def __call__(self, step: int) -> None:
        """After an optimiser step."""

    def restore(self) -> None:
        """Put the chosen weights into the detector, after the last step."""

    def state_dict(self) -> dict[str, Any]:
        """For checkpoints."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Take up what an earlier process has kept."""


def watch(
    detector: nn.Module,
    protocol: ProtocolConfig,
    *,
    steps: int,
    shots: int,
    validate: Callable[[], float] | None,
) -> Watch | None:
    """What watches a fine-tuning under a protocol; None where validation images have no say.

    Args:
        detector: What is trained.
        protocol: Which weights are tested, and what the loss decides.
        steps: Optimiser steps at most.
        shots: Labelled images, of which a pass is made.
        validate: The error on the validation images, or the loss where the protocol watches that.
    """
    if validate is None:
        return None
    if not protocol.watches_loss:
        return BestWeights(detector, max(1, steps // VALIDATIONS), validate)
    return LossWatch(detector, protocol, protocol.steps_a_pass(shots), validate)


@torch.no_grad()
def validation_loss(detector: nn.Module, images: Shots, protocol: ProtocolConfig) -> float:
    """The loss of a detector on labelled images as they are, a mean over what the loss counts."""
    device, size = images.pixels.device, (images.pixels.shape[-2], images.pixels.shape[-1])
    measure = heatmap_loss(protocol.loss)
    precision = resolve_precision(protocol.precision, device)
    detector.eval()
    total = weights = 0.0
    for pixels, points in zip(images.pixels.split(BATCH), images.points.split(BATCH), strict=True):
        valid = valid_landmarks(points, size)
        with autocast(device, precision):
            logits = detector(as_shown(pixels, protocol.published.inputs)).float()
        weight = float(measure.weight(points, valid, size))
        total += weight * float(measure(logits, points, valid, protocol.sigma))
        weights += weight
    return total / weights if weights else math.nan


class BestWeights:
    """Keeps the weights with the least error on the validation images.

    Args:
        detector: What is trained.
        every: Steps between two looks.
        validate: The error.
    """

    def __init__(self, detector: nn.Module, every: int, validate: Callable[[], float]) -> None:
        self.detector, self.every, self.validate = detector, every, validate
        self.steering = Steering()
        self.error = math.inf
        self.state: dict[str, Tensor] = {}

    @counted("evaluation")
    def __call__(self, step: int) -> None:
        """Look, where it is time."""
        if (step + 1) % self.every:
            return
        error = self.validate()
        self.detector.train()
        self._heed(error)

    def _heed(self, error: float) -> None:
        if error < self.error:
            self.error = error
            self.state = {k: v.detach().clone() for k, v in self.detector.state_dict().items()}

    def restore(self) -> None:
        """Go back to the best weights, where there are any."""
        if self.state:
            self.detector.load_state_dict(self.state)

    def state_dict(self) -> dict[str, Any]:
        """The best weights so far, and their error where there are any: JSON knows no infinity."""
        return {"error": self.error if self.state else None, "state": self.state}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Take up what an earlier process has found best."""
        if state_dict["state"]:
            self.error, self.state = state_dict["error"], state_dict["state"]


class LossWatch(BestWeights):
    """Follows the validation loss after every pass, as the paper's released code does.

    Depending on the protocol it keeps the weights with the least loss, halves the rate after more
    than ``plateau`` passes without a noticeably smaller one (torch's ReduceLROnPlateau), and ends
    the training after ``patience`` passes without a smaller one.

    Args:
        detector: What is trained.
        protocol: What the loss decides.
        every: Steps a pass.
        validate: The loss.
    """

    def __init__(
        self,
        detector: nn.Module,
        protocol: ProtocolConfig,
        every: int,
        validate: Callable[[], float],
    ) -> None:
        super().__init__(detector, every, validate)
        self._keeps = protocol.selection == "val-loss"
        self._plateau, self._patience = protocol.published.plateau, protocol.published.patience
        self._level, self._flat, self._waited = math.inf, 0, 0

    def _heed(self, error: float) -> None:
        if self._keeps:
            smaller = error < self.error
            super()._heed(error)
        else:
            smaller, self.error = error < self.error, min(error, self.error)
        self._waited = 0 if smaller else self._waited + 1
        self.steering.ended = bool(self._patience) and self._waited >= self._patience
        if error < self._level * (1 - NOTICEABLE):
            self._level, self._flat = error, 0
            return
        self._flat += 1
        if self._plateau and self._flat > self._plateau:
            self.steering.rate *= HALVED
            self._flat = 0

    def state_dict(self) -> dict[str, Any]:
        """The best weights, and how long nothing has become better."""
        known = math.isfinite(self.error)
        return {
            "error": self.error if known else None,
            "level": self._level if known else None,
            "state": self.state,
            "flat": self._flat,
            "waited": self._waited,
            "rate": self.steering.rate,
            "ended": self.steering.ended,
        }

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Take up where an earlier process stood."""
        if state_dict["error"] is not None:
            self.error, self._level = state_dict["error"], state_dict["level"]
        self.state = state_dict["state"]
        self._flat, self._waited = state_dict["flat"], state_dict["waited"]
        self.steering.rate, self.steering.ended = state_dict["rate"], state_dict["ended"]
