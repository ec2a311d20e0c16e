"""Fused blocks compute what diffusers' residual blocks compute, gradients included."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from diffusers.models.resnet import ResnetBlock2D
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from benchmark.backbones import build, fused_blocks, parse_backbone


@pytest.fixture(autouse=True)
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels' definition itself: a compiler for CPUs takes minutes."""
    monkeypatch.setattr(fused_blocks, "_compiled", lambda: fused_blocks.norm_silu)


@settings(max_examples=30, deadline=None)
@given(
    batch=st.integers(1, 3),
    groups=st.integers(1, 4),
    width=st.integers(1, 4),
    height=st.integers(1, 6),
    shifted=st.booleans(),
    seed=st.integers(0, 99),
)
def test_one_kernel_equals_normalisation_then_activation(
    batch: int, groups: int, width: int, height: int, shifted: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    channels = groups * width
    norm = nn.GroupNorm(groups, channels, eps=1e-3, dtype=torch.float64)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    features = torch.randn(batch, channels, height, 3, dtype=torch.float64, requires_grad=True)
    shift = torch.randn(batch, channels, dtype=torch.float64, requires_grad=True)
    parts = [features, norm.weight, norm.bias] + [shift] * shifted

    def gradients(out: torch.Tensor) -> list[torch.Tensor]:
        return list(torch.autograd.grad(out.square().sum(), parts))

    moved = features + shift[:, :, None, None] if shifted else features
    plain = F.silu(norm(moved))
    fused = fused_blocks.activated(features, norm, shift if shifted else None)
    torch.testing.assert_close(fused, plain, rtol=1e-4, atol=1e-4)
    for ours, theirs in zip(gradients(fused), gradients(plain), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", ["unet[channels=8-16,groups=4]", "unet[attention=true,layers=2]"])
def test_a_fused_network_is_the_same_function_with_the_same_weights(name: str) -> None:
    torch.manual_seed(0)
    plain = build(parse_backbone(name))
    fused = copy.deepcopy(plain)
    assert fused.fuse()
    assert fused.state_dict().keys() == plain.state_dict().keys()
    images, t = torch.randn(2, 1, 32, 32), torch.tensor([0, 700])
    torch.testing.assert_close(fused(images, t), plain(images, t), rtol=1e-4, atol=1e-4)


def test_every_residual_block_is_fused_and_a_copy_fuses_its_own() -> None:
    network = build(parse_backbone("unet[channels=8-16,groups=4]"))
    network.fuse()
    twin = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    fused = [(m, vars(m)["forward"]) for m in twin.modules() if "forward" in vars(m)]
    assert len(fused) == sum(isinstance(m, ResnetBlock2D) for m in network.modules()) > 0
    for block, forward in fused:
        assert forward.args == (block,)
    assert not torch.equal(network(torch.ones(1, 1, 32, 32)), twin(torch.ones(1, 1, 32, 32)))


def test_a_network_without_such_blocks_stays_as_it_is() -> None:
    assert not build(parse_backbone("timm/resnet10t")).fuse()
