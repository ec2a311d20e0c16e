"""Made-up errors of two strategies whose true means are known, to try the statistics on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

Shape = Literal["normal", "t3", "lognormal", "gamma"]


@dataclass(frozen=True)
class ErrorModel:
    """What is a strategy's own in its errors: seeds, images, and residual, in mm around its mean.

    What is common to two strategies, as the difficulty of an image, cancels in their difference.

    Attributes:
        seeds: Standard deviation of the seeds' effects, which are normal.
        images: Standard deviation of the strategy's own effects of images.
        residual: Standard deviation of the residual.
        shape: Distribution of the effects of images and of the residual.
    """

    seeds: float
    images: float
    residual: float
    shape: Shape = "normal"

    def draw(
        self, random: np.random.Generator, shape: tuple[int, int, int], size: float = 1.0
    ) -> np.ndarray:
        """(tables, seeds, images) errors of one strategy, less its true mean.

        Args:
            random: Where the numbers come from.
            shape: Tables, seeds, images.
            size: Factor on all effects.
        """
        tables, seeds, images = shape
        own = self.seeds * random.standard_normal((tables, seeds, 1))
        own = own + self.images * standard(random, (tables, 1, images), self.shape)
        if self.residual:
            own = own + self.residual * standard(random, shape, self.shape)
        return np.asarray(size * own)


MODELS: Mapping[str, ErrorModel] = {
    "images": ErrorModel(0.0, 0.5, 0.0),
    "seeds": ErrorModel(0.1, 0.0, 0.0),
    "seeds, images": ErrorModel(0.1, 0.5, 0.0),
    "seeds, images, residual": ErrorModel(0.1, 0.5, 0.5),
    "seeds, residual": ErrorModel(0.1, 0.0, 0.5),
    "all, t with 3 df": ErrorModel(0.1, 0.5, 0.5, "t3"),
    "all, gamma": ErrorModel(0.1, 0.5, 0.5, "gamma"),
    "all, lognormal": ErrorModel(0.1, 0.5, 0.5, "lognormal"),
}
"""What varies, as the tables name it."""


def standard(
    random: np.random.Generator, shape: tuple[int, ...], distribution: Shape
) -> np.ndarray:
    """Numbers with mean 0 and variance 1.

    Args:
        random: Where the numbers come from.
        shape: Of the result.
        distribution: ``t3`` has heavy tails; ``gamma`` (shape 2, skewness 1.4) and ``lognormal``
            (sigma 1, skewness 6.2) are skewed to the right, as errors are.
    """
    if distribution == "t3":
        return np.asarray(random.standard_t(3, shape) / np.sqrt(3))
    if distribution == "gamma":
        return np.asarray((random.standard_gamma(2, shape) - 2) / np.sqrt(2))
    if distribution == "lognormal":
        mean, variance = np.exp(0.5), np.e * (np.e - 1)
        return np.asarray((random.lognormal(0, 1, shape) - mean) / np.sqrt(variance))
    return random.standard_normal(shape)


@dataclass(frozen=True)
class SuccessModel:
    """Landmarks within a threshold, whose chance depends on the seed and on the image.

    Attributes:
        mean: Mean of the chance on the scale of the probit.
        seeds: Standard deviation of the seeds' effects on that scale.
        images: Standard deviation of the images' effects on that scale.
        landmarks: Number of landmarks of an image.
    """

    mean: float
    seeds: float
    images: float
    landmarks: int = 19

    @property
    def truth(self) -> float:
        """The chance over all seeds and images, as a normal effect of a probit has it."""
        from scipy import special

        spread = np.sqrt(1 + self.seeds**2 + self.images**2)
        return float(special.ndtr(self.mean / spread))

    def draw(self, random: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
        """(tables, seeds, images) numbers of landmarks within the threshold."""
        from scipy import special

        tables, seeds, images = shape
        level = self.mean + self.seeds * random.standard_normal((tables, seeds, 1))
        level = level + self.images * random.standard_normal((tables, 1, images))
        return random.binomial(self.landmarks, special.ndtr(level))
