"""Warps move places and pixels alike, in both directions and whatever the precision."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark.augment import ViewConfig, pretraining_views
from benchmark.protocol import AugmentationConfig
from benchmark.warp import random_warp

CLEAR = AugmentationConfig(
    gamma=0,
    contrast=0,
    brightness=0,
    dose=None,
    scatter_probability=0,
    blur=0,
    collimation_probability=0,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_points(count: int, size: tuple[int, int]) -> Tensor:
    """(count, 2) points at least 12 px from the border."""
    shares = torch.rand(count, 2, generator=seeded(5))
    return 12 + shares * (torch.tensor([size[1], size[0]]) - 25)


def blobs(points: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """One image (1, height, width) a point (B, 2), dark but for a Gaussian there."""
    rows = torch.arange(size[0]) - points[:, 1:]
    columns = torch.arange(size[1]) - points[:, :1]
    square = rows[:, :, None].square() + columns[:, None, :].square()
    return torch.exp(-square / (2 * sigma**2))[:, None]


@given(
    seed=st.integers(0, 10_000),
    height=st.integers(32, 200),
    width=st.integers(32, 200),
    elastic=st.floats(0, 1),
    rotation=st.floats(0, 180),
)
@settings(max_examples=40, deadline=None)
def test_sources_and_points_of_a_warp_invert_each_other_whatever_the_strengths(
    seed: int, height: int, width: int, elastic: float, rotation: float
) -> None:
    images = torch.zeros(3, 1, height, width)
    config = AugmentationConfig(elastic=elastic, rotation=rotation)
    warp = random_warp(images, seeded(seed), config)
    shares = torch.rand(3, 20, 2, generator=seeded(seed + 1)) * 1.4 - 0.2
    points = shares * torch.tensor([width, height])
    assert (warp.sources(warp.points(points)) - points).norm(dim=-1).max() < 0.01
    assert (warp.points(warp.sources(points)) - points).norm(dim=-1).max() < 0.01


def test_sources_are_the_pixels_that_the_resampling_shows() -> None:
    columns = torch.arange(96.0).expand(64, -1)
    rows = torch.arange(64.0)[:, None].expand(-1, 96)
    for coordinate, ramp in enumerate((columns, rows)):
        images = ramp.expand(4, 1, -1, -1)
        warp = random_warp(images, seeded(), AugmentationConfig())
        asked = random_points(30, (64, 96))[None].expand(4, -1, -1).round()
        shown = warp.images(images)[:, 0]
        found = torch.stack(
            [image[y.long(), x.long()] for image, (x, y) in zip(shown, asked.mT, strict=True)]
        )
        sources = warp.sources(asked)
        limits = torch.tensor([95.0, 63.0])
        inside = ((sources > 0) & (sources < limits)).all(-1)
        assert inside.float().mean() > 0.5
        assert (found - sources[..., coordinate])[inside].abs().max() < 1e-3


def test_places_are_exact_under_autocast_because_bfloat16_moves_them_by_a_pixel() -> None:
    ramp = torch.arange(256.0).expand(2, 1, 256, -1)
    warp = random_warp(ramp, seeded(), AugmentationConfig())
    points = random_points(20, (256, 256)).view(2, 10, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        moved = [warp.images(ramp), warp.points(points), warp.sources(points)]
    exact = [warp.images(ramp), warp.points(points), warp.sources(points)]
    for under_autocast, value in zip(moved, exact, strict=True):
        assert torch.equal(under_autocast, value)


@given(seed=st.integers(0, 10_000), size=st.sampled_from([0.5, 1.0]))
@settings(max_examples=20, deadline=None)
def test_a_place_of_one_view_lies_where_the_other_views_warp_says(seed: int, size: float) -> None:
    points = random_points(6, (64, 48))
    config = ViewConfig(smallest_area=0.7, appearance=CLEAR)
    first, second = pretraining_views(blobs(points, (64, 48), 3.0), seeded(seed), config, size)
    in_first = first.warp.points(points[:, None])
    predicted = second.warp.points(first.warp.sources(in_first))[:, 0]
    height, width = second.images.shape[2:]
    margin = torch.tensor([width, height]) * 0.2
    inside = ((predicted > margin) & (predicted < torch.tensor([width, height]) - margin)).all(-1)
    brightest = second.images.flatten(1).argmax(1)
    found = torch.stack([brightest % width, brightest // width], -1)
    assert ((found - predicted).norm(dim=-1)[inside] < 1.5).all()
