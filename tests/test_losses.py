"""Each loss is lowest at the landmark, learns, and leaves missing landmarks alone."""

import math

import pytest
import torch
from torch import Tensor, nn

from benchmark.errors import UsageError
from benchmark.heatmaps import decode, gaussian_target, valid_landmarks
from benchmark.losses import LOSSES, channel_softmax_loss, heatmap_loss, softmax_loss

ALL = list(LOSSES)
SIZE = (24, 32)
POINTS = torch.tensor([[[7.3, 9.6], [22.5, 14.2], [13.0, 18.8]]])


def differentiate(value: Tensor) -> None:
    torch.autograd.backward([value])


@pytest.mark.parametrize("name", ALL)
def test_minimising_the_loss_puts_the_decoded_point_on_the_landmark(name: str) -> None:
    loss = LOSSES[name]
    logits = torch.zeros(1, 3, *SIZE, requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.1)
    for _ in range(300):
        optimiser.zero_grad()
        differentiate(loss(logits, POINTS, valid_landmarks(POINTS, SIZE)))
        optimiser.step()
    error = (decode(logits, loss.decoder) - POINTS).norm(dim=-1).max()
    # A disk of radius 1 px says no more than which pixels are near.
    assert error < (0.6 if name == "channel-softmax" else 0.05)


@pytest.mark.parametrize("name", ALL)
def test_a_small_network_learns_one_image(name: str) -> None:
    torch.manual_seed(0)
    loss, valid = LOSSES[name], valid_landmarks(POINTS, SIZE)
    image = gaussian_target(POINTS, SIZE, 2.0) * 25 * torch.tensor([1.0, -1.0, 0.5])[:, None, None]
    image = image.sum(1, keepdim=True)
    width = 16
    network = nn.Sequential(
        nn.Conv2d(1, width, 5, padding=2),
        nn.GroupNorm(4, width),
        nn.SiLU(),
        nn.Conv2d(width, width, 5, padding=2),
        nn.GroupNorm(4, width),
        nn.SiLU(),
        nn.Conv2d(width, 3, 1),
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for _ in range(80):
        optimiser.zero_grad()
        differentiate(loss(network(image), POINTS, valid))
        optimiser.step()
    error = (decode(network(image), loss.decoder) - POINTS).norm(dim=-1)
    assert error.max() < 1.5


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("missing", [math.nan, 1e4, math.inf, 5.0])
def test_a_masked_landmark_gets_no_gradient_and_changes_nothing(name: str, missing: float) -> None:
    loss = LOSSES[name]
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 3, *SIZE, generator=generator).requires_grad_()
    points = POINTS.clone()
    points[0, 1] = missing
    value = loss(logits, points, torch.tensor([[True, False, True]]))
    differentiate(value)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[0, 1] == 0).all()
    assert (logits.grad[0, 0] != 0).any()
    without = loss(logits.detach()[:, [0, 2]], points[:, [0, 2]], torch.ones(1, 2).bool())
    assert value.item() == pytest.approx(without.item(), rel=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_a_batch_without_any_landmark_costs_nothing(name: str) -> None:
    logits = torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(0)).requires_grad_()
    value = LOSSES[name](logits, torch.full((2, 3, 2), math.nan), torch.zeros(2, 3).bool())
    differentiate(value)
    assert value.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("name", ALL)
def test_half_precision_logits_give_a_finite_float32_loss(name: str) -> None:
    logits = torch.full((1, 3, *SIZE), 30.0, dtype=torch.bfloat16)
    value = LOSSES[name](logits, POINTS, torch.ones(1, 3).bool())
    assert value.dtype == torch.float32
    assert torch.isfinite(value)


def test_the_softmax_loss_is_the_cross_entropy_to_the_target() -> None:
    logits = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    logarithm = logits.flatten(2).log_softmax(-1)
    expected = -(gaussian_target(POINTS, SIZE).flatten(2) * logarithm).sum(-1).mean()
    value = softmax_loss(logits, POINTS, torch.ones(1, 3).bool())
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_channel_softmax_ignores_pixels_outside_all_disks() -> None:
    logits = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(0)).requires_grad_()
    differentiate(channel_softmax_loss(logits, POINTS, torch.ones(1, 3).bool()))
    assert logits.grad is not None
    touched = (logits.grad != 0).any(1)[0]
    assert touched[10, 7]
    assert not touched[2, 2]


def test_the_disks_have_the_radius_of_the_paper() -> None:
    logits = torch.zeros(1, 2, 256, 256, requires_grad=True)
    points = torch.tensor([[[128.0, 100.0], [30.0, 200.0]]])
    differentiate(channel_softmax_loss(logits, points, torch.tensor([[True, True]])))
    assert logits.grad is not None
    area = (logits.grad[0, 0] < 0).sum().item()
    assert area == pytest.approx(math.pi * 5.887**2, abs=4)


def test_an_unknown_loss_is_answered_with_the_names() -> None:
    with pytest.raises(UsageError, match=r"'hinge'.*softmax"):
        heatmap_loss("hinge")
