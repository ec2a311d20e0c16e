"""AdamW under a one-cycle schedule: the one optimiser of all trainings."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from benchmark.parallel import average_gradients


@dataclass(frozen=True)
class Schedule:
    """AdamW with a one-cycle learning rate: linear warm-up, then half a cosine to zero.

    A constant rate has neither.

    Attributes:
        steps: Optimiser steps.
        learning_rate: The peak.
        weight_decay: Decoupled weight decay.
        warmup: Share of the steps in which the rate rises.
        gradient_clip: Largest global norm of the gradient.
        constant: Whether the rate is the peak at every step.
    """

    steps: int
    learning_rate: float
    weight_decay: float = 1e-2
    warmup: float = 0.1
    gradient_clip: float = 5.0
    constant: bool = False

    def factor(self, step: int) -> float:
        """The learning rate at a step, as a share of the peak."""
        if self.constant:
            return 1.0
        rising = max(1, round(self.warmup * self.steps))
        if step < rising:
            return (step + 1) / rising
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, self.steps - rising)))


@dataclass
class Steering:
    """What whoever watches a training may change of it between two steps.

    Attributes:
        rate: Multiplies the rate of the schedule.
        ended: Whether there are no more steps, whatever the schedule says.
    """

    rate: float = 1.0
    ended: bool = False


class Update:
    """A step of the optimiser: the rate of the schedule, a clipped gradient, AdamW.

    Args:
        parameters: What is trained, of which those that take no gradient are left out.
        schedule: Rates, decay and clipping.
        device: Where they lie.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], schedule: Schedule, device: torch.device
    ) -> None:
        self._trained = [p for p in parameters if p.requires_grad]
        self._clip = schedule.gradient_clip
        self._rates = [schedule.learning_rate * schedule.factor(n) for n in range(schedule.steps)]
        # Fused kernels: one pass over the weights instead of a dozen. Elsewhere torch decides.
        self._at_once = device.type in ("cpu", "cuda") or None
        on_gpu = device.type == "cuda"
        # On a GPU the rate lies beside the weights, where a recorded step finds it.
        self._rate = torch.tensor(0.0, device=device) if on_gpu else None
        self.optimiser = torch.optim.AdamW(
            self._trained,
            lr=schedule.learning_rate if self._rate is None else self._rate,
            weight_decay=schedule.weight_decay,
            fused=self._at_once,
            capturable=on_gpu,
        )

    def forget(self) -> None:
        """Drop the gradients, which frees their memory."""
        self.optimiser.zero_grad(set_to_none=True)

    def set_rate(self, step: int, factor: float = 1.0) -> float:
        """Take the learning rate of a step times a factor; the host does not wait.

        Returns:
            The rate.
        """
        rate = self._rates[step] * factor
        if self._rate is not None:
            self._rate.fill_(rate)
        for group in self.optimiser.param_groups:
            group["lr"] = rate if self._rate is None else self._rate
        return rate

    def apply(self) -> None:
        """Update the weights at the rate that was set; nothing is read back from the device."""
        average_gradients(self._trained)
        torch.nn.utils.clip_grad_norm_(self._trained, self._clip, foreach=self._at_once)
        self.optimiser.step()

    def __call__(self, step: int) -> float:
        """Update the weights at the rate of a step, which is returned."""
        rate = self.set_rate(step)
        self.apply()
        return rate
