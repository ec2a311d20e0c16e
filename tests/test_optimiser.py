"""The optimiser: its schedule, its clipping, and fused kernels that change nothing but rounding."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from benchmark.backbones import build, parse_backbone
from benchmark.optimiser import Schedule, Update

CPU = torch.device("cpu")


def test_the_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    schedule = Schedule(steps=100, learning_rate=1.0, warmup=0.1)
    factors = [schedule.factor(step) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == factors[9] == factors[10] == pytest.approx(1.0)
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[-1] < 0.01


def test_the_gradient_is_clipped_and_the_rate_told() -> None:
    weight = nn.Parameter(torch.zeros(4))
    weight.grad = torch.full((4,), 100.0)
    update = Update([weight], Schedule(10, 0.5, gradient_clip=1.0), CPU)
    assert update(3) == pytest.approx(0.5 * Schedule(10, 0.5).factor(3))
    assert weight.grad.norm() == pytest.approx(1.0, abs=1e-4)
    update.forget()
    assert weight.grad is None


def test_what_takes_no_gradient_is_left_alone() -> None:
    frozen, trained = nn.Parameter(torch.ones(2), requires_grad=False), nn.Parameter(torch.ones(2))
    trained.grad = torch.ones(2)
    Update([frozen, trained], Schedule(1, 0.1), CPU)(0)
    assert torch.equal(frozen, torch.ones(2))
    assert not torch.equal(trained, torch.ones(2))


@pytest.mark.parametrize("name", ["unet[channels=16-32,patch=2]", "timm/resnet10t"])
def test_a_fused_step_equals_a_plain_one_up_to_rounding(name: str) -> None:
    """Also where convolutions lie in channels-last order, as in timm's networks."""
    torch.manual_seed(0)
    network = build(parse_backbone(name))
    plain = copy.deepcopy(network)
    images = torch.rand(2, 1, 64, 64)
    for each in (network, plain):
        each(images).square().mean().backward()
    schedule = Schedule(steps=1, learning_rate=1e-3, weight_decay=0.1, gradient_clip=0.5)
    Update(network.parameters(), schedule, CPU)(0)
    torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.5, foreach=False)
    torch.optim.AdamW(plain.parameters(), lr=1e-3, weight_decay=0.1, fused=False).step()
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-6)
