"""Metrics agree with an independent computation and obey the laws of distances."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.metrics import mean_shape, place_shape, radial_errors, summarise

THRESHOLDS = (2.0, 2.5, 3.0, 4.0)


def example(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions, truth with holes, and a spacing for each image."""
    random = np.random.default_rng(seed)
    truth = random.uniform(0, 2000, (12, 5, 2))
    predicted = truth + random.normal(0, 20, truth.shape)
    truth[random.random((12, 5)) < 0.2] = np.nan
    truth[3] = np.nan
    return predicted, truth, random.uniform(0.05, 0.2, (12, 2))


def test_metrics_equal_a_pandas_computation() -> None:
    predicted, truth, spacing = example()
    result = summarise(radial_errors(predicted, truth, spacing), THRESHOLDS)
    table = pd.DataFrame(
        [
            {
                "image": image,
                "landmark": landmark,
                "error": math.sqrt(
                    ((predicted[image, landmark, 0] - truth[image, landmark, 0]) * s[0]) ** 2
                    + ((predicted[image, landmark, 1] - truth[image, landmark, 1]) * s[1]) ** 2
                ),
            }
            for image, s in enumerate(spacing)
            for landmark in range(5)
        ]
    ).dropna()
    errors = table["error"]
    assert result.n_points == len(table)
    assert result.n_images == table["image"].nunique() == 11
    assert result.mre == pytest.approx(errors.mean(), abs=1e-9)
    assert result.std == pytest.approx(errors.std(ddof=0), abs=1e-9)
    assert result.median == pytest.approx(errors.median(), abs=1e-9)
    assert result.p95 == pytest.approx(errors.quantile(0.95), abs=1e-9)
    for threshold in THRESHOLDS:
        share = float((errors <= threshold).mean()) * 100
        assert result.sdr[threshold] == pytest.approx(share, abs=1e-9)
    by_landmark = table.groupby("landmark")["error"].mean()
    assert result.per_landmark == pytest.approx(by_landmark.to_list(), abs=1e-9)
    by_image = table.groupby("image")["error"].mean().reindex(range(12))
    assert result.image_mre == pytest.approx(by_image.to_list(), abs=1e-9, nan_ok=True)


@given(x=st.floats(-1e4, 1e4), y=st.floats(-1e4, 1e4))
def test_errors_do_not_change_when_both_are_translated(x: float, y: float) -> None:
    predicted, truth, spacing = example()
    offset = np.array([x, y])
    moved = radial_errors(predicted + offset, truth + offset, spacing)
    np.testing.assert_allclose(moved, radial_errors(predicted, truth, spacing), atol=1e-8)


@given(factor=st.floats(0.01, 100))
def test_errors_scale_with_the_spacing(factor: float) -> None:
    predicted, truth, spacing = example()
    scaled = radial_errors(predicted, truth, spacing * factor)
    np.testing.assert_allclose(scaled, radial_errors(predicted, truth, spacing) * factor)


def test_spacing_is_x_then_y() -> None:
    truth = np.zeros((1, 2, 2))
    predicted = np.array([[[10.0, 0.0], [0.0, 10.0]]])
    assert radial_errors(predicted, truth, (0.1, 0.2)).tolist() == [[1.0, 2.0]]
    assert radial_errors(predicted, truth, np.array([[0.3, 0.1]])).tolist() == [[3.0, 1.0]]


def test_without_spacing_errors_are_in_px() -> None:
    assert radial_errors(np.array([[[3.0, 4.0]]]), np.zeros((1, 1, 2))).tolist() == [[5.0]]


def test_an_error_at_the_threshold_is_a_success() -> None:
    assert summarise(np.array([[2.0, 2.0000001, 1.0, 5.0]]), (2,)).sdr == {2.0: 50.0}


def test_missing_landmarks_are_counted_nowhere() -> None:
    result = summarise(np.array([[1.0, np.nan], [3.0, np.nan]]), (2,))
    assert (result.mre, result.n_points, result.n_images, result.sdr[2.0]) == (2.0, 2, 2, 50.0)
    assert result.per_landmark[0] == 2.0
    assert math.isnan(result.per_landmark[1])


def test_nothing_known_is_nan_without_a_warning() -> None:
    result = summarise(np.full((2, 3), np.nan), (2,))
    assert math.isnan(result.mre)
    assert math.isnan(result.sdr[2.0])
    assert (result.n_points, result.n_images) == (0, 0)


def test_a_known_landmark_without_prediction_is_refused() -> None:
    truth = np.zeros((1, 2, 2))
    with pytest.raises(ValueError, match="no finite prediction"):
        radial_errors(np.array([[[1.0, 1.0], [np.nan, 1.0]]]), truth)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="two arrays"):
        radial_errors(np.zeros((1, 2, 2)), np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match="Spacing"):
        radial_errors(np.zeros((3, 2, 2)), np.zeros((3, 2, 2)), np.ones((2, 2)))


@given(width=st.integers(8, 3000), height=st.integers(8, 3000), factor=st.sampled_from([0.5, 2, 3]))
def test_the_mean_shape_of_one_image_is_that_image_at_any_size(
    width: int, height: int, factor: float
) -> None:
    points = np.array([[[0.0, 0.0], [width - 1.0, height - 1.0], [1.25, 5.5]]])
    shape = mean_shape(points, np.array([[width, height]]))
    scaled = place_shape(shape, np.array([[width * factor, height * factor]]))
    np.testing.assert_allclose(scaled, (points + 0.5) * factor - 0.5, atol=1e-9)


def test_the_mean_shape_averages_the_shots_that_have_the_landmark() -> None:
    points = np.array([[[9.5, 19.5], [np.nan, np.nan]], [[29.5, 39.5], [49.5, 49.5]]])
    shape = mean_shape(points, np.array([[100, 100], [100, 200]]))
    np.testing.assert_allclose(shape, [[0.2, 0.2], [0.5, 0.25]])


def test_a_landmark_that_no_shot_has_falls_back_to_the_middle_of_the_others() -> None:
    points = np.array([[[9.5, 19.5], [29.5, 39.5], [np.nan, np.nan]]])
    shape = mean_shape(points, np.array([[100, 100]]))
    np.testing.assert_allclose(shape[2], [0.2, 0.3])
    nothing = mean_shape(np.full((1, 2, 2), np.nan), np.array([[100, 100]]))
    np.testing.assert_allclose(nothing, 0.5)
