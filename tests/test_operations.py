"""The count of multiply-adds equals arithmetic by hand, and leaves no trace on what it counts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from benchmark.backbones import build, parse_backbone
from benchmark.backbones.base import Detector
from benchmark.frozen import FrozenDetector
from benchmark.operations import multiply_adds

TINY = {"unet": {"channels": [8, 16], "layers": 1, "patch": 2, "groups": 4}}


class Attention(nn.Module):
    """Each pixel is a token, of eight numbers: enough for the fused operation."""

    def forward(self, images: Tensor) -> Tensor:
        tokens = images.flatten(2).transpose(1, 2)[:, None].repeat(1, 1, 1, 8)
        return nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)


class Noisy(nn.Module):
    """Draws random numbers in its forward pass, and keeps statistics while it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.dropout = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.dropout(self.norm(images + torch.rand_like(images)))
        return out


class Breaks(nn.Module):
    """Cannot be passed through."""

    def forward(self, images: Tensor) -> Tensor:
        raise RuntimeError("a bolt came loose")


def test_a_convolution_counts_its_kernel_at_every_output() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))
    assert multiply_adds(network, (8, 6)) == (8 * 6 // 4) * (4 * 1 * 9 + 2 * 4)


def test_a_linear_layer_counts_its_weights() -> None:
    assert multiply_adds(nn.Sequential(nn.Flatten(), nn.Linear(48, 5)), (8, 6)) == 48 * 5


def test_attention_counts_its_two_products_on_a_cpu_too() -> None:
    assert multiply_adds(Attention(), (8, 6)) == 2 * 48 * 48 * 8


def test_twice_the_pixels_are_twice_the_operations_of_a_convolutional_network() -> None:
    detector = Detector(build(parse_backbone("unet[attention=false]", TINY)), 19)
    first, second = multiply_adds(detector, (64, 64)), multiply_adds(detector, (64, 128))
    assert first is not None
    assert second is not None
    # The embedding of the time step is the same for every size.
    assert second == pytest.approx(2 * first, rel=1e-3)
    assert first > sum(p.numel() for p in detector.parameters())


def test_a_frozen_network_counts_with_its_linear_head() -> None:
    backbone = build(parse_backbone("unet", TINY))
    body = multiply_adds(backbone, (64, 64))
    whole = multiply_adds(FrozenDetector(backbone, 19, (64, 64)), (64, 64))
    assert body is not None
    assert whole is not None
    assert whole > body


def test_counting_changes_no_random_stream_statistic_mode_or_weight() -> None:
    noisy = Noisy()
    network = nn.Sequential(noisy, nn.Conv2d(1, 2, 1)).train()
    noisy.dropout.eval()
    modes = [module.training for module in network.modules()]
    state = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(3)
    before = torch.get_rng_state()
    assert multiply_adds(network, (8, 6)) == 2 * 48
    assert torch.equal(torch.get_rng_state(), before)
    assert [module.training for module in network.modules()] == modes
    for name, value in network.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_network_that_cannot_be_passed_through_has_no_count_and_keeps_its_mode() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1), Breaks())
    assert multiply_adds(network, (8, 6)) is None
    assert network.training
    assert all(module.training for module in network.modules())
