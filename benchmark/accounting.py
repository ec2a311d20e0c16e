"""Where the wall time of a piece of work goes, stage by stage.

Whoever does the work opens a :class:`Stopwatch`; what belongs to a stage stands in
``with counted("evaluation"):``, or is decorated with it, and finds the stopwatch by itself. Where
none runs, nothing is measured.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextvars import ContextVar, Token
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, get_args

from benchmark.schema import Timings

if TYPE_CHECKING:
    import torch

Stage = Literal[
    "decode",
    "augmentation",
    "forward_backward",
    "optimiser",
    "evaluation",
    "checkpoint",
    "waiting",
]
STAGES: tuple[Stage, ...] = get_args(Stage)
TRAINING: tuple[Stage, ...] = ("augmentation", "forward_backward", "optimiser", "waiting")
"""The stages of a training step: what the images a second are taken over."""


class Clock(Protocol):
    """Marks moments now, and says later how far they lie apart."""

    def mark(self) -> Any:
        """This moment."""

    def passed(self, mark: Any) -> bool:
        """Whether the device has come to a mark; asked without waiting for it."""

    def wait(self, mark: Any) -> None:
        """Wait until the device has come to a mark."""

    def seconds(self, first: Any, second: Any) -> float:
        """Between two marks that have passed."""


class HostClock:
    """The clock of a CPU, on which work is done when its call returns."""

    def mark(self) -> float:
        """Seconds of the performance counter."""
        return time.perf_counter()

    def passed(self, mark: float) -> bool:
        """Always."""
        return True

    def wait(self, mark: float) -> None:
        """There is nothing to wait for."""

    def seconds(self, first: float, second: float) -> float:
        """Their difference."""
        return second - first


class CudaClock:
    """The clock of a GPU, on which work is done long after its call has returned.

    Marks are events in the stream of the work, so that no stage has to wait for the device to be
    measured. Time in which the GPU has nothing to do counts towards the stage that keeps it so.

    Args:
        device: The GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def mark(self) -> Any:
        """An event at the end of the stream."""
        import torch

        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event

    def passed(self, mark: Any) -> bool:
        """Whether the GPU has come to the event."""
        return bool(mark.query())

    def wait(self, mark: Any) -> None:
        """Block until it has."""
        mark.synchronize()

    def seconds(self, first: Any, second: Any) -> float:
        """Of the GPU's own clock, which resolves half a microsecond."""
        return float(first.elapsed_time(second)) / 1e3


class Stopwatch:
    """Seconds by stage of what happens in its context; a stage within a stage is not counted twice.

    A stage costs two marks, a microsecond or two on a CPU. Marks are added up when
    :meth:`settle` or :meth:`collect` is called, and at the end.

    Args:
        clock: That of the device which does the work.
        peak_flops: Operations a second that the device could do; where known, training counts
            the operations of its first step.

    Attributes:
        peak_flops: See above.
        step_flops: Operations of a training step, forwards and backwards, once counted.
        compiled: Whether the network computes with compiled kernels.
        steps: Training steps so far.
    """

    def __init__(self, clock: Clock | None = None, peak_flops: float | None = None) -> None:
        self.peak_flops = peak_flops
        self.step_flops: int | None = None
        self.compiled = False
        self.steps = 0
        self._clock: Clock = clock if clock is not None else HostClock()
        self._seconds: dict[Stage, float] = dict.fromkeys(STAGES, 0.0)
        self._open: list[Stage] = []
        # Each mark with the stage that began at it.
        self._marks: deque[tuple[Any, Stage | None]] = deque()
        self._begun = time.perf_counter()
        self._ended: float | None = None
        self._outer: Token[Stopwatch | None] | None = None

    def __enter__(self) -> Self:
        self._begun = time.perf_counter()
        self._outer = _running.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._outer is not None:
            _running.reset(self._outer)
        # A device that has failed would raise again, and hide why.
        if kind is None:
            self.settle()
        self._ended = time.perf_counter()

    def begin(self, stage: Stage) -> None:
        """A stage begins; the one around it pauses."""
        self._open.append(stage)
        self._marks.append((self._clock.mark(), stage))

    def end(self) -> None:
        """The stage that began last ends."""
        self._open.pop()
        self._marks.append((self._clock.mark(), self._open[-1] if self._open else None))

    def collect(self) -> None:
        """Add up the marks that the device has come to, without waiting for any."""
        marks, clock = self._marks, self._clock
        while len(marks) > 1 and clock.passed(marks[1][0]):
            first, stage = marks.popleft()
            if stage is not None:
                self._seconds[stage] += clock.seconds(first, marks[0][0])

    def settle(self) -> None:
        """Wait for the device, and add up everything until now, also of a stage still open."""
        self._marks.append((self._clock.mark(), self._open[-1] if self._open else None))
        self._clock.wait(self._marks[-1][0])
        self.collect()

    def elapsed(self) -> float:
        """Wall seconds since the context was entered, until it was left."""
        return (time.perf_counter() if self._ended is None else self._ended) - self._begun

    def totals(self) -> dict[str, float]:
        """Seconds by stage and the number of steps, as far as they are added up."""
        return {str(stage): spent for stage, spent in self._seconds.items()} | {"steps": self.steps}

    def add(self, totals: Mapping[str, float]) -> None:
        """Add what an earlier process has measured, in the form of :meth:`totals`."""
        for stage in STAGES:
            self._seconds[stage] += totals.get(stage, 0.0)
        self.steps += int(totals.get("steps", 0))


_running: ContextVar[Stopwatch | None] = ContextVar("stopwatch", default=None)


def running() -> Stopwatch | None:
    """The stopwatch in whose context this is called."""
    return _running.get()


@contextlib.contextmanager
def uncounted() -> Iterator[None]:
    """No stopwatch runs in this context."""
    token = _running.set(None)
    try:
        yield
    finally:
        _running.reset(token)


class counted(contextlib.ContextDecorator):  # noqa: N801  (read as a word, such as `suppress`)
    """What is done in this context, or in a function so decorated, belongs to a stage.

    Args:
        stage: One of :data:`STAGES`.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __enter__(self) -> None:
        stopwatch = _running.get()
        if stopwatch is not None:
            stopwatch.begin(self._stage)

    def __exit__(self, *_: object) -> None:
        stopwatch = _running.get()
        if stopwatch is not None:
            stopwatch.end()


def timings(
    stopwatch: Stopwatch,
    batch_size: int,
    *,
    startup: float = 0.0,
    earlier: float = 0.0,
    **spans: float,
) -> Timings:
    """What a stopwatch has measured until now, as a record.

    Model FLOPs utilisation is that of Chowdhery et al., PaLM, JMLR 2023, appendix B: operations of
    the model's own passes, which are counted and not estimated, over those that the device could
    have done in the time of the step.

    Args:
        stopwatch: Still running, or ended.
        batch_size: Images of a training step.
        startup: Seconds from the start of the process to that of the work.
        earlier: Wall seconds before an interruption.
        spans: Other fields of the record.
    """
    if stopwatch is running():
        stopwatch.settle()
    totals = stopwatch.totals()
    stages = {stage: totals[stage] for stage in STAGES}
    whole = earlier + stopwatch.elapsed()
    training = sum(stages[stage] for stage in TRAINING)
    rate = stopwatch.steps / training if training and stopwatch.steps else None
    flops, peak = stopwatch.step_flops, stopwatch.peak_flops
    return Timings.model_validate(
        {f"{stage}_seconds": seconds for stage, seconds in stages.items()}
        | spans
        | {
            "startup_seconds": startup,
            "other_seconds": max(0.0, whole - sum(stages.values())),
            "total_seconds": whole,
            "images_per_second": rate * batch_size if rate else None,
            "flops_utilisation": rate * flops / peak if rate and flops and peak else None,
            "compiled": stopwatch.compiled,
        }
    )


def process_age() -> float:
    """Seconds since this process was started, to a hundredth; zero where Linux does not tell."""
    try:
        # The name of the program, in brackets, may hold spaces.
        fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks = int(fields[19])
        uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
        return max(0.0, uptime - ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, IndexError):
        return 0.0
