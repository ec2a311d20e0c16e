"""What most shapes agree on, and what each landmark is expected to be by the others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.audit.expectation import Expectation
from benchmark.audit.shapes import FEWEST_SHAPES, fit_shapes, usual_spread
from tests.audit.sets import SHAPE, shapes


@settings(max_examples=25, deadline=None)
@given(
    scale=st.floats(0.2, 5),
    turn=st.floats(-0.7, 0.7),
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
)
def test_moving_scaling_and_turning_changes_no_distance(
    scale: float, turn: float, x: float, y: float
) -> None:
    points = shapes(20)
    model = fit_shapes(points)
    assert model is not None
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = SHAPE @ matrix.T + np.array([x, y])
    assert model.distance(moved[None])[0] == pytest.approx(model.distance(SHAPE[None])[0], abs=1e-6)
    assert model.lay(moved[None]).turn[0] == pytest.approx(
        model.lay(SHAPE[None]).turn[0] - turn, abs=1e-6
    )


def test_a_mirrored_shape_is_never_laid_over_the_reference() -> None:
    model = fit_shapes(shapes())
    assert model is not None
    assert model.distance(SHAPE[None] * [-1, 1])[0] > 10 * model.distance(SHAPE[None])[0]


def test_a_third_of_other_shapes_changes_the_reference_little() -> None:
    own = shapes(40)
    other = np.concatenate([own[:27], own[27:] * [-1, 1]])
    first, second = fit_shapes(own), fit_shapes(other)
    assert first is not None
    assert second is not None
    middle = np.stack([second.reference.real, second.reference.imag], -1)
    assert first.distance(middle[None])[0] < 0.02
    assert (second.distance(other[:27]) <= second.limit).all()
    assert (second.distance(other[27:]) > second.limit).all()


def test_too_few_shapes_or_landmarks_are_not_compared() -> None:
    assert fit_shapes(shapes(FEWEST_SHAPES - 1)) is None
    assert fit_shapes(shapes()[:, :2]) is None
    assert fit_shapes(np.zeros((20, 8, 2))) is None
    assert fit_shapes(shapes(FEWEST_SHAPES)) is not None


def test_missing_landmarks_hinder_nothing() -> None:
    points = shapes(60)
    points[np.random.default_rng(3).random(points.shape[:2]) < 0.25] = np.nan
    model = fit_shapes(points)
    assert model is not None
    assert model.distance(SHAPE[None])[0] < model.limit
    multiple = Expectation(model, points).of(points).multiple
    assert (np.isnan(multiple) == np.isnan(points[..., 0])).all()
    assert np.nanmax(multiple) < 7


def test_a_displaced_landmark_is_the_one_that_surprises() -> None:
    points = shapes(60)
    model = fit_shapes(points)
    assert model is not None
    expectation = Expectation(model, points)
    assert expectation.of(points).multiple.max() < 7
    moved = SHAPE.copy()
    moved[4] += (9, -6)
    surprise = expectation.of(moved[None])
    assert surprise.multiple[0].argmax() == 4
    assert surprise.multiple[0, 4] > 7
    pixels = surprise.distance[0, 4] / model.lay(moved[None]).scale[0]
    assert pixels == pytest.approx(np.hypot(9, 6), rel=0.3)


def test_what_varies_together_is_expected_together() -> None:
    points = shapes(200, noise=0.2)
    together = np.random.default_rng(1).normal(0, 6, (200, 1))
    points[:, [5, 6], 1] += together  # a jaw that opens
    model = fit_shapes(points)
    assert model is not None
    expectation = Expectation(model, points)
    opened, broken = SHAPE.copy(), SHAPE.copy()
    opened[[5, 6], 1] += 8
    broken[5, 1] += 8
    assert expectation.of(opened[None]).multiple.max() < 7
    assert expectation.of(broken[None]).multiple[0, 5] > 7


def test_the_usual_spread_is_deaf_to_the_worst() -> None:
    lengths = np.random.default_rng(0).rayleigh(2.0, (500, 3))
    spoilt = lengths.copy()
    spoilt[:20] = 1e6
    assert usual_spread(lengths) == pytest.approx([2, 2, 2], rel=0.1)
    assert usual_spread(spoilt) == pytest.approx([2, 2, 2], rel=0.2)
    assert np.isnan(usual_spread(np.full((5, 1), np.nan))).all()


def test_a_landmark_that_most_images_lack_has_its_place_all_the_same() -> None:
    points = shapes(60)
    whole = fit_shapes(points)
    points[:45, 0] = np.nan
    model = fit_shapes(points)
    assert whole is not None
    assert model is not None
    middle = np.stack([model.reference.real, model.reference.imag], -1)
    assert whole.distance(middle[None])[0] < 0.02
