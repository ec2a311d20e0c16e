"""A small part of benchmarks/coverage.py, whose tables stand in docs/statistics.md.

Of 1000 tables a coverage of 95 % is known to 0.7 percentage points; bounds lie four times that
from the coverage of the full simulation, 93.5 to 97 %.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.statistics.mean_squares import precision_of_mean
from benchmarks.coverage import (
    SUCCESSES,
    difference_rates,
    leaderboard_rates,
    proportion_rates,
    satterthwaite,
    sweep,
)
from benchmarks.error_models import MODELS, ErrorModel, standard

REPETITIONS = 1000


def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("varies", MODELS)
def test_two_way_intervals_hold_the_truth_and_alike_strategies_stay_alike(varies: str) -> None:
    rates = difference_rates(MODELS[varies], 3, 50, REPETITIONS, random())
    assert 90.5 < rates.two_way < 99
    assert 1 < rates.alike < 9.5


def test_sign_flips_hold_their_level_while_seeds_do_not_vary_and_lose_it_when_they_do() -> None:
    images = difference_rates(MODELS["images"], 3, 50, REPETITIONS, random())
    both = difference_rates(MODELS["seeds, images"], 3, 100, REPETITIONS, random())
    assert 2 < images.alike_by_flips < 8
    assert both.alike_by_flips > 15 > 9 > both.alike


def test_intervals_that_forget_seeds_or_images_are_too_narrow() -> None:
    rates = difference_rates(MODELS["seeds, images"], 5, 100, REPETITIONS, random())
    assert rates.images_only < 88
    assert rates.seeds_only < 91
    assert rates.two_way > 92


def test_intervals_of_success_rates_hold_the_truth() -> None:
    ours, naive = proportion_rates(
        SUCCESSES["97 %, seeds and images"], 5, 50, REPETITIONS // 2, random()
    )
    assert 91 < ours < 99
    assert naive < 70


def test_no_split_of_the_variance_breaks_the_interval_or_thins_its_tails() -> None:
    # 20,000 mean squares a split: coverage is known to 0.15 points, p below 0.001 to 0.02.
    ours = np.array(list(sweep(precision_of_mean, 3, 100, 20000, random())))
    textbook = np.array(list(sweep(satterthwaite, 3, 100, 20000, random())))
    assert 2 < ours[:, 0].min() < ours[:, 0].max() < 7
    assert ours[:, 2].max() < 0.3 < 1 < textbook[:, 2].max()


def test_a_leaderboard_of_alike_methods_rarely_tells_any_two_apart() -> None:
    ours, textbook = leaderboard_rates(MODELS["seeds, residual"], 10, 3, 200, random())
    assert ours < 5
    assert textbook > 15


@pytest.mark.parametrize("distribution", ["normal", "t3", "gamma", "lognormal"])
def test_made_up_numbers_have_mean_zero_and_variance_one(distribution: str) -> None:
    model = ErrorModel(0, 1, 0, distribution)  # type: ignore[arg-type]
    numbers = standard(random(), (400_000,), model.shape)
    assert numbers.mean() == pytest.approx(0, abs=0.01)
    # The variance of the variance of a t with 3 degrees of freedom is infinite.
    assert numbers.var() == pytest.approx(1, rel=0.25 if distribution == "t3" else 0.05)


@pytest.mark.parametrize("name", SUCCESSES)
def test_the_true_success_rate_is_that_of_many_draws(name: str) -> None:
    model = SUCCESSES[name]
    hits = model.draw(random(), (1, 2000, 1000)) / model.landmarks
    assert hits.mean() == pytest.approx(model.truth, abs=0.015)
