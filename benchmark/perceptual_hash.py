"""Perceptual hashes: 256 bits an image that stay nearly the same when a film is copied."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

BITS = 256

REACH = 48
"""So many bits may differ, or be alike by chance in the negative, in two hashes of one film.

Two unit vectors at an angle t differ in each bit with probability t / pi (Charikar, STOC 2002). At
the least correlation that counts as a copy, 0.97, 20 of 256 bits are expected to differ, with a
standard deviation of 4.3: 48 is more than six of those away, so no copy is passed over, while
pairs that correlate by less than 0.7 are hardly ever looked at.
"""

_WORDS = BITS // 64
_BLOCK = 512


def hashes(signatures: np.ndarray) -> np.ndarray:
    """The signs of random projections.

    Args:
        signatures: (images, size) vectors; their lengths do not matter.

    Returns:
        (images, 4) uint64.
    """
    bits = np.asarray(signatures, np.float32) @ _projections(np.shape(signatures)[1]) > 0
    return np.packbits(bits, axis=1).view(np.uint64).reshape(-1, _WORDS)


def near(
    first: np.ndarray, second: np.ndarray, *, same: bool = False, reach: int = REACH
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pairs of two sets whose hashes are near, or near to each other's negative.

    Args:
        first: (images, kinds, 4) from `hashes`, several kinds of signature an image.
        second: The same of the other set.
        same: Whether both are one set: each pair then comes once, the earlier image first.
        reach: The largest number of bits that differ; in one kind it must be met.

    Yields:
        Rows of ``first`` and rows of ``second``, block by block, so that memory stays small.
    """
    for start in range(0, len(first), _BLOCK):
        block = first[start : start + _BLOCK]
        begin = start if same else 0
        close = np.zeros((len(block), len(second) - begin), dtype=bool)
        for kind in range(block.shape[1]):
            distance = np.zeros(close.shape, dtype=np.uint16)
            for word in range(_WORDS):
                differing = block[:, kind, word, None] ^ second[None, begin:, kind, word]
                distance += np.bitwise_count(differing)
            close |= (distance <= reach) | (distance >= BITS - reach)
        rows, columns = np.nonzero(np.triu(close, 1) if same else close)
        if len(rows):
            yield rows + start, columns + begin


@cache
def _projections(size: int) -> np.ndarray:
    """(size, 256) directions, the same on every machine."""
    generator = np.random.Generator(np.random.PCG64(20261127))
    return generator.standard_normal((size, BITS), dtype=np.float32)
