"""Compiled kernels for trainings on a GPU that are long enough to pay for compiling them.

They are off unless asked for, because what they save has not been measured yet
(docs/performance.md).
"""

from __future__ import annotations

import os

from benchmark.accounting import running
from benchmark.backbones.base import Backbone
from benchmark.operations import multiply_adds

PAYS_FROM_SECONDS = 10.0
"""Operations of a whole training, in seconds of the GPU's peak.

Networks reach a twentieth to a third of the peak without compiled kernels, so that this is half a
minute at least; compiling takes about as long. It follows from the work and the GPU alone, so that
two runs of one training agree in it.
"""

SWITCH = "LANDMARK_COMPILE"
"""The environment variable that asks for compiled kernels where it is 1."""


def accelerate(backbone: Backbone, size: tuple[int, int], batch_size: int, steps: int) -> None:
    """Fuse a backbone where its training is long, and tell the running stopwatch.

    Nothing happens where nobody has asked for it, or where no stopwatch knows its device's peak, as
    on CPUs. Operations are counted in a forward pass and taken three times, because compiled
    kernels hide them from the counter of the first step: the backward pass does each of them for
    the features and once more for the weights.

    Args:
        backbone: On its device.
        size: Height and width of the images, px.
        batch_size: Images a step.
        steps: Of the whole training.
    """
    stopwatch = running()
    if os.environ.get(SWITCH) != "1" or stopwatch is None or stopwatch.peak_flops is None:
        return
    forward = multiply_adds(backbone, size)
    if forward is None:
        return
    operations = 3 * 2 * forward * batch_size
    if operations * steps >= PAYS_FROM_SECONDS * stopwatch.peak_flops and backbone.fuse():
        stopwatch.step_flops, stopwatch.compiled = operations, True
