"""The count of multiply-adds equals arithmetic by hand, and leaves no trace on what it counts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import flop_registry

from benchmark.backbones import build, parse_backbone
from benchmark.backbones.base import Detector
from benchmark.frozen import FrozenDetector
from benchmark.operations import OperationCounter, multiply_adds, peak_flops

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


def test_a_step_counts_its_gradients_of_weights_and_of_inputs() -> None:
    first, second = nn.Linear(6, 4, bias=False), nn.Linear(4, 2, bias=False)
    inputs = torch.rand(3, 6)
    with OperationCounter() as counter:
        second(first(inputs)).sum().backward()
    forward = 2 * 3 * (6 * 4 + 4 * 2)
    # The inputs take no gradient.
    assert counter.flops == 2 * forward + 2 * 3 * (4 * 2)


def test_an_operation_that_cannot_be_counted_costs_the_count_and_not_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise ValueError("shapes of another kind")

    monkeypatch.setitem(flop_registry, torch.ops.aten.mm, refuse)
    with OperationCounter() as counter:
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert counter.flops is None
    assert product.tolist() == [[2, 2], [2, 2]]


@pytest.mark.parametrize(
    ("name", "precision", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", torch.bfloat16, 989e12),
        ("NVIDIA H200", torch.float32, 494e12),
        ("NVIDIA A100-SXM4-40GB", torch.bfloat16, 312e12),
        ("NVIDIA L4", torch.bfloat16, 121e12),
        ("NVIDIA L40S", torch.bfloat16, 362e12),
        ("NVIDIA A10G", torch.bfloat16, None),
        ("NVIDIA GeForce RTX 3090 Ti", torch.float32, None),
        ("Radeon", torch.float32, None),
    ],
)
def test_a_peak_is_told_for_the_very_gpu_or_not_at_all(
    name: str, precision: torch.dtype, peak: float | None
) -> None:
    assert peak_flops(name, precision) == peak


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
