from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.statistics.bootstrap import (
    Resamples,
    bootstrap_means,
    resample,
    two_way_bootstrap_interval,
)
from benchmark.statistics.components import two_way_interval
from benchmark.statistics.mean_squares import mean_squares
from tests.statistics.tables import crossed, tables


@given(st.integers(1, 5), st.integers(1, 9))
def test_each_draw_has_as_many_seeds_and_images_as_there_are(seeds: int, images: int) -> None:
    drawn = resample(seeds, images, replicates=20)
    assert drawn.seed_counts.shape == (20, seeds)
    assert drawn.image_counts.shape == (20, images)
    assert (drawn.seed_counts.sum(1) == seeds).all()
    assert (drawn.image_counts.sum(1) == images).all()


def test_the_same_seed_gives_the_same_draws_and_another_one_others() -> None:
    first, again, other = resample(4, 9), resample(4, 9), resample(4, 9, seed=1)
    assert (first.image_counts == again.image_counts).all()
    assert (first.seed_counts == again.seed_counts).all()
    assert (first.image_counts != other.image_counts).any()


def test_the_mean_of_a_replicate_is_that_of_the_rows_and_columns_drawn() -> None:
    table, weights = crossed((3, 5)), np.array([1, 2, 3, 4, 5])
    drawn = Resamples(np.array([[2, 0, 1]]), np.array([[0, 3, 1, 1, 0]]))
    rows, columns = [0, 0, 2], [1, 1, 1, 2, 3]
    chosen = table[np.ix_(rows, columns)]
    assert bootstrap_means(table, drawn)[0] == pytest.approx(chosen.mean())
    weighted = np.average(chosen, axis=1, weights=weights[columns]).mean()
    assert bootstrap_means(table, drawn, weights)[0] == pytest.approx(weighted)


def test_leading_axes_share_the_draws() -> None:
    stack = np.stack([crossed(number=1), crossed(number=2)])
    drawn = resample(4, 12, replicates=50)
    together = bootstrap_means(stack, drawn)
    assert together.shape == (2, 50)
    assert together[1] == pytest.approx(bootstrap_means(stack[1], drawn))


def test_replicates_vary_as_the_mean_squares_say() -> None:
    # Owen 2007: the pigeonhole bootstrap counts the residual three times, and each factor as
    # the bootstrap of its means does.
    table = crossed((6, 40))
    found = mean_squares(table)
    variance = bootstrap_means(table, resample(6, 40, replicates=20000)).var()
    seeds, images = float(found.of_seeds) * 5 / 6, float(found.of_images) * 39 / 40
    residual = float(found.of_residual) * 5 / 6 * 39 / 40
    assert variance == pytest.approx((seeds + images + residual) / 240, rel=0.05)


def test_with_one_seed_only_the_images_vary() -> None:
    drawn = resample(1, 30)
    assert (drawn.seed_counts == 1).all()
    row = crossed((1, 30))
    variance = bootstrap_means(row, resample(1, 30, replicates=20000)).var()
    assert variance == pytest.approx(row.var() / 30, rel=0.05)


def test_with_many_seeds_it_agrees_with_the_interval_by_components() -> None:
    table = crossed((30, 80), residual=0.1)
    drawn, model = two_way_bootstrap_interval(table), two_way_interval(table)
    assert drawn.estimate == pytest.approx(model.estimate)
    assert drawn.high - drawn.low == pytest.approx(model.high - model.low, rel=0.1)
    assert drawn.low == pytest.approx(model.low, abs=0.1 * (model.high - model.low))


def test_weights_move_the_estimate_and_the_ends() -> None:
    table = np.tile(np.arange(10.0), (4, 1))
    weights = np.arange(1, 11)
    interval = two_way_bootstrap_interval(table, weights)
    assert interval.estimate == pytest.approx(np.average(table[0], weights=weights))
    assert interval.low < interval.estimate < interval.high
    assert interval.estimate > two_way_bootstrap_interval(table).estimate


@given(tables())
def test_replicates_stay_within_the_data(table: np.ndarray) -> None:
    means = bootstrap_means(table, resample(len(table), table.shape[1], replicates=30))
    assert (means >= table.min() - 1e-9).all()
    assert (means <= table.max() + 1e-9).all()


def test_draws_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit draws of 3 seeds and 12 images"):
        bootstrap_means(crossed(), resample(3, 12))


def test_missing_values_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        bootstrap_means(np.full((4, 12), np.nan), resample(4, 12))


def test_nothing_to_draw_from_is_refused() -> None:
    with pytest.raises(ValueError, match="0 seeds"):
        resample(0, 12)
