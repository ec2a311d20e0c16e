from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from benchmark.statistics.components import two_way_components
from benchmark.statistics.power import Advice, advice, minimum_detectable_difference
from benchmark.statistics.results import Components
from tests.statistics.tables import crossed


def components(
    seed: float, image: float, residual: float, seeds: int = 5, images: int = 100
) -> Components:
    """Components of the given variances; the error of the mean follows from them."""
    variance = seed / seeds + image / images + residual / (seeds * images)
    return Components(0.0, seeds, images, seed, image, residual, math.sqrt(variance), 10.0)


def test_with_images_only_the_power_is_that_of_the_noncentral_t_test() -> None:
    error = math.sqrt(0.25 / 100)
    difference = minimum_detectable_difference(components(0, 0.25, 0))
    limit = stats.t.isf(0.025, 99) * error
    power = stats.nct.sf(limit / error, 99, difference / error)
    assert power == pytest.approx(0.8, abs=0.005)


def test_of_true_differences_that_large_four_in_five_are_found() -> None:
    from benchmark.statistics.mean_squares import mean_squares, precision_of_mean, two_sided

    random = np.random.default_rng(0)
    difference = minimum_detectable_difference(components(0.01, 0.25, 0.25, 5, 50))
    shape = (1000, 5, 50)
    found = 0.1 * random.normal(size=(1000, 5, 1)) + 0.5 * random.normal(size=(1000, 1, 50))
    found = difference + found + 0.5 * random.normal(size=shape)
    precision = precision_of_mean(mean_squares(found))
    power = (two_sided(precision, found.mean((1, 2))) < 0.05).mean()
    # Binomial error 0.013 and an approximation of the power at few degrees of freedom.
    assert power == pytest.approx(0.8, abs=0.06)


def test_more_power_and_a_higher_level_need_a_larger_difference() -> None:
    plain = minimum_detectable_difference(components(0.01, 0.25, 0.25))
    assert minimum_detectable_difference(components(0.01, 0.25, 0.25), power=0.9) > plain
    assert minimum_detectable_difference(components(0.01, 0.25, 0.25), level=0.99) > plain


def test_four_times_the_images_halve_what_images_alone_let_find() -> None:
    found = components(0, 0.25, 0)
    now = minimum_detectable_difference(found)
    more = minimum_detectable_difference(found, images=400)
    quantiles = [stats.t.isf(0.025, n) - float(special.stdtrit(n, 0.2)) for n in (99, 399)]
    assert more / now == pytest.approx(0.5 * quantiles[1] / quantiles[0], rel=1e-3)


@pytest.mark.parametrize(
    ("seed", "image", "helps"), [(0.05, 0.01, "seeds"), (0.0001, 0.5, "images")]
)
def test_advice_is_to_add_what_the_variance_comes_from(
    seed: float, image: float, helps: str
) -> None:
    found = advice(components(seed, image, 0.1))
    assert found.helps == helps
    better, other = found.twice_seeds, found.twice_images
    assert (better < other) == (helps == "seeds")
    assert max(better, other) < found.now


def test_residual_alone_is_lowered_alike_by_both() -> None:
    assert advice(components(0, 0, 1, seeds=20, images=20)).helps == "either"


def test_one_seed_tells_nothing_of_seeds() -> None:
    found = advice(two_way_components(crossed((1, 40))))
    assert math.isnan(found.twice_seeds)
    assert found.twice_images < found.now
    assert found.helps == "seeds"
    assert "how much seeds vary is unknown: add seeds" in found.text("mm")


def test_one_image_tells_nothing_of_images() -> None:
    found = advice(two_way_components(crossed((6, 1))))
    assert math.isnan(found.twice_images)
    assert found.twice_seeds < found.now
    assert found.text("mm").endswith("how much images vary is unknown: add images")


def test_one_seed_on_one_image_finds_nothing() -> None:
    found = advice(two_way_components(np.array([[1.0]])))
    assert math.isinf(found.now)
    assert math.isnan(found.twice_images)
    assert found.text("mm").endswith("add seeds and images")


def test_without_any_spread_every_difference_is_found() -> None:
    assert minimum_detectable_difference(two_way_components(np.ones((3, 4)))) == 0
    assert advice(two_way_components(np.ones((3, 4)))).helps == "either"


def test_a_plan_with_one_seed_is_refused_where_there_are_more() -> None:
    with pytest.raises(ValueError, match="two seeds and images or more"):
        minimum_detectable_difference(components(0.1, 0.1, 0.1), seeds=1)


@pytest.mark.parametrize(
    ("found", "unit", "text"),
    [
        (
            Advice(0.123, 0.1, 0.0871, "images", 5, 100),
            "mm",
            (
                "0.12 mm at 80 % power; 0.1 mm with twice the seeds, "
                "0.087 mm with twice the images: add images"
            ),
        ),
        (
            Advice(0.2, 0.15, 0.15, "either", 5, 100),
            "",
            (
                "0.2 at 80 % power; 0.15 with twice the seeds, 0.15 with twice the images: "
                "both help alike"
            ),
        ),
    ],
)
def test_the_text_is_one_line_for_a_reader(found: Advice, unit: str, text: str) -> None:
    assert found.text(unit) == text
