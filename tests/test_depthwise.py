"""Depthwise convolutions that are slow in bfloat16 compute in float32 under autocast on a CPU."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from benchmark.backbones import parse_backbone
from benchmark.backbones.base import Detector
from benchmark.devices import autocast
from benchmark.weights import initial_backbone

CPU = torch.device("cpu")


def convolution(kernel: int, stride: int, groups: int) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(8, 8, kernel, stride, padding=kernel // 2, groups=groups)


@pytest.mark.parametrize(
    ("kernel", "stride", "groups", "in_float32"),
    [(5, 1, 8, True), (3, 2, 8, True), (3, 1, 8, False), (5, 2, 1, False), (5, 2, 4, False)],
)
def test_large_and_strided_depthwise_convolutions_compute_in_float32(
    kernel: int, stride: int, groups: int, in_float32: bool
) -> None:
    layer, images = convolution(kernel, stride, groups), torch.randn(2, 8, 12, 10)
    with autocast(CPU, torch.bfloat16):
        found = layer(images)
    assert found.dtype is torch.bfloat16
    with torch.autocast("cpu", dtype=torch.bfloat16):
        in_bfloat16 = layer(images)
    exact = layer(images).bfloat16()
    assert not torch.equal(exact, in_bfloat16)
    assert torch.equal(found, exact if in_float32 else in_bfloat16)


def test_gradients_are_those_of_float32() -> None:
    layer, images = convolution(5, 2, 8), torch.randn(2, 8, 12, 10)
    with autocast(CPU, torch.bfloat16):
        found = layer(images)
    (gradient,) = torch.autograd.grad(found.float().square().sum(), layer.weight)
    (exact,) = torch.autograd.grad(layer(images).square().sum(), layer.weight)
    torch.testing.assert_close(gradient, exact, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_without_autocast_nothing_changes(precision: torch.dtype) -> None:
    layer, images = convolution(5, 2, 8).to(precision), torch.randn(2, 8, 12, 10).to(precision)
    with autocast(CPU, torch.float32):
        assert torch.equal(layer(images), F.conv2d(images, layer.weight, layer.bias, 2, 2, 1, 8))


def test_a_network_of_depthwise_convolutions_agrees_with_float32() -> None:
    detector = Detector(initial_backbone(parse_backbone("timm/tf_efficientnet_lite0"), 0), 3)
    detector.eval()
    images = torch.rand(2, 1, 64, 64) * 2 - 1
    with torch.no_grad():
        exact = detector(images)
        with autocast(CPU, torch.bfloat16):
            found = detector(images).float()
    assert (found - exact).abs().mean() < 0.05 * exact.std()
