from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from benchmark.statistics.components import (
    interval_of,
    linearised,
    p_value_of,
    precision_of,
    two_way_components,
    two_way_interval,
)
from benchmark.statistics.mean_squares import mean_squares, precision_of_mean
from benchmark.statistics.results import Components
from tests.statistics.tables import crossed, tables


def long_form(table: np.ndarray) -> pd.DataFrame:
    seeds, images = table.shape
    return pd.DataFrame(
        {
            "value": table.ravel(),
            "seed": np.repeat(np.arange(seeds), images),
            "image": np.tile(np.arange(images), seeds),
        }
    )


def test_mean_squares_are_those_of_statsmodels_anova() -> None:
    table = crossed()
    anova = anova_lm(ols("value ~ C(seed) + C(image)", long_form(table)).fit())
    found = mean_squares(table)
    assert [found.of_seeds, found.of_images, found.of_residual] == pytest.approx(anova["mean_sq"])


def test_components_are_those_of_a_mixed_model_with_crossed_effects() -> None:
    table = crossed((5, 12))
    data = long_form(table)
    model = sm.MixedLM.from_formula(
        "value ~ 1",
        groups=np.ones(len(data)),
        vc_formula={"seed": "0 + C(seed)", "image": "0 + C(image)"},
        data=data,
    )
    fitted = model.fit(reml=True)
    variances = dict(zip(model.exog_vc.names, fitted.vcomp, strict=True))
    found = two_way_components(table)
    assert found.seed_variance == pytest.approx(variances["seed"], rel=1e-3)
    assert found.image_variance == pytest.approx(variances["image"], rel=1e-3)
    assert found.residual_variance == pytest.approx(fitted.scale, rel=1e-3)
    assert found.standard_error == pytest.approx(float(fitted.bse.iloc[0]), rel=1e-3)


def test_without_effects_of_seeds_and_residual_it_is_the_t_interval_over_images() -> None:
    row = crossed((1, 30))
    expected = stats.ttest_1samp(row[0], 0)
    both = two_way_components(np.repeat(row, 4, axis=0))
    assert p_value_of(both) == pytest.approx(expected.pvalue)
    ends = expected.confidence_interval(0.9)
    assert [interval_of(both, 0.9).low, interval_of(both, 0.9).high] == pytest.approx(list(ends))


def test_without_effects_of_images_and_residual_it_is_the_t_interval_over_seeds() -> None:
    column = crossed((4, 1))
    both = two_way_components(np.repeat(column, 30, axis=1))
    assert p_value_of(both) == pytest.approx(stats.ttest_1samp(column[:, 0], 0).pvalue)


def test_one_seed_gives_the_t_interval_over_images_and_no_variance_of_seeds() -> None:
    row = crossed((1, 30))
    found = two_way_components(row)
    assert p_value_of(found) == pytest.approx(stats.ttest_1samp(row[0], 0).pvalue)
    assert found.degrees_of_freedom == 29
    assert found.image_variance == pytest.approx(row.var(ddof=1))
    assert math.isnan(found.seed_variance)
    assert math.isnan(found.residual_variance)


def test_one_image_gives_the_t_interval_over_seeds_and_no_variance_of_images() -> None:
    found = two_way_components(crossed((5, 1)))
    assert found.degrees_of_freedom == 4
    assert math.isnan(found.image_variance)


def test_a_single_value_has_an_interval_without_ends() -> None:
    interval = two_way_interval(np.array([[1.5]]))
    assert (interval.low, interval.estimate, interval.high) == (-math.inf, 1.5, math.inf)
    assert p_value_of(two_way_components(np.array([[1.5]]))) == 1


@pytest.mark.parametrize("shape", [(1, 4), (4, 1), (3, 4)])
def test_constant_values_have_an_interval_without_width(shape: tuple[int, int]) -> None:
    interval = two_way_interval(np.full(shape, 1.5))
    assert (interval.low, interval.high) == (1.5, 1.5)
    assert p_value_of(two_way_components(np.full(shape, 1.5))) == 0
    assert p_value_of(two_way_components(np.zeros(shape))) == 1


def test_rows_and_columns_that_agree_by_chance_hide_no_residual() -> None:
    # The means of both seeds and of both images are alike: their mean squares vanish.
    table = np.array([[1.0, -1.0], [-1.0, 1.0]])
    found = two_way_components(table)
    assert (found.seed_variance, found.image_variance, found.residual_variance) == (0, 0, 4)
    assert found.standard_error == 1


def test_the_variance_never_falls_below_that_of_the_seeds_or_images_alone() -> None:
    table = np.array([[1.0, -1.0], [-1.0, 1.0]]) + np.array([[3.0], [9.0]])
    found = mean_squares(table)
    assert found.of_seeds + found.of_images - found.of_residual < found.of_seeds
    assert two_way_components(table).standard_error ** 2 == pytest.approx(found.of_seeds / 4)


@given(tables(), st.integers(-8, 8))
def test_translation_moves_the_interval_and_keeps_its_width(table: np.ndarray, shift: int) -> None:
    before, after = two_way_interval(table), two_way_interval(table + shift)
    assert after.estimate == pytest.approx(before.estimate + shift)
    assert after.high - after.low == pytest.approx(before.high - before.low)


@given(tables(), st.sampled_from([-2.0, -0.5, 4.0]))
def test_scaling_scales_the_interval_and_keeps_p(table: np.ndarray, factor: float) -> None:
    before, after = two_way_components(table), two_way_components(factor * table)
    assert p_value_of(after) == pytest.approx(p_value_of(before))
    assert after.standard_error == pytest.approx(abs(factor) * before.standard_error)
    assert after.image_variance == pytest.approx(factor**2 * before.image_variance)


@given(tables())
def test_seeds_and_images_play_the_same_part(table: np.ndarray) -> None:
    one, other = two_way_interval(table), two_way_interval(table.T)
    assert [one.low, one.high] == pytest.approx([other.low, other.high])


@given(tables(), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_excludes_zero_exactly_where_p_is_below_its_complement(
    table: np.ndarray, level: float
) -> None:
    found = two_way_components(table)
    p_value, interval = p_value_of(found), interval_of(found, level)
    if abs(p_value - (1 - level)) > 1e-9:
        assert interval.excludes_zero == (p_value < 1 - level)


@given(tables())
def test_components_keep_all_that_the_interval_needs(table: np.ndarray) -> None:
    direct = precision_of_mean(mean_squares(table))
    kept = precision_of(two_way_components(table))
    assert float(kept.seed_share) == pytest.approx(float(direct.seed_share), abs=1e-9)
    assert float(kept.image_share) == pytest.approx(float(direct.image_share), abs=1e-9)
    assert float(kept.degrees_of_freedom) == pytest.approx(float(direct.degrees_of_freedom))


def test_few_seeds_that_carry_the_variance_forbid_tiny_p_values() -> None:
    # A clear difference over images, of seeds that differ much: three seeds are three numbers.
    table = np.array([[0.9], [1.0], [1.1]]) + 0.01 * crossed((3, 200), seeds=0, number=5)
    found = two_way_components(table)
    expected = stats.ttest_1samp(table.mean(1), 0).pvalue
    assert p_value_of(found) == pytest.approx(expected, rel=0.05)


def test_an_effect_of_seeds_that_chance_hides_still_limits_p() -> None:
    table = crossed((3, 100), seeds=0, images=0, residual=1)
    table = table - table.mean(1, keepdims=True) + 1  # no spread of the seeds' means at all
    found = two_way_components(table)
    assert found.seed_variance == 0
    steps = found.mean / found.standard_error
    alone = 2 * stats.t.sf(steps, 99)
    assert p_value_of(found) > 1000 * alone


def test_linearised_values_have_the_weighted_mean() -> None:
    table, weights = crossed(), np.arange(1, 13)
    assert linearised(table, weights).mean() == pytest.approx(
        np.average(table, axis=1, weights=weights).mean()
    )
    assert two_way_interval(table, weights).estimate == pytest.approx(
        np.average(table, axis=1, weights=weights).mean()
    )


def test_equal_weights_change_nothing() -> None:
    table = crossed()
    weighted = two_way_components(table, np.full(12, 7))
    plain = two_way_components(table)
    for name in Components.__dataclass_fields__:
        assert getattr(weighted, name) == pytest.approx(getattr(plain, name))


def test_linearisation_gives_the_standard_error_of_the_ratio() -> None:
    random = np.random.default_rng(0)
    errors, found = [], []
    for _ in range(400):
        weights = random.integers(1, 20, 80)
        table = random.gamma(2, 1, (1, 80)) * (1 + 1 / weights)
        found.append(np.average(table[0], weights=weights))
        errors.append(two_way_components(table, weights).standard_error)
    # The spread of 400 ratios is known to 3.5 %, so that 12 % are more than three errors.
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.12)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.ones(3), "seeds x images"),
        (np.ones((0, 3)), "seeds x images"),
        (np.array([[1.0, np.nan]]), "1 of 2 values are not finite"),
    ],
)
def test_what_is_no_full_table_is_refused(values: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        two_way_components(values)


@pytest.mark.parametrize(
    ("weights", "said"),
    [(np.ones(3), "12 images"), (np.zeros(12), "above zero"), (np.full(12, np.nan), "above zero")],
)
def test_weights_that_do_not_fit_are_refused(weights: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        two_way_interval(crossed(), weights)
