"""Compiled kernels are for long trainings on a GPU, decided by the operations of the training."""

from __future__ import annotations

import pytest
import torch

from benchmark.acceleration import PAYS_FROM_SECONDS, SWITCH, accelerate
from benchmark.accounting import Stopwatch, timings
from benchmark.backbones import build, parse_backbone
from benchmark.backbones.base import Backbone
from benchmark.operations import multiply_adds

SIZE = (32, 32)


@pytest.fixture(autouse=True)
def asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "1")


@pytest.fixture
def backbone() -> Backbone:
    return build(parse_backbone("unet[channels=8-16,groups=4]"))


def test_a_training_is_accelerated_from_so_many_operations_on(backbone: Backbone) -> None:
    forward = multiply_adds(backbone, SIZE)
    assert forward is not None
    operations_a_step = 6 * forward * 4
    # A GPU for which ten steps are just long enough.
    peak = 10 * operations_a_step / PAYS_FROM_SECONDS
    for steps, expected in ((9, False), (10, True)):
        with Stopwatch(peak_flops=peak) as stopwatch:
            accelerate(backbone, SIZE, batch_size=4, steps=steps)
            stopwatch.steps = steps
        assert stopwatch.compiled is expected
        assert stopwatch.step_flops == (operations_a_step if expected else None)
        assert timings(stopwatch, 4).compiled is expected


def test_nothing_is_compiled_unless_it_is_asked_for(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SWITCH)
    with Stopwatch(peak_flops=1.0) as stopwatch:
        accelerate(backbone, SIZE, batch_size=4, steps=10**9)
    assert not stopwatch.compiled


def test_without_a_gpu_nothing_changes(backbone: Backbone) -> None:
    accelerate(backbone, SIZE, batch_size=4, steps=10**9)
    with Stopwatch() as stopwatch:
        accelerate(backbone, SIZE, batch_size=4, steps=10**9)
    assert not stopwatch.compiled
    assert all("forward" not in vars(module) for module in backbone.modules())


def test_the_decision_leaves_no_trace_on_random_streams(backbone: Backbone) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    with Stopwatch(peak_flops=1.0):
        accelerate(backbone, SIZE, batch_size=1, steps=1)
    assert torch.equal(torch.rand(3), expected)
