"""The shape of the labelled images finds single far misses, and leaves all else as it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from benchmark.shape import PRIOR_SPREAD, PRIOR_WEIGHT, ShapeModel, limited

SIZE = (100, 80)
LANDMARKS = 9


def shapes(images: int, noise: float, seed: int = 0) -> torch.Tensor:
    """Turned, scaled and shifted copies of one shape, with noise of ``noise`` px an axis."""
    random = np.random.default_rng(seed)
    shape = np.random.default_rng(99).uniform(10, 70, (LANDMARKS, 2))
    found = []
    for _ in range(images):
        angle, scale = random.uniform(-0.3, 0.3), random.uniform(0.8, 1.2)
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        placed = scale * shape @ turn.T + random.uniform(-5, 5, 2)
        found.append(placed + random.normal(0, noise, placed.shape))
    return torch.from_numpy(np.stack(found))


def test_similar_shapes_have_no_spread_but_that_of_the_prior() -> None:
    model = ShapeModel(shapes(30, noise=0), SIZE)
    prior = PRIOR_SPREAD * math.sqrt(SIZE[0] * SIZE[1])
    expected = prior * math.sqrt(PRIOR_WEIGHT / (29 + PRIOR_WEIGHT))
    torch.testing.assert_close(model.spread, torch.full((LANDMARKS,), expected).double())


def test_the_spread_is_that_of_the_images() -> None:
    model = ShapeModel(shapes(400, noise=1), SIZE)
    # A similarity takes four of the 18 degrees of freedom of nine landmarks, so less than sqrt(2).
    assert model.spread.square().mean().item() == pytest.approx(2 * 14 / 18, rel=0.1)


def test_one_image_gives_the_spread_of_the_prior() -> None:
    model = ShapeModel(shapes(1, noise=1), SIZE)
    prior = PRIOR_SPREAD * math.sqrt(SIZE[0] * SIZE[1])
    torch.testing.assert_close(model.spread, torch.full((LANDMARKS,), prior).double())


@pytest.mark.parametrize("wrong", [(3,), (0, 4, 8)])
def test_far_misses_do_not_move_where_landmarks_are_expected(wrong: tuple[int, ...]) -> None:
    model, truth = ShapeModel(shapes(25, noise=1), SIZE), shapes(12, noise=0, seed=1)
    found = truth.clone()
    for number, landmark in enumerate(wrong):
        found[:, landmark] = torch.tensor([70.0 - 30 * number, 2.0])
    places = model.expect(found, limit=4)
    assert (places - truth).norm(dim=-1).max() < 2


def test_an_unusual_shape_is_fitted_as_a_whole_and_not_in_half() -> None:
    """A head whose jaw hangs a little lower is no head with a jaw at the wrong place."""
    model, found = ShapeModel(shapes(25, noise=1), SIZE), shapes(1, noise=0, seed=1)
    found[:, 5:] += torch.tensor([0.0, 5 * float(model.spread.mean())])
    places = model.expect(found, limit=4)
    assert ((places - found).norm(dim=-1) / model.spread).max() < 4


def test_of_many_landmarks_some_pairs_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmark.shape.MOST_PAIRS", 10)
    truth = shapes(12, noise=0, seed=1)
    found = truth.clone()
    found[:, 5] += 30
    places = ShapeModel(shapes(25, noise=1), SIZE).expect(found, limit=4)
    assert (places - truth).norm(dim=-1).max() < 2


def test_what_was_not_found_is_expected_too() -> None:
    model, truth = ShapeModel(shapes(25, noise=0.1), SIZE), shapes(3, noise=0, seed=1)
    found = truth.clone()
    found[:, 2] = math.nan
    assert (model.expect(found, limit=4) - truth).norm(dim=-1).max() < 0.5


def test_a_landmark_of_no_image_limits_nothing() -> None:
    points = shapes(5, noise=0.1)
    points[:, 4] = math.nan
    model = ShapeModel(points, SIZE)
    assert torch.isinf(model.spread[4])
    others = [landmark for landmark in range(LANDMARKS) if landmark != 4]
    truth = shapes(3, noise=0, seed=1)
    places = model.expect(truth, limit=4)
    assert (places - truth)[:, others].norm(dim=-1).max() < 0.5


def test_landmarks_missing_here_and_there_are_made_up_for_by_other_images() -> None:
    points = shapes(12, noise=0.1)
    for image in range(12):
        points[image, image % LANDMARKS] = math.nan
    truth = shapes(3, noise=0, seed=1)
    places = ShapeModel(points, SIZE).expect(truth, limit=4)
    assert (places - truth).norm(dim=-1).max() < 0.5


def test_an_image_with_all_landmarks_at_one_place_does_not_spoil_the_shape() -> None:
    points = shapes(12, noise=0.1)
    points[3] = 40.0
    truth = shapes(3, noise=0, seed=1)
    model = ShapeModel(points, SIZE)
    assert model.spread.isfinite().all()
    assert model.expect(truth, limit=4).isfinite().all()


def test_three_landmarks_say_nothing() -> None:
    assert not ShapeModel(shapes(5, noise=1)[:, :3], SIZE).says_something
    assert ShapeModel(shapes(5, noise=1)[:, :4], SIZE).says_something


def test_an_image_with_too_few_landmarks_has_no_places() -> None:
    model, found = ShapeModel(shapes(5, noise=1), SIZE), shapes(2, noise=0)
    found[0, 3:] = math.nan
    places = model.expect(found, limit=4)
    assert places[0].isnan().all()
    assert places[1].isfinite().all()


def test_a_limited_map_has_its_highest_place_in_the_circle() -> None:
    maps = torch.rand(1, 2, *SIZE)
    maps[0, :, 90, 70] = 5
    maps[0, :, 20, 30] = 2
    centres = torch.tensor([[[33.0, 24.0], [70.0, 90.0]]])
    inside = limited(maps, centres, torch.tensor([6.0, 1.0]))
    highest = inside.flatten(2).argmax(-1)
    assert highest.tolist() == [[20 * SIZE[1] + 30, 90 * SIZE[1] + 70]]
    assert torch.equal(inside[0, 0, 20:29, 33], maps[0, 0, 20:29, 33])


@pytest.mark.parametrize("centre", [[500.0, 500.0], [math.nan, math.nan]])
def test_a_map_beyond_the_circle_stays(centre: list[float]) -> None:
    maps = torch.rand(1, 1, *SIZE)
    assert torch.equal(limited(maps, torch.tensor([[centre]]), torch.tensor([6.0])), maps)
