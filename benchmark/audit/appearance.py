"""Whether an image looks like the others as it is, or mirrored."""

from __future__ import annotations

import numpy as np

from benchmark.audit.material import Material
from benchmark.leaks import SIDE

CLEARLY = 0.15
"""A difference of two correlations that decides."""


class Appearance:
    """The mean look of a set, to which single images are held.

    Args:
        material: With the thumbnails.
    """

    def __init__(self, material: Material) -> None:
        self._thumbnails = material.thumbnails
        pictures = [_standard(picture) for picture in material.thumbnails.values()]
        empty = np.zeros(SIDE * SIDE)
        self._mean = np.mean(pictures, axis=0) if pictures else empty

    def mirrored(self, image_id: str) -> float:
        """By how much an image looks more like the others mirrored than as it is.

        Returns:
            The difference of two correlations, in [-2, 2]; 0 where the image could not be read.
        """
        picture = self._thumbnails.get(image_id)
        norm = float(np.linalg.norm(self._mean))
        if picture is None or norm < 1e-9:
            return 0.0
        as_it_is = _standard(picture) @ self._mean / norm
        flipped = _standard(picture[:, ::-1]) @ self._mean / norm
        return float(flipped - as_it_is)


def _standard(picture: np.ndarray) -> np.ndarray:
    """(1024,) of mean 0 and length 1."""
    flat = np.asarray(picture, dtype=np.float64).ravel()
    flat = flat - flat.mean()
    norm = np.linalg.norm(flat)
    return np.asarray(flat / norm if norm > 1e-9 else flat)
