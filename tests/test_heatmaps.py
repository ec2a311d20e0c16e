"""Decoding inverts encoding to a twentieth of a pixel everywhere, borders and corners included."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark.errors import UsageError
from benchmark.heatmaps import (
    DECODERS,
    decode,
    gaussian_target,
    positive_weight,
    valid_landmarks,
)
from benchmark.losses import LOSSES

TOLERANCE = 0.05


def everywhere(height: int, width: int) -> Tensor:
    """Points (1, L, 2) over the whole image: its inside, its borders and its four corners."""
    generator = torch.Generator().manual_seed(height * 1000 + width)
    inside = torch.rand(200, 2, generator=generator)
    edges = torch.rand(200, 2, generator=generator)
    edges[torch.arange(200), torch.arange(200) % 2] = (torch.arange(200) // 2 % 2).float()
    near = edges + (torch.rand(200, 2, generator=generator) - 0.5) * 0.1
    corners = torch.cartesian_prod(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0]))
    shares = torch.cat([inside, edges, near, corners]).clamp(0, 1)
    return (shares * torch.tensor([width, height]) - 0.5)[None]


def distance(found: Tensor, truth: Tensor) -> Tensor:
    result: Tensor = (found - truth).norm(dim=-1)
    return result


@pytest.mark.parametrize("size", [(128, 128), (160, 128), (40, 97), (16, 16)])
@pytest.mark.parametrize("sigma", [1.0, 1.5, 3.0])
def test_the_default_decoder_inverts_encoding_anywhere(size: tuple[int, int], sigma: float) -> None:
    points = everywhere(*size)
    logits = gaussian_target(points, size, sigma).log()
    assert distance(decode(logits, sigma=sigma), points).max() < TOLERANCE


@given(
    width=st.integers(12, 96),
    height=st.integers(12, 96),
    across=st.floats(0, 1),
    down=st.floats(0, 1),
    sigma=st.floats(0.8, 3),
    offset=st.floats(-50, 50),
)
@settings(max_examples=100, deadline=None)
def test_any_position_size_sigma_and_level_of_the_logits_is_inverted(
    width: int, height: int, across: float, down: float, sigma: float, offset: float
) -> None:
    points = torch.tensor([[[across * width - 0.5, down * height - 0.5]]])
    # The floor is what a network's softmax leaves far from the landmark.
    logits = (gaussian_target(points, (height, width), sigma) + 1e-9).log() + offset
    assert distance(decode(logits, sigma=sigma), points).max() < TOLERANCE


def test_the_log_parabola_inverts_encoding_anywhere_too() -> None:
    points = everywhere(60, 44)
    logits = gaussian_target(points, (60, 44)).log()
    assert distance(decode(logits, "parabola"), points).max() < TOLERANCE


@pytest.mark.parametrize("loss", ["mse", "awing", "bce"])
def test_the_decoder_of_each_regression_loss_inverts_its_target(loss: str) -> None:
    size, sigma = (48, 64), 2.0
    points = everywhere(*size)
    target = gaussian_target(points, size, sigma).double()
    target = target / target.amax((-1, -2), keepdim=True) * 0.999
    # What minimises the weighted cross-entropy is not the target but its weighted odds.
    odds = (target / (1 - target)).log() + math.log(positive_weight(size, sigma))
    logits = (odds if loss == "bce" else target).float()
    assert distance(decode(logits, LOSSES[loss].decoder, sigma), points).max() < TOLERANCE


def test_argmax_is_within_half_a_pixel_along_each_axis() -> None:
    points = everywhere(50, 70)
    found = decode(gaussian_target(points, (50, 70)).log(), "argmax")
    assert (found - points).abs().max() <= 0.5 + 1e-4
    assert torch.equal(found, found.round())


def test_the_global_expectation_inverts_encoding_away_from_the_border() -> None:
    points = torch.tensor([[[20.3, 30.7], [35.5, 11.1]]])
    found = decode(gaussian_target(points, (50, 50)).log(), "soft")
    assert distance(found, points).max() < 1e-3


def test_noise_hurts_the_default_decoder_less_than_the_alternatives() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(20, 10, 2, generator=generator) * 40 + 12
    logits = (gaussian_target(points, (64, 64)) + 1e-9).log()
    noisy = logits + 0.5 * torch.randn(logits.shape, generator=generator)
    local, argmax, parabola = (
        distance(decode(noisy, name), points).mean() for name in ("local", "argmax", "parabola")
    )
    assert local < 0.2
    assert local < 0.5 * min(argmax, parabola)


def test_a_second_distant_peak_does_not_move_the_default_decoder() -> None:
    points = torch.tensor([[[10.25, 12.75]]])
    ghost = gaussian_target(torch.tensor([[[50.0, 50.0]]]), (64, 64))
    logits = (gaussian_target(points, (64, 64)) + 0.8 * ghost + 1e-9).log()
    assert distance(decode(logits), points).max() < TOLERANCE
    assert distance(decode(logits, "soft"), points).max() > 10


def test_the_contour_decoder_takes_the_centroid_of_the_largest_region() -> None:
    logits = torch.full((2, 2, 20, 30), -1.0)
    logits[0, 0, 2:5, 3:8] = 1.0  # the largest, though not the highest
    logits[0, 0, 15, 25] = 1.5
    logits[0, 1, 10, 10] = logits[0, 1, 11, 11] = 1.0  # touching at a corner
    logits[1, 0, 0, :3] = 4.0
    logits[1, 0, 5:9, 5:9] = 1.9  # below half of the maximum
    logits[1, 1, 19, 29] = -0.5  # nothing positive: the highest pixel
    expected = torch.tensor([[[5.0, 3.0], [10.5, 10.5]], [[1.0, 0.0], [29.0, 19.0]]])
    assert torch.equal(decode(logits, "contour"), expected)


@pytest.mark.parametrize("name", list(DECODERS))
def test_decoders_keep_to_the_image_and_to_float32(name: str) -> None:
    logits = torch.randn(2, 3, 9, 14, generator=torch.Generator().manual_seed(0)) * 5
    found = decode(logits.bfloat16().requires_grad_(), name)
    assert found.shape == (2, 3, 2)
    assert found.dtype == torch.float32
    assert not found.requires_grad
    assert valid_landmarks(found, (9, 14)).all()


@pytest.mark.parametrize("name", ["local", "parabola", "argmax", "contour"])
def test_each_map_is_decoded_on_its_own(name: str) -> None:
    points = torch.rand(3, 4, 2, generator=torch.Generator().manual_seed(1)) * 30
    logits = (gaussian_target(points, (32, 32)) + 1e-6).log() + 14
    together = decode(logits, name)
    single = torch.stack(
        [torch.cat([decode(m[None, None], name)[0] for m in image]) for image in logits]
    )
    assert torch.allclose(together, single, atol=1e-5)


def test_targets_have_mass_one_even_where_the_border_cuts_them() -> None:
    points = torch.tensor([[[-0.5, -0.5], [31.0, 7.3], [90.0, -40.0], [math.nan, 3.0]]])
    target = gaussian_target(points, (20, 32))
    assert target.shape == (1, 4, 20, 32)
    assert torch.allclose(target.sum((-1, -2)), torch.tensor([[1.0, 1.0, 1.0, 0.0]]))
    assert torch.isfinite(target).all()


def test_the_centre_of_a_target_is_not_rounded() -> None:
    target = gaussian_target(torch.tensor([[[10.5, 8.0]]]), (20, 20))[0, 0]
    assert target[8, 10] == pytest.approx(float(target[8, 11]))
    assert target[8, 10] > target[8, 12]


def test_only_finite_landmarks_inside_the_image_are_valid() -> None:
    points = torch.tensor(
        [[[-0.5, -0.5], [29.5, 19.5], [29.6, 5.0], [5.0, -0.6], [math.nan, 5.0], [19.6, 5.0]]]
    )
    expected = [True, True, False, False, False, True]
    assert valid_landmarks(points, (20, 30)).tolist() == [expected]


def test_an_unknown_decoder_is_answered_with_the_names() -> None:
    with pytest.raises(UsageError, match=r"'middle'.*local"):
        decode(torch.zeros(1, 1, 4, 4), "middle")
