"""Recording what a GPU is told to do, and telling it all at once from then on (CUDA graphs).

A training step of a small network is some thousand kernels, which a GPU runs faster than its host
can launch them. Replayed from a recording they are launched as one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmark.accounting import uncounted
from benchmark.errors import BenchmarkError
from benchmark.parallel import in_team

WARM_UP = 3
"""Calls before the recording: libraries choose kernels in them, and optimisers make their state."""

SWITCH = "LANDMARK_CUDA_GRAPHS"
"""The environment variable that turns recording off where it is 0."""


@dataclass(frozen=True)
class Recorder:
    """Makes recordings of functions where they pay: on a GPU, unless the user has said no.

    Attributes:
        device: Where everything is computed; None: nothing is recorded.
        generators: Random streams on the device that functions draw from, besides torch's own.
    """

    device: torch.device | None = None
    generators: tuple[torch.Generator, ...] = ()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, recorded where that is possible, else as it is."""
        if self.device is None or self.device.type != "cuda" or os.environ.get(SWITCH) == "0":
            return function
        if in_team():
            return function  # Messages between processes are not recorded.
        return Recorded(function, self.generators)


class Recorded:
    """A function of tensors that is recorded after a few calls and replayed from then on.

    The numbers are those of the calls themselves: the same kernels run in the same order, and
    random streams go on as they would.

    Args:
        function: It must do the same operations at every call, read no value back, and use no
            number of Python's that changes. Nothing but tensors goes in.
        generators: Random streams on the device that it draws from, besides torch's own.
    """

    def __init__(
        self, function: Callable[..., Any], generators: Sequence[torch.Generator] = ()
    ) -> None:
        self._function, self._generators = function, generators
        self._stream = torch.cuda.Stream()
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: tuple[Tensor, ...] = ()
        self._outputs: Any = None

    def __call__(self, *inputs: Tensor) -> Any:
        """Call or replay the function.

        Args:
            inputs: On the device, of the same shapes at every call.

        Returns:
            What the function returns. The next call writes over it.

        Raises:
            BenchmarkError: The function cannot be recorded.
        """
        if self._graph is None:
            if self._calls < WARM_UP:
                self._calls += 1
                return self._aside(inputs)
            self._record(inputs)
        assert self._graph is not None
        for kept, given in zip(self._inputs, inputs, strict=True):
            kept.copy_(given)
        self._graph.replay()
        return self._outputs

    def _aside(self, inputs: tuple[Tensor, ...]) -> Any:
        """Call the function on a stream of its own, as what is recorded later wants it."""
        here = torch.cuda.current_stream()
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            outputs = self._function(*inputs)
        here.wait_stream(self._stream)
        return outputs

    def _record(self, inputs: tuple[Tensor, ...]) -> None:
        self._inputs = tuple(value.clone() for value in inputs)
        graph = torch.cuda.CUDAGraph()
        for generator in self._generators:
            graph.register_generator_state(generator)
        try:
            # What is recorded is not done, so that there is no time to count.
            with uncounted(), torch.cuda.graph(graph, stream=self._stream):
                self._outputs = self._function(*self._inputs)
        except RuntimeError as error:
            raise BenchmarkError(
                f"a training step could not be recorded as a CUDA graph ({error}): set the "
                f"environment variable {SWITCH}=0 and run again, which launches kernels singly"
            ) from error
        self._graph = graph
