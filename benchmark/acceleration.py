"""Compiled kernels for trainings on a GPU that are long enough to pay for compiling them."""

from __future__ import annotations

from benchmark.accounting import running
from benchmark.backbones.base import Backbone
from benchmark.operations import multiply_adds

PAYS_FROM_SECONDS = 10.0
"""Operations of a whole training, in seconds of the GPU's peak.

Networks reach a twentieth to a third of the peak without compiled kernels, so that this is half a
minute at least; compiling takes about as long. It follows from the work and the GPU alone, so that
two runs of one training agree in it.
"""


def accelerate(backbone: Backbone, size: tuple[int, int], batch_size: int, steps: int) -> None:
    """Fuse a backbone where its training is long, and tell the running stopwatch.

    Without a stopwatch that knows its device's peak, as on CPUs, nothing happens. Operations are
    counted in a forward pass and taken three times, because compiled kernels hide them from the
    counter of the first step: the backward pass does each of them for the features and once more
    for the weights.

    Args:
        backbone: On its device.
        size: Height and width of the images, px.
        batch_size: Images a step.
        steps: Of the whole training.
    """
    stopwatch = running()
    if stopwatch is None or stopwatch.peak_flops is None:
        return
    forward = multiply_adds(backbone, size)
    if forward is None:
        return
    operations = 3 * 2 * forward * batch_size
    if operations * steps >= PAYS_FROM_SECONDS * stopwatch.peak_flops and backbone.fuse():
        stopwatch.step_flops, stopwatch.compiled = operations, True
