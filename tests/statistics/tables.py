"""Made-up tables of seeds x images for the tests of the statistics."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays


def crossed(
    shape: tuple[int, int] = (4, 12),
    seeds: float = 0.5,
    images: float = 0.8,
    residual: float = 0.6,
    number: int = 3,
) -> np.ndarray:
    """A table with effects of the given standard deviations around a mean of 2."""
    random = np.random.default_rng(number)
    table = 2 + seeds * random.normal(size=(shape[0], 1))
    table = table + images * random.normal(size=(1, shape[1]))
    return np.asarray(table + residual * random.normal(size=shape))


def tables(least: int = 2, most: int = 6) -> st.SearchStrategy[np.ndarray]:
    """Tables of sixteenths, whose sums and differences are exact."""
    sides = st.tuples(st.integers(least, most), st.integers(least, most))
    numbers = st.integers(-64, 64).map(lambda number: number / 16)
    return sides.flatmap(lambda shape: arrays(float, shape, elements=numbers))
