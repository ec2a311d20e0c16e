"""The trainings of one method under test, each made once and shared by the checks."""

from __future__ import annotations

import contextlib
import functools
import shutil
import tempfile
import weakref
from pathlib import Path

from torch import Tensor

from benchmark.backbones import parse_backbone
from benchmark.errors import BenchmarkError, PluginError
from benchmark.plugins import Method
from benchmark.progress import Progress
from benchmark.store import Store
from benchmark.testing import phantoms
from benchmark.testing.outcomes import DoesNotApply
from benchmark.testing.pretrainings import Pretrained, ShortRun, by_the_harness, pretrain, same
from benchmark.testing.subject import Subject

SMALL_UNET = "unet[channels=16-32,patch=4]"
SMALL_DECODER = "[decoder_channels=32-24-16-16]"
SMALL_TIMM = f"timm/resnet10t{SMALL_DECODER}"

STEPS = 6
STOP = 3
FEW_STEPS = 2
BATCH_SIZE = 16


class Interruption(Exception):  # noqa: N818  (ends a training in the middle, on purpose)
    """Stands for a power failure."""


class Workbench:
    """Trains a method when a check asks for it, and keeps what came of it.

    Args:
        subject: The method.
        backbones: Where to try it; None: the small networks of the suite, and for weights from
            elsewhere the network that they are made for.
    """

    def __init__(self, subject: Subject, backbones: tuple[str, ...] | None) -> None:
        self.subject = subject
        self._backbones = backbones
        self._trained: dict[ShortRun, Pretrained | Exception] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="landmark-check-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def method(self) -> type[Method]:
        """The class.

        Raises:
            DoesNotApply: It cannot be loaded, which the check of the metadata tells.
        """
        try:
            return self.subject.load()
        except PluginError as error:
            raise DoesNotApply("the method cannot be loaded, see above") from error

    def trained(self, run: ShortRun) -> Pretrained:
        """The outcome of a training; a second call costs nothing, also where it failed."""
        if run not in self._trained:
            try:
                self._trained[run] = pretrain(self.subject, run)
            except Exception as error:
                self._trained[run] = error
        outcome = self._trained[run]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    @functools.cached_property
    def attempts(self) -> dict[str, Pretrained | str]:
        """By backbone: a short training, or why there is none."""
        method = self.method()
        done: dict[str, Pretrained | str] = {}
        for backbone in self._backbones or _backbones_for(method):
            problem = method.backbone_problem(parse_backbone(backbone).label)
            if problem:
                done[backbone] = problem
                continue
            steps = FEW_STEPS if done else STEPS
            try:
                done[backbone] = self.trained(ShortRun(backbone, steps, BATCH_SIZE))
            except BenchmarkError as error:
                if method.pretraining_data != "elsewhere":
                    raise
                done[backbone] = str(error)  # weights are made for one network
        return done

    def run(self, seed: int = 0) -> ShortRun:
        """A short run on the first backbone that serves.

        Raises:
            DoesNotApply: There is none, which the check of the parts tells.
        """
        try:
            attempts = self.attempts
        except DoesNotApply:
            raise
        except Exception as error:
            raise DoesNotApply("the method cannot be trained, see above") from error
        for backbone, outcome in attempts.items():
            if isinstance(outcome, Pretrained):
                return ShortRun(backbone, outcome.trainer.steps, BATCH_SIZE, seed)
        raise DoesNotApply("there is no backbone to train it on, see above")

    @functools.cached_property
    def repeatable(self) -> bool:
        """Whether the same seed gives the same weights."""
        run = self.run()
        return same(self.trained(run).weights(), pretrain(self.subject, run).weights())

    @functools.cached_property
    def resumed(self) -> tuple[list[int], list[int], Pretrained]:
        """Steps before and after an interruption, and what came of it."""
        run, before, after = self.run(), list[int](), list[int]()
        checkpoint = self._folder / "checkpoint.safetensors"

        def stop(progress: Progress) -> None:
            before.append(progress.step)
            if progress.step >= STOP:
                raise Interruption

        with contextlib.suppress(Interruption):
            pretrain(self.subject, run, stop, checkpoint)
        resumed = pretrain(self.subject, run, lambda p: after.append(p.step), checkpoint)
        return before, after, resumed

    @functools.cached_property
    def stores(self) -> tuple[Store, Store]:
        """Two stores with the same pool and other test images and labels."""
        return phantoms.twin_stores(self._folder)

    @functools.cached_property
    def twins(self) -> tuple[dict[str, Tensor], dict[str, Tensor], list[str]]:
        """Weights from both stores, and the forbidden files that were opened."""
        run = ShortRun(self.run().backbone, FEW_STEPS, BATCH_SIZE)
        (first, seen), (second, also) = (
            by_the_harness(self.subject, run, store) for store in self.stores
        )
        return first, second, [*seen, *also]


def _backbones_for(method: type[Method]) -> tuple[str, ...]:
    made_for = method.default_backbone() if method.pretraining_data == "elsewhere" else None
    if made_for and made_for.startswith("timm/") and "[" not in made_for:
        return (SMALL_UNET, made_for + SMALL_DECODER)
    return (SMALL_UNET, made_for or SMALL_TIMM)
