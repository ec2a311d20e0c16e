"""Models Genesis: what each damage changes, and what it leaves alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark.methods import _genesis_damage as damages
from benchmark.methods.genesis import Genesis
from benchmark.registry import registry
from tests.methods.restoration_tasks import grey, random


def genesis(options: str) -> Genesis:
    created = registry("method").create(f"genesis[{options}]")
    assert isinstance(created, Genesis)
    return created


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_curve_over_grey_values_is_monotone_and_keeps_the_range(
    seed: int, negative: bool
) -> None:
    ramp = torch.linspace(0, 1, 900).view(1, 1, 30, 30).repeat(3, 1, 1, 1)
    inverted = torch.full((3,), negative)
    curved = damages.change_grey(ramp, inverted, random(seed)).flatten(1)
    rising = -curved.diff(dim=1) if negative else curved.diff(dim=1)
    assert (rising >= -1e-6).all()
    ends = torch.tensor([1.0, 0.0] if negative else [0.0, 1.0]).expand(3, 2)
    assert torch.allclose(curved[:, [0, -1]], ends, atol=1e-5)
    assert not torch.allclose(curved[0], curved[1], atol=1e-3)


def test_local_shuffling_moves_pixels_within_their_window_and_nowhere_else() -> None:
    images = grey()
    numbers = damages.windows(images, random(5))
    shuffled = damages.shuffle_locally(images, random(5))
    assert not torch.equal(shuffled, images)
    for before, after, number in zip(images, shuffled, numbers, strict=True):
        for window in number.unique():
            here = number == window
            assert int(here.sum()) <= 4 * 4
            pixels = (x.flatten()[here].sort().values for x in (before, after))
            assert torch.equal(*pixels)


def boxes(places: Tensor) -> Tensor:
    """Rows by columns spanned by the places of each image."""
    spans = [(p.any(dim=1).sum(), p.any(dim=0).sum()) for p in places[:, 0]]
    return torch.tensor(spans)


def test_outpainting_keeps_a_box_of_half_a_side_and_inpainting_hides_small_ones() -> None:
    images = grey(batch=200, height=84, width=84)
    outside = torch.arange(200) < 100
    hidden = damages.painted(images, outside, random(2))
    kept, painted = ~hidden[:100], hidden[100:]
    assert (boxes(kept) >= 84 * 3 // 7 - 1).all()
    assert (boxes(painted) >= 84 // 6 - 1).all()
    for places, least, most in ((kept, 35, 48), (painted, 13, 28)):
        # Eroding by more than the largest box leaves nothing of a single box, but the least fits.
        fits = torch.nn.functional.avg_pool2d(places.float(), least, 1).amax(dim=(1, 2, 3))
        assert (fits > 0.999).all()
        assert places.float().mean(dim=(1, 2, 3)).min() <= (most / 84) ** 2
    assert hidden[:100].float().mean() > 0.3
    assert 0.05 < painted.float().mean() < 0.4


def test_painting_replaces_only_the_painted_pixels_by_noise() -> None:
    only = "grey=0,shuffling=0,painting=1,outpainting=1"
    clean = grey(height=84, width=84) * 0.5 - 0.25
    damaged = genesis(only).damaged(clean, random())
    same = torch.isclose(damaged, clean, atol=1e-6)
    assert (boxes(same) >= 84 * 3 // 7 - 1).all()
    noise = damaged[~same]
    assert noise.min() < -0.95
    assert noise.max() > 0.95
    assert same.float().mean() < 0.7


@pytest.mark.parametrize("damage", ["grey", "shuffling", "painting"])
def test_each_damage_happens_as_often_as_its_option_says(damage: str) -> None:
    never = "grey=0,shuffling=0,painting=0"
    clean = grey(batch=64) * 2 - 1
    assert torch.allclose(genesis(never).damaged(clean, random()), clean, atol=1e-6)
    sometimes = genesis(never.replace(f"{damage}=0", f"{damage}=0.5"))
    difference = (sometimes.damaged(clean, random()) - clean).abs().amax(dim=(1, 2, 3))
    assert 20 < int((difference > 1e-3).sum()) < 44
    always = genesis(never.replace(f"{damage}=0", f"{damage}=1"))
    difference = (always.damaged(clean, random()) - clean).abs().amax(dim=(1, 2, 3))
    assert (difference > 1e-3).all()
