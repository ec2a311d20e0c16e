"""Perceptual hashes find every pair that correlation would find, and few others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark import perceptual_hash
from benchmark.leaks import LEAK_CORRELATION
from benchmark.perceptual_hash import BITS, REACH, hashes, near


def pair(correlation: float, generator: np.random.Generator) -> np.ndarray:
    """Two unit vectors of 1,024 with this correlation."""
    basis, _ = np.linalg.qr(generator.standard_normal((1024, 2)))
    first, other = basis.T
    return np.stack([first, correlation * first + np.sqrt(1 - correlation**2) * other])


def distance(pairs: np.ndarray) -> int:
    first, second = hashes(pairs)
    return int(np.bitwise_count(first ^ second).sum())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.floats(LEAK_CORRELATION, 1.0))
def test_copies_are_within_reach_and_inverted_ones_beyond_its_opposite(
    seed: int, correlation: float
) -> None:
    generator = np.random.default_rng(seed)
    assert distance(pair(correlation, generator)) <= REACH
    assert distance(pair(-correlation, generator)) >= BITS - REACH


def test_different_vectors_are_out_of_reach() -> None:
    generator = np.random.default_rng(0)
    distances = [distance(pair(0.5, generator)) for _ in range(200)]
    assert min(distances) > REACH
    assert np.mean(distances) == pytest.approx(BITS / 3, rel=0.05)  # 60 degrees of 180


def test_hashes_depend_on_nothing_but_the_direction() -> None:
    vectors = np.random.default_rng(0).standard_normal((5, 64))
    assert (hashes(vectors) == hashes(vectors * 7)).all()
    assert hashes(vectors).shape == (5, BITS // 64)
    assert hashes(vectors)[0].tolist() == hashes(vectors[:1])[0].tolist()


def test_near_gives_each_pair_once_and_whatever_the_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = np.random.default_rng(0).standard_normal((9, 256))
    vectors[7], vectors[8] = vectors[1], -vectors[3]
    hashed = hashes(vectors)[:, None]
    expected = {(1, 7), (3, 8)}
    for block in (2, 512):
        monkeypatch.setattr(perceptual_hash, "_BLOCK", block)
        own = {pair for rows in near(hashed, hashed, same=True) for pair in zip(*rows, strict=True)}
        both = {p for rows in near(hashed, hashed) for p in zip(*rows, strict=True)}
        assert own == expected
        assert both == expected | {(b, a) for a, b in expected} | {(k, k) for k in range(9)}
