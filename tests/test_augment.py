"""Augmentation moves image and landmark together, reproducibly, and looks like an exposure."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark.augment import Augmentation, ViewConfig, collimate, expose, pretraining_views
from benchmark.heatmaps import valid_landmarks
from benchmark.protocol import AugmentationConfig
from benchmark.warp import Warp, random_crop, random_warp

NOTHING = AugmentationConfig(
    rotation=0,
    scale=0,
    shift=0,
    elastic=0,
    gamma=0,
    contrast=0,
    brightness=0,
    dose=None,
    scatter_probability=0,
    blur=0,
    collimation_probability=0,
)
SIZES = [(128, 128), (160, 112), (90, 150)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blobs(points: Tensor, size: tuple[int, int], sigma: float = 2.5) -> Tensor:
    """One image (1, height, width) in [-1, 1] a point (B, 2), dark but for a Gaussian there."""
    rows = torch.arange(size[0]) - points[:, 1:]
    columns = torch.arange(size[1]) - points[:, :1]
    square = rows[:, :, None].square() + columns[:, None, :].square()
    return (2 * torch.exp(-square / (2 * sigma**2)) - 1)[:, None]


def centroids(images: Tensor) -> Tensor:
    """Centre of brightness (B, 2) of images that are -1 but for one blob."""
    mass = (images[:, 0] + 1).double()
    mass = mass / mass.sum((-1, -2), keepdim=True)
    columns = torch.arange(mass.shape[2], dtype=torch.float64)
    rows = torch.arange(mass.shape[1], dtype=torch.float64)
    return torch.stack([mass.sum(1) @ columns, mass.sum(2) @ rows], -1).float()


def random_points(count: int, size: tuple[int, int]) -> Tensor:
    """(count, 2) points at least 12 px from the border."""
    shares = torch.rand(count, 2, generator=seeded(5))
    return 12 + shares * (torch.tensor([size[1], size[0]]) - 25)


def separation(warp: Warp, points: Tensor, size: tuple[int, int]) -> Tensor:
    """Distance between the moved blob and the moved landmark where both are well inside."""
    found = centroids(warp.images(blobs(points, size)))
    moved = warp.points(points[:, None])[:, 0]
    height, width = warp.size
    limit = torch.tensor([width, height]) - 11
    inside = ((moved > 10) & (moved < limit)).all(-1)
    assert inside.sum() > len(points) / 4
    distance: Tensor = (found - moved).norm(dim=-1)
    return distance[inside]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("elastic", [0.0, 0.01, 0.02])
def test_a_blob_and_its_landmark_move_together(size: tuple[int, int], elastic: float) -> None:
    config = AugmentationConfig(elastic=elastic)
    points = random_points(80, size)
    warp = random_warp(blobs(points, size), seeded(), config)
    assert separation(warp, points, size).max() < 0.2
    assert (warp.points(points[:, None])[:, 0] - points).norm(dim=-1).mean() > 3


def test_a_blob_and_its_landmark_move_together_under_elastic_deformation_alone() -> None:
    points = random_points(80, (128, 96))
    config = NOTHING.model_copy(update={"elastic": 0.02})
    warp = random_warp(blobs(points, (128, 96)), seeded(), config)
    assert separation(warp, points, (128, 96)).max() < 0.2
    assert (warp.points(points[:, None])[:, 0] - points).norm(dim=-1).max() > 0.8


@pytest.mark.parametrize("output", [(64, 64), (128, 96), (80, 50)])
def test_crops_of_another_size_move_points_as_they_move_the_image(
    output: tuple[int, int],
) -> None:
    points = random_points(80, (128, 96))
    images = blobs(points, (128, 96), sigma=4)
    warp = random_crop(images, seeded(), output, smallest_area=0.7, aspect=1.2, rotation=15)
    found, moved = centroids(warp.images(images)), warp.points(points[:, None])[:, 0]
    margin = 14
    limit = torch.tensor([output[1], output[0]]) - 1 - margin
    inside = ((moved > margin) & (moved < limit)).all(-1)
    assert inside.sum() > 15
    assert (found - moved).norm(dim=-1)[inside].max() < 0.2


def test_even_the_strongest_elastic_deformation_does_not_fold() -> None:
    images = torch.zeros(50, 1, 64, 96)
    warp = random_warp(images, seeded(), AugmentationConfig(elastic=1.0))
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing="ij")
    lattice = torch.stack([columns, rows], -1).view(1, -1, 2).expand(50, -1, -1)
    image = warp.sources(lattice).view(50, 64, 96, 2)
    right = image[:, :-1, 1:] - image[:, :-1, :-1]
    down = image[:, 1:, :-1] - image[:, :-1, :-1]
    area = right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]
    assert area.min() > 0


def test_a_missing_landmark_stays_missing_and_disturbs_no_other() -> None:
    points = random_points(4, (64, 64)).view(1, 4, 2)
    holed = points.clone()
    holed[0, 2, 0] = math.nan
    images = torch.zeros(1, 1, 64, 64)
    _, whole = Augmentation()(images, points, seeded())
    _, moved = Augmentation()(images, holed, seeded())
    assert whole is not None
    assert moved is not None
    assert moved[0, 2].isnan().all()
    assert torch.equal(moved[0, [0, 1, 3]], whole[0, [0, 1, 3]])


def test_the_same_generator_seed_gives_the_same_batch() -> None:
    images = torch.rand(4, 1, 48, 40, generator=seeded(9)) * 2 - 1
    points = random_points(12, (48, 40)).view(4, 3, 2)
    first, second = (Augmentation()(images, points, seeded(3)) for _ in range(2))
    other = Augmentation()(images, points, seeded(4))
    assert torch.equal(first[0], second[0])
    assert first[1] is not None
    assert second[1] is not None
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[0], other[0])


def test_the_global_random_stream_is_neither_used_nor_moved() -> None:
    images = torch.rand(2, 1, 32, 32, generator=seeded(9)) * 2 - 1
    points = torch.full((2, 1, 2), 15.0)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, _ = Augmentation()(images, points, seeded())
    pretraining_views(images, seeded())
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    second, _ = Augmentation()(images, points, seeded())
    assert torch.equal(first, second)


def test_each_image_of_a_batch_is_augmented_in_its_own_way() -> None:
    images = (torch.rand(1, 1, 40, 40, generator=seeded(9)) * 2 - 1).expand(6, -1, -1, -1)
    points = torch.tensor([[[12.0, 20.0]]]).expand(6, -1, -1)
    _, moved = Augmentation()(images, points, seeded())
    views = pretraining_views(images, seeded())
    assert moved is not None
    assert torch.pdist(moved[:, 0]).min() > 0.01
    both = torch.cat([view.images for view in views])
    assert torch.pdist(both.flatten(1)).min() > 0.1


def test_with_all_strengths_zero_nothing_changes() -> None:
    images = torch.rand(3, 1, 30, 50, generator=seeded()) * 2 - 1
    points = random_points(3, (30, 50)).view(3, 1, 2)
    same, unmoved = Augmentation(NOTHING)(images, points, seeded())
    assert torch.allclose(same, images, atol=1e-6)
    assert unmoved is points


@pytest.mark.parametrize("size", SIZES)
def test_a_map_drawn_with_zero_strength_resamples_to_the_same_image(
    size: tuple[int, int],
) -> None:
    images = torch.rand(2, 1, *size, generator=seeded()) * 2 - 1
    warp = random_warp(images, seeded(), NOTHING)
    assert torch.allclose(warp.images(images), images, atol=1e-4)


def noise_level(dose: float, value: float) -> float:
    """Standard deviation of a flat image after an exposure at one dose."""
    config = NOTHING.model_copy(update={"dose": (dose, dose), "noise_probability": 1.0})
    flat = torch.full((16, 1, 32, 32), value)
    return float(expose(flat, seeded(), config).std(dim=(2, 3)).mean())


def test_noise_falls_with_the_dose_and_rises_behind_bone() -> None:
    assert noise_level(400, 0.0) == pytest.approx(noise_level(40_000, 0.0) * 10, rel=0.35)
    assert noise_level(6000, 0.4) > 1.5 * noise_level(6000, -0.4)


def test_noise_has_the_variance_of_counted_photons() -> None:
    photons, value = 50_000.0, 0.0
    # var(-ln(I) / absorption) = 1 / (photons x I x absorption^2), doubled range: x 4.
    absorption = torch.linspace(3, 5, 200)
    expected = (4 / (photons * (-absorption / 2).exp() * absorption**2)).sqrt().mean()
    assert noise_level(photons, value) == pytest.approx(float(expected), rel=0.15)


def test_scatter_brings_bone_and_air_closer_together() -> None:
    config = NOTHING.model_copy(update={"scatter_probability": 1.0})
    images = torch.full((8, 1, 64, 64), -0.8)
    images[:, :, 20:40, 20:40] = 0.8
    hazed = expose(images, seeded(), config)
    contrast = hazed[:, 0, 30, 30] - hazed[:, 0, 5, 5]
    assert (contrast < 1.55).all()
    assert (contrast > 0.3).all()


def test_blur_spreads_an_edge_and_keeps_flat_parts() -> None:
    config = NOTHING.model_copy(update={"blur": 0.7, "blur_probability": 1.0})
    images = torch.full((8, 1, 32, 32), -0.5)
    images[..., 16:] = 0.5
    blurred = expose(images, seeded(), config)
    assert torch.allclose(blurred[..., :8], images[..., :8], atol=1e-4)
    assert (blurred[:, 0, 16, 15] > -0.5).float().mean() > 0.5


def test_sparing_a_cpu_the_images_that_are_not_chosen_changes_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = AugmentationConfig(
        noise_probability=0.5, scatter_probability=0.5, blur_probability=0.5
    )
    images = torch.rand(16, 1, 32, 24, generator=seeded(1)) * 2 - 1
    spared = expose(images, seeded(), config)
    monkeypatch.setattr(
        "benchmark.augment._befall", lambda _, effect, images, *others: effect(images, *others)
    )
    torch.testing.assert_close(spared, expose(images, seeded(), config))


def test_the_display_keeps_the_order_of_grey_levels() -> None:
    config = NOTHING.model_copy(update={"gamma": 0.4, "contrast": 0.2, "brightness": 0.2})
    ramp = torch.linspace(-1, 1, 64).expand(6, 1, 4, 64)
    shown = expose(ramp, seeded(), config)
    assert (shown.diff(dim=-1) >= 0).all()
    assert shown.abs().max() <= 1.4001


@given(seed=st.integers(0, 1000), count=st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_collimation_never_hides_a_landmark(seed: int, count: int) -> None:
    images = torch.ones(8, 1, 50, 70)
    points = torch.rand(8, count, 2, generator=seeded(seed)) * torch.tensor([70, 50]) - 0.5
    border = collimate(images, points, seeded(seed), 1.0)
    pixel = points.round().long()
    pixel = torch.stack([pixel[..., 0].clamp(0, 69), pixel[..., 1].clamp(0, 49)], -1)
    at = border[torch.arange(8)[:, None], 0, pixel[..., 1], pixel[..., 0]]
    assert (at == 1).all()


def test_collimation_blackens_a_border_in_the_chosen_share_of_images() -> None:
    images = torch.ones(400, 1, 40, 40)
    points = torch.full((400, 1, 2), 20.0)
    assert torch.equal(collimate(images, points, seeded(), 0.0), images)
    dark = (collimate(images, points, seeded(), 0.25) == -1).flatten(1)
    assert 0.15 < dark.any(1).float().mean() < 0.35
    assert dark.float().mean(1).max() < 0.6


def test_augmented_images_are_finite_and_landmarks_mostly_stay() -> None:
    images = torch.rand(32, 1, 64, 64, generator=seeded(2)) * 2 - 1
    points = random_points(64, (64, 64)).view(32, 2, 2)
    augmented, moved = Augmentation()(images, points, seeded())
    assert torch.isfinite(augmented).all()
    assert moved is not None
    assert valid_landmarks(moved, (64, 64)).float().mean() > 0.9


def test_views_have_the_asked_size_and_differ_from_each_other() -> None:
    images = torch.rand(5, 1, 64, 48, generator=seeded(2)) * 2 - 1
    first, second = (view.images for view in pretraining_views(images, seeded(), size=0.5))
    assert first.shape == second.shape == (5, 1, 32, 24)
    assert (first - second).abs().flatten(1).mean(1).min() > 0.01
    assert torch.isfinite(torch.stack([first, second])).all()


def test_views_are_never_flipped() -> None:
    ramp = torch.linspace(-1, 1, 64)
    images = ((ramp + ramp[:, None]) / 2).expand(40, 1, 64, 64)
    for view in pretraining_views(images, seeded(), ViewConfig(appearance=NOTHING)):
        shown = view.images
        left, right = shown[..., :8].mean((1, 2, 3)), shown[..., -8:].mean((1, 2, 3))
        top, bottom = shown[..., :8, :].mean((1, 2, 3)), shown[..., -8:, :].mean((1, 2, 3))
        assert (right > left).all()
        assert (bottom > top).all()


def test_views_of_one_image_are_nearer_to_each_other_than_to_another_image() -> None:
    points = random_points(12, (64, 64))
    images = blobs(points, (64, 64), sigma=6)
    views = pretraining_views(images, seeded(), ViewConfig(smallest_area=0.8))
    shown = [view.images for view in views]
    flat = [(v - v.mean((2, 3), keepdim=True)).flatten(1) for v in shown]
    unit = [v / v.norm(dim=1, keepdim=True) for v in flat]
    likeness = unit[0] @ unit[1].T
    own = likeness.diagonal().mean()
    others = (likeness.sum() - likeness.diagonal().sum()) / (12 * 11)
    assert own > others + 0.3


@pytest.mark.parametrize(
    ("side", "share", "expected"),
    [
        (160, 0.5, 80),
        (160, 0.7, 112),
        (128, 0.7, 96),
        (64, 0.7, 48),
        (128, 1.0, 128),
        (45, 0.5, 22),
    ],
)
def test_views_can_be_halved_as_often_as_half_the_image(
    side: int, share: float, expected: int
) -> None:
    images = torch.zeros(2, 1, side, side)
    first, second = pretraining_views(images, torch.Generator().manual_seed(0), size=share)
    assert first.images.shape == second.images.shape == (2, 1, expected, expected)
