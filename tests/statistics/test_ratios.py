"""The ratio of errors over several tables: known answers, and the coverage of its interval."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.statistics.aggregation import Block
from benchmark.statistics.ratios import ratio_over


def errors(random: np.random.Generator, seeds: int, images: int, mean: float) -> np.ndarray:
    """(seeds, images) errors with effects of seeds, of images and of both."""
    effects = 0.05 * random.normal(size=(seeds, 1)) + 0.3 * random.normal(size=images)
    return np.asarray(mean * np.exp(effects + 0.2 * random.normal(size=(seeds, images))))


def test_errors_that_are_a_fixed_share_higher_have_that_ratio_and_no_doubt() -> None:
    random = np.random.default_rng(0)
    controls = [errors(random, 3, 40, mean) for mean in (1.0, 8.0)]
    weights = random.integers(1, 20, 40).astype(float)
    blocks = [Block(1.2 * control, control, weights) for control in controls]
    found = ratio_over(blocks)
    assert (found.estimate, found.low, found.high) == pytest.approx((1.2, 1.2, 1.2))


def test_the_ratio_is_the_geometric_mean_of_the_weighted_ratios() -> None:
    random = np.random.default_rng(1)
    weights = random.integers(1, 20, 30).astype(float)
    pairs = [(errors(random, 3, 30, 2.0), errors(random, 3, 30, 3.0)) for _ in range(2)]
    single = [
        np.average(one.mean(0), weights=weights) / np.average(other.mean(0), weights=weights)
        for one, other in pairs
    ]
    found = ratio_over([Block(one, other, weights) for one, other in pairs])
    assert found.estimate == pytest.approx(np.sqrt(np.prod(single)))
    assert found.low < found.estimate < found.high


def test_its_interval_covers_the_true_ratio_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    covered = 0
    for _ in range(300):
        blocks = []
        shared = 0.2 * random.normal(size=60)
        for mean in (1.0, 4.0):
            one = errors(random, 3, 60, mean) * np.exp(shared)
            other = errors(random, 3, 60, 1.1 * mean) * np.exp(shared)
            blocks.append(Block(one, other))
        found = ratio_over(blocks)
        covered += found.low <= 1 / 1.1 <= found.high
    assert 0.90 <= covered / 300 <= 0.995


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([], "at least one"),
        (
            [Block(np.ones((2, 3)), np.ones((2, 3))), Block(np.ones((3, 3)), np.ones((3, 3)))],
            "shape",
        ),
        ([Block(np.zeros((2, 3)), np.ones((2, 3)))], "above zero"),
    ],
)
def test_what_has_no_ratio_is_refused(blocks: list[Block], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ratio_over(blocks)
