"""What every method must hold, as a class of tests to inherit; pytest is not needed for it."""

from __future__ import annotations

import math
import pickle
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmark.errors import PluginError
from benchmark.plugins import Method
from benchmark.schema import Failure
from benchmark.testing.declarations import require_metadata, require_valid_options
from benchmark.testing.outcomes import DoesNotApply, require
from benchmark.testing.pretrainings import Pretrained, ShortRun, health, same
from benchmark.testing.subject import subject_of
from benchmark.testing.workbench import BATCH_SIZE, FEW_STEPS, STEPS, STOP, Workbench
from benchmark.testing.worker_run import pretrain_in_a_worker


class MethodConformance:
    """Inherit it, name the method, and run pytest.

    ::

        class TestDenoising(MethodConformance):
            method = "denoising"

    Every check is one ``test_`` method that takes no fixture, raises AssertionError with a
    sentence, and trains on phantoms of 64 px with small networks. Trainings are shared between
    the checks of a class.

    Attributes:
        method: ``name`` or ``name[option=value]`` of a plugin, or its class.
        plugin_file: The file that defines it, where it is neither built in nor installed.
        options: Options for all checks, as Python values, such as a file of the test's own.
        backbones: Networks to train; None: a small ``unet``, and a small ``timm/resnet10t`` or
            the encoder that weights from elsewhere are made for.
        learning_steps: Steps in which the loss should fall; where it has not, the training is
            repeated once with ``learning_patience`` times as many.
        learning_patience: See there.
        learning_batch_size: Images a step in that training; None: 32 where the loss compares the
            images of a batch, and 16 where it does not.
        learning_options: Options for that training alone, for methods whose defaults are for
            longer runs; say beside it why.
        least_spread: Least standard deviation of the embeddings after that training, as a share
            of the initial network's. Real methods keep a fifth or more in a hundred steps; what
            collapses loses orders of magnitude.
        least_rank: Least effective rank of the embeddings; below two, all images lie on a line.
    """

    method: ClassVar[str | type[Method]]
    plugin_file: ClassVar[str | Path | None] = None
    options: ClassVar[Mapping[str, Any]] = {}
    backbones: ClassVar[tuple[str, ...] | None] = None
    learning_steps: ClassVar[int] = 120
    learning_patience: ClassVar[int] = 3
    learning_batch_size: ClassVar[int | None] = None
    learning_options: ClassVar[Mapping[str, Any]] = {}
    least_spread: ClassVar[float] = 0.05
    least_rank: ClassVar[float] = 2.0

    @classmethod
    def checks(cls) -> list[str]:
        """The names of all checks, in the order in which they are best read."""
        names = dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base))
        return [name for name in names if name.startswith("test_")]

    @classmethod
    def _bench(cls) -> Workbench:
        """The trainings of this class; a subclass has its own."""
        if "_workbench" not in vars(cls):
            if not hasattr(cls, "method"):
                raise AssertionError(f"{cls.__name__} must say which method it tests: method = ...")
            subject = subject_of(cls.method, cls.plugin_file, cls.options)
            cls._workbench = Workbench(subject, cls.backbones)
        return cls._workbench

    _workbench: ClassVar[Workbench]

    def test_metadata_is_complete(self) -> None:
        """It says what it is, where it was published, what it trains, and what options mean."""
        try:
            method = self._bench().subject.load()
        except PluginError as error:
            raise AssertionError(str(error)) from error
        require_metadata(method)

    def test_options_are_validated(self) -> None:
        """Good options survive JSON; unknown and wrong ones are refused in one sentence."""
        method = self._bench().method()
        require_valid_options(method, self._bench().subject.options())

    def test_trains_the_parts_it_declares_and_no_others(self) -> None:
        """On every backbone that serves, at least one tensor of each declared part changes."""
        bench = self._bench()
        method = bench.method()
        try:
            attempts = bench.attempts
        except Exception as error:
            raise AssertionError(
                f"{method.name}: training ends in {type(error).__name__}: {error}"
            ) from error
        trained = {name: run for name, run in attempts.items() if isinstance(run, Pretrained)}
        require(bool(trained), f"{method.name}: no backbone serves: {'; '.join(_texts(attempts))}")
        for backbone, run in trained.items():
            changed, declared = run.changed_parts(), set(method.trains)
            require(
                changed == declared,
                f"{method.name} on {backbone} changed {_listed(changed)} but declares that it "
                f"trains {_listed(declared)}: correct its attribute 'trains', or its training",
            )

    def test_loss_falls(self) -> None:
        """On phantoms, clearly below its start, and below the loss of knowing nothing."""
        self._only_where_it_trains()
        _, trained = self._learnt()
        problem = _loss_problem(trained)
        require(problem is None, f"{self._bench().subject.name}: {problem}")

    def test_embeddings_do_not_collapse(self) -> None:
        """After that training images still have embeddings of their own."""
        method = self._bench().method()
        if not method.trains:
            raise DoesNotApply("it trains nothing")
        if method.pretraining_data == "pool":
            run, trained = self._learnt()
        else:
            run = self._bench().run()
            trained = self._bench().trained(run)
        before, after = health(run, trained)
        spread = after["embedding_std"] / before["embedding_std"]
        require(
            spread >= self.least_spread,
            f"{method.name}: the embeddings have collapsed: their spread is {spread:.1%} of that "
            f"of the initial network, and {self.least_spread:.0%} is the least",
        )
        rank = after["effective_rank"]
        require(
            rank >= self.least_rank,
            f"{method.name}: the embeddings have collapsed: their effective rank is {rank:.1f} "
            f"({before['effective_rank']:.1f} before), and {self.least_rank:g} is the least",
        )

    def test_same_seed_gives_same_weights_and_another_seed_others(self) -> None:
        """A result can be made again, and seeds are draws of their own."""
        bench = self._bench()
        method = bench.method()
        if not method.trains:
            raise DoesNotApply("it trains nothing")
        require(
            bench.repeatable,
            f"{method.name}: two trainings with one seed gave different weights; draw all random "
            "numbers from trainer.generator or torch's global stream, not from random, numpy or "
            "the clock",
        )
        if method.pretraining_data == "pool":
            one, other = (bench.trained(bench.run(seed=seed)) for seed in (0, 1))
            require(
                not same(one.weights(method.trains), other.weights(method.trains)),
                f"{method.name}: another seed gave the same weights; leave torch's streams and "
                "the initial weights as the harness sets them",
            )

    def test_resumed_equals_uninterrupted(self) -> None:
        """After a kill in the middle the training goes on as if nothing had happened."""
        self._only_where_it_trains()
        bench = self._bench()
        name, run = bench.subject.name, bench.run()
        if not bench.repeatable:
            raise DoesNotApply("one seed gives different weights already, see above")
        before, after, resumed = bench.resumed
        require(
            before == list(range(1, STOP + 1)),
            f"{name}: the training could not be interrupted after {STOP} steps (it told of the "
            f"steps {before}); train with trainer.fit",
        )
        require(
            after == list(range(STOP + 1, STEPS + 1)),
            f"{name}: the training did not go on at step {STOP + 1} but did the steps {after}",
        )
        require(
            same(bench.trained(run).weights(), resumed.weights()),
            f"{name}: an interrupted training ends with other weights than an undisturbed one; "
            "give what changes besides the trained modules (averages, queues, centres) to "
            "trainer.fit as keeps",
        )

    def test_no_test_image_or_label_is_within_reach(self) -> None:
        """Other test images, labels and ids give the same weights, and no file of them is read."""
        bench = self._ready_for_the_harness()
        first, second, opened = bench.twins
        require(
            not opened,
            f"{bench.subject.name}: it opened {', '.join(opened[:3])} while it trained; all that a "
            "method may see is what pretrain is given",
        )
        if not bench.repeatable:
            raise DoesNotApply("no file was opened; one seed gives different weights, see above")
        require(
            same(first, second),
            f"{bench.subject.name}: its weights depend on test images, labels or ids of the store",
        )

    def test_can_be_pickled(self) -> None:
        """Class, options and instance survive a pickle, which engines on other machines need."""
        bench = self._bench()
        method = bench.method()
        instance = bench.subject.create()
        for what, value in (("class", method), ("options", instance.options), ("", instance)):
            try:
                back = pickle.loads(pickle.dumps(value))  # noqa: S301  (made the moment before)
            except Exception as error:
                raise AssertionError(
                    f"{method.name}: its {what or 'instance'} cannot be pickled "
                    f"({type(error).__name__}: {error}); keep functions and open files out of it, "
                    "and define classes at the top of the module"
                ) from error
            options = getattr(back, "options", instance.options)
            require(
                options == instance.options, f"{method.name}: a pickle loses the instance's options"
            )

    def test_runs_in_a_worker_process(self) -> None:
        """A worker that knows its name, its options and its file can pretrain with it."""
        bench = self._ready_for_the_harness()
        run = ShortRun(bench.run().backbone, FEW_STEPS, BATCH_SIZE, seed=1)
        done = pretrain_in_a_worker(bench.subject, run, bench.stores[0])
        if isinstance(done, Failure):
            raise AssertionError(f"{bench.subject.name}: in a worker process: {done.sentence}")

    def _only_where_it_trains(self) -> None:
        method = self._bench().method()
        if not method.trains:
            raise DoesNotApply("it trains nothing")
        if method.pretraining_data != "pool":
            raise DoesNotApply("its weights come from elsewhere and are not trained")

    def _ready_for_the_harness(self) -> Workbench:
        """The harness refuses a method that changes what it does not declare."""
        bench = self._bench()
        if not bench.method().trains:
            raise DoesNotApply("it trains nothing, so that the harness never starts it")
        bench.run()
        try:
            self.test_trains_the_parts_it_declares_and_no_others()
        except AssertionError as error:
            raise DoesNotApply(
                "the harness refuses the parts that it changes, see above"
            ) from error
        return bench

    def _learnt(self) -> tuple[ShortRun, Pretrained]:
        """The training in which the loss should fall; a longer one where it has not."""
        bench = self._bench()
        options = tuple(self.learning_options.items())
        batch_size = self.learning_batch_size or (32 if bench.method().compares_images else 16)
        for factor in (1, self.learning_patience):
            steps = self.learning_steps * factor
            run = ShortRun(bench.run().backbone, steps, batch_size, options=options)
            trained = bench.trained(run)
            if _loss_problem(trained) is None:
                break
        return run, trained


def _texts(attempts: Mapping[str, Pretrained | str]) -> list[str]:
    return [f"{name}: {text}" for name, text in attempts.items() if isinstance(text, str)]


def _listed(parts: Collection[str]) -> str:
    return " and ".join(sorted(parts)) or "nothing"


def _loss_problem(trained: Pretrained) -> str | None:
    """What is wrong with a history: a fall must exceed 2 % and twice the noise of both means."""
    history = trained.trainer.history
    if history is None:
        return "it did not train with trainer.fit"
    first, last, steps = history.first(), history.last(), len(history.loss)
    tail = history.loss[-max(5, steps // 10) :]
    deviation = float(np.std(tail))
    needed = max(0.02 * abs(first), 2 * deviation * math.sqrt(1 / 5 + 1 / len(tail)))
    if first - last < needed:
        return f"the loss went from {first:.4g} to {last:.4g} in {steps} steps and did not fall"
    reference = trained.trainer.metrics.get("reference_loss")
    if isinstance(reference, float) and last >= 0.98 * reference + 0.04 * min(reference, 0.0):
        meaning = trained.trainer.metrics.get("reference_meaning", "")
        return f"the loss of {last:.4g} is not clearly below {reference:.4g} ({meaning})"
    return None
