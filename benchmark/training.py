"""The one training loop, used by every method's pretraining and by the fine-tuning."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.devices import autocast
from benchmark.errors import BenchmarkError
from benchmark.progress import Listener, Progress, silent
from benchmark.unlabelled import UnlabelledImages

REPORT_EVERY = 5


class DivergedError(BenchmarkError):
    """The loss is no longer a finite number."""


@dataclass(frozen=True)
class Schedule:
    """AdamW with a one-cycle learning rate: linear warm-up, then half a cosine to zero.

    Attributes:
        steps: Optimiser steps.
        learning_rate: The peak.
        weight_decay: Decoupled weight decay.
        warmup: Share of the steps in which the rate rises.
        gradient_clip: Largest global norm of the gradient.
    """

    steps: int
    learning_rate: float
    weight_decay: float = 1e-2
    warmup: float = 0.1
    gradient_clip: float = 5.0

    def factor(self, step: int) -> float:
        """The learning rate at a step, as a share of the peak."""
        rising = max(1, round(self.warmup * self.steps))
        if step < rising:
            return (step + 1) / rising
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, self.steps - rising)))


@dataclass
class History:
    """Loss and learning rate by step."""

    loss: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write as parquet with the columns step, loss, learning_rate."""
        import pandas as pd

        steps = range(1, len(self.loss) + 1)
        columns = {"step": steps, "loss": self.loss, "learning_rate": self.learning_rate}
        pd.DataFrame(columns).to_parquet(path, index=False)

    def first(self) -> float:
        """Mean loss of the first five steps."""
        return float(np.mean(self.loss[:5]))

    def last(self) -> float:
        """Mean loss of the last tenth of the steps, five at least."""
        return float(np.mean(self.loss[-max(5, len(self.loss) // 10) :]))


def optimise(
    loss: Callable[[int], Tensor],
    parameters: Iterable[nn.Parameter],
    schedule: Schedule,
    *,
    stage: str,
    device: torch.device,
    precision: torch.dtype,
    listener: Listener = silent,
    after_step: Callable[[int], None] | None = None,
) -> History:
    """Minimise ``loss(step)`` over the schedule.

    Losses stay on the device and are read every few steps, so that a GPU is not made to wait.

    Raises:
        DivergedError: The loss became NaN or infinite; the sentence names the step.
    """
    trained = [p for p in parameters if p.requires_grad]
    optimiser = torch.optim.AdamW(
        trained, lr=schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    history = History()
    waiting: list[Tensor] = []
    for step in range(schedule.steps):
        rate = schedule.learning_rate * schedule.factor(step)
        for group in optimiser.param_groups:
            group["lr"] = rate
        with autocast(device, precision):
            value = loss(step)
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(trained, schedule.gradient_clip)
        optimiser.step()
        if after_step is not None:
            after_step(step)
        waiting.append(value.detach())
        history.learning_rate.append(rate)
        if len(waiting) == REPORT_EVERY or step + 1 == schedule.steps:
            history.loss += _finite(torch.stack(waiting), len(history.loss), stage)
            waiting.clear()
            listener(Progress(stage, step + 1, schedule.steps, history.loss[-1]))
    return history


def _finite(losses: Tensor, before: int, stage: str) -> list[float]:
    values: list[float] = losses.float().tolist()
    for offset, value in enumerate(values):
        if not math.isfinite(value):
            raise DivergedError(
                f"{stage}: the loss is {value} at step {before + offset + 1}; "
                "lower the learning rate"
            )
    return values


class Trainer:
    """What the harness lends to a method: a budget, batches, random numbers and a notebook.

    Attributes:
        steps: Optimiser steps, the same for every method.
        batch_size: Images a step, for methods that do not need a batch size of their own.
        device: Where to train.
        generator: The random stream of this pretraining, on ``device``.
        metrics: What :meth:`note` has written down, kept in ``pretraining.json``.
        history: Loss by step of the last :meth:`fit`, or None where nothing was trained.
        images_seen: Images drawn from the pool, over all steps.
    """

    def __init__(
        self,
        *,
        steps: int,
        batch_size: int,
        device: torch.device,
        precision: torch.dtype,
        generator: torch.Generator,
        folder: Path,
        listener: Listener = silent,
    ) -> None:
        self.steps = steps
        self.batch_size = batch_size
        self.device = device
        self.generator = generator
        self.metrics: dict[str, float | str | None] = {}
        self.history: History | None = None
        self.images_seen = 0
        self._precision = precision
        self._folder = folder
        self._listener = listener

    def fit(
        self,
        loss: Callable[[Tensor], Tensor],
        modules: Sequence[nn.Module],
        images: UnlabelledImages,
        *,
        batch_size: int | None = None,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-2,
        after_step: Callable[[int], None] | None = None,
    ) -> None:
        """Train the modules on batches of the pool for the harness's number of steps.

        Args:
            loss: From a batch (n, 1, height, width) in [-1, 1] to a scalar.
            modules: What is trained: the backbone or a part of it, and the method's own heads.
            images: The pool.
            batch_size: Real images a step; the trainer's own where None.
            learning_rate: Peak of the one-cycle schedule.
            weight_decay: Decoupled weight decay.
            after_step: Called after each optimiser step, for averages and momentum encoders.
        """
        size = min(batch_size or self.batch_size, len(images))
        batches = images.batches(size, self.generator)
        self.images_seen += size * self.steps
        network = nn.ModuleList(modules).train()
        self.history = optimise(
            lambda _: loss(next(batches)),
            network.parameters(),
            Schedule(self.steps, learning_rate, weight_decay),
            stage="pretrain",
            device=self.device,
            precision=self._precision,
            listener=self._listener,
            after_step=after_step,
        )
        self.note(batch_size=size, loss_first=self.history.first(), loss_last=self.history.last())

    def note(self, **values: float | str | None) -> None:
        """Keep measurements in ``pretraining.json``, such as the loss of knowing nothing."""
        self.metrics.update(values)

    def keep_images(self, name: str, images: Tensor, columns: int = 4) -> None:
        """Keep a grid of images (n, 1, height, width) in [-1, 1] as ``<name>.png``."""
        from PIL import Image

        columns = min(columns, len(images))
        grey = ((images[:, 0].float().clamp(-1, 1) + 1) * 127.5).round().byte().cpu().numpy()
        rows = [
            np.concatenate(list(grey[i : i + columns]), axis=1)
            for i in range(0, len(grey) - len(grey) % columns, columns)
        ]
        Image.fromarray(np.concatenate(rows)).save(self._folder / f"{name}.png")
