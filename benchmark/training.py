"""The one training loop, used by every method's pretraining and by the fine-tuning."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.accounting import counted, running
from benchmark.checkpoints import Checkpoint, ModuleState, OptimiserState, RandomState, Stateful
from benchmark.config import CHECKPOINT_SECONDS
from benchmark.errors import BenchmarkError, PluginError
from benchmark.history import History
from benchmark.micro_batches import Division, Passes, mixes_images, number_of_images
from benchmark.operations import OperationCounter
from benchmark.optimiser import Schedule, Steering, Update
from benchmark.parallel import ensure_shareable, together
from benchmark.progress import REPORT_EVERY, Listener, Progress, silent
from benchmark.recording import Recorder
from benchmark.unlabelled import UnlabelledImages


class DivergedError(BenchmarkError):
    """The loss is no longer a finite number."""


@together
def optimise(
    loss: Callable[..., Tensor],
    parameters: Iterable[nn.Parameter],
    schedule: Schedule,
    *,
    stage: str,
    device: torch.device,
    precision: torch.dtype,
    draw: Callable[[], tuple[Tensor, ...]] = tuple,
    listener: Listener = silent,
    after_step: Callable[[int], None] | None = None,
    steering: Steering | None = None,
    checkpoint: Checkpoint | None = None,
    recorder: Recorder = Recorder(),  # noqa: B008  (has no state)
    division: Division = Division(),  # noqa: B008  (has no state)
) -> History:
    """Minimise ``loss(*draw())`` over the schedule, from a checkpoint on where there is one.

    ``after_step`` may change the rate and end the training through ``steering``.

    Losses stay on the device and are read every few steps, so that a GPU is not made to wait.

    Raises:
        DivergedError: The loss became NaN or infinite; the sentence names the step.
        DeviceMemoryError: A batch does not fit into the memory of the device.
    """
    update = Update(parameters, schedule, device)
    history = History()
    waiting: list[Tensor] = []
    done = 0
    if checkpoint is not None:
        checkpoint.parts |= {"optimiser": OptimiserState(update.optimiser), "history": history}
        with counted("checkpoint"):
            done = checkpoint.resume()
        history.earlier_seconds = checkpoint.earlier_seconds

    passes = Passes(loss, update.forget, device, precision, division)
    there_and_back, apply = recorder(passes), recorder(update.apply)
    steering = steering if steering is not None else Steering()
    for step in range(done, schedule.steps):
        if steering.ended:
            break
        batch = draw()
        with counted("forward_backward"), _counting_operations(step == done):
            value = there_and_back(*batch)
            waiting.append(value.clone())
        with counted("optimiser"):
            history.learning_rate.append(update.set_rate(step, steering.rate))
            apply()
            if after_step is not None:
                after_step(step)
        last = step + 1 == schedule.steps or steering.ended
        keep = checkpoint is not None and (last or checkpoint.due())
        if len(waiting) == REPORT_EVERY or last or keep:
            with counted("waiting"):
                history.loss += _finite(torch.stack(waiting), len(history.loss), stage)
            _tell_stopwatch(len(waiting))
            waiting.clear()
            if checkpoint is not None and keep:
                with counted("checkpoint"):
                    checkpoint.save(step + 1)
            with counted("waiting"):
                listener(Progress(stage, step + 1, schedule.steps, history.loss[-1]))
    history.parts = passes.parts
    return history


@contextmanager
def _counting_operations(first: bool) -> Iterator[None]:
    """Count the operations of the first step, where a stopwatch knows the device's peak."""
    stopwatch = running()
    known = stopwatch is None or stopwatch.peak_flops is None or stopwatch.step_flops is not None
    if not first or stopwatch is None or known:
        yield
        return
    with OperationCounter() as counter:
        yield
    stopwatch.step_flops = counter.flops


def _tell_stopwatch(steps: int) -> None:
    """Count steps, and add up marks while the device has just been waited for."""
    stopwatch = running()
    if stopwatch is not None:
        stopwatch.steps += steps
        stopwatch.collect()


def _finite(losses: Tensor, before: int, stage: str) -> list[float]:
    values: list[float] = losses.float().tolist()
    for offset, value in enumerate(values):
        if not math.isfinite(value):
            raise DivergedError(
                f"{stage}: the loss is {value} at step {before + offset + 1}; "
                "lower the learning rate"
            )
    return values


@counted("augmentation")
def _drawn(batches: Iterator[Tensor]) -> tuple[Tensor]:
    return (next(batches),)


class Trainer:
    """What the harness lends to a method: a budget, batches, random numbers and a notebook.

    Attributes:
        steps: Optimiser steps, the same for every method.
        batch_size: Images a step; more for methods that compare images.
        device: Where to train.
        generator: The random stream of this pretraining, on ``device``.
        metrics: What :meth:`note` has written down, kept in ``pretraining.json``.
        history: Loss by step of :meth:`fit`, or None where nothing was trained.
        folder: Where what is kept for the report lies.
        images_seen: Images drawn from the pool, over all steps.
        earlier_seconds: Training time before an interruption, from the checkpoint.
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
        checkpoint: Path | None = None,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        recordable: bool = False,
        compares_images: bool = True,
    ) -> None:
        self.steps = steps
        self.batch_size = batch_size
        self.device = device
        self.generator = generator
        self.metrics: dict[str, float | str | None] = {}
        self.history: History | None = None
        self.images_seen = 0
        self.earlier_seconds = 0.0
        self._precision = precision
        self.folder = folder
        self._listener = listener
        self._checkpoint = checkpoint
        self._checkpoint_seconds = checkpoint_seconds
        self._recordable = recordable
        self._compares_images = compares_images

    def fit(
        self,
        loss: Callable[[Tensor], Tensor],
        modules: Sequence[nn.Module],
        images: UnlabelledImages,
        *,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-2,
        after_step: Callable[[int], None] | None = None,
        keeps: Sequence[nn.Module | Stateful] = (),
    ) -> None:
        """Train the modules on batches of the pool for the harness's number of steps, once.

        Args:
            loss: From a batch (n, 1, height, width) in [-1, 1] to a scalar.
            modules: What is trained: the backbone or a part of it, and the method's own heads.
            images: The pool.
            learning_rate: Peak of the one-cycle schedule.
            weight_decay: Decoupled weight decay.
            after_step: Called after each optimiser step, for averages and momentum encoders.
            keeps: What else changes while training (queues, averages, momentum encoders), so
                that an interrupted training goes on as if nothing had happened.

        Raises:
            UsageError: The pool is smaller than a batch.
            PluginError: It was called before: a second training would double the budget.
            DeviceMemoryError: A batch does not fit into the memory of the device, nor in parts
                where its method and network allow them.
        """
        if self.history is not None:
            raise PluginError("a method may call fit once: the budget is the harness's")
        batches = images.batches(self.batch_size, self.generator)
        self.images_seen = self.batch_size * self.steps
        network = nn.ModuleList(modules).train()
        ensure_shareable(network, self.batch_size)
        checkpoint = self._checkpoint_of(network, batches, keeps)
        self.history = optimise(
            loss,
            network.parameters(),
            Schedule(self.steps, learning_rate, weight_decay),
            stage="pretrain",
            device=self.device,
            precision=self._precision,
            draw=lambda: _drawn(batches),
            listener=self._listener,
            after_step=after_step,
            checkpoint=checkpoint,
            recorder=Recorder(self.device if self._recordable else None, (self.generator,)),
            division=self._division(network),
        )
        self.earlier_seconds = self.history.earlier_seconds
        self.note(
            batch_size=self.batch_size,
            loss_first=self.history.first(),
            loss_last=self.history.last(),
        )
        if self.history.parts > 1:
            self.note(micro_batches=self.history.parts)

    def _division(self, network: nn.Module) -> Division:
        """Whether batches may go through in parts."""
        lower = "lower pretraining.comparison_batch_size or pretraining.batch_size"
        if self._compares_images:
            return Division(
                None, f"{lower}; smaller batches that are added up compare fewer images"
            )
        mixing = mixes_images(network)
        if mixing is not None:
            return Division(None, f"{lower}; under {mixing} parts are another training")
        return Division(number_of_images, lower)

    def _checkpoint_of(
        self, network: nn.Module, batches: Stateful, keeps: Sequence[nn.Module | Stateful]
    ) -> Checkpoint | None:
        if self._checkpoint is None:
            return None
        parts: dict[str, Stateful] = {
            "network": ModuleState(network),
            "batches": batches,
            "random": RandomState(self.generator),
        }
        for number, part in enumerate(keeps):
            state = ModuleState(part) if isinstance(part, nn.Module) else part
            parts[f"keeps {number}"] = state
        return Checkpoint(self._checkpoint, self._checkpoint_seconds, parts)

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
        Image.fromarray(np.concatenate(rows)).save(self.folder / f"{name}.png")

    def keep_text(self, name: str, text: str) -> None:
        """Keep a text as ``<name>.txt``, such as the list of tensors that were loaded."""
        (self.folder / f"{name}.txt").write_text(text, encoding="utf-8")
