"""What the statistics say: intervals, variance components, and comparisons of two strategies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["lower", "higher", "equivalent", "undecided"]
"""Of a difference A - B in error: A's error is lower or higher, both are equal within the declared
margin, or the data cannot tell."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval.

    Attributes:
        estimate: The point estimate.
        low: Lower end; -inf where the data set no bound.
        high: Upper end; inf where the data set no bound.
        level: The nominal coverage.
    """

    estimate: float
    low: float
    high: float
    level: float = 0.95

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Components:
    """Where the variance of a mean over seeds and images comes from.

    The model is ``value[s, i] = mean + seed[s] + image[i] + residual[s, i]`` with random effects.

    Attributes:
        mean: The mean of all values.
        seeds: Number of seeds.
        images: Number of images.
        seed_variance: Variance of the seeds' effects; NaN for one seed, which cannot tell it.
        image_variance: Variance of the images' effects (with one seed: residual included).
        residual_variance: Variance of the residual; NaN for one seed.
        standard_error: Of the mean, for new seeds and new images; with one seed, for new images
            under that same draw of labels and that same initialisation only.
        degrees_of_freedom: Of the t distribution by which the mean is judged.
    """

    mean: float
    seeds: int
    images: int
    seed_variance: float
    image_variance: float
    residual_variance: float
    standard_error: float
    degrees_of_freedom: float


@dataclass(frozen=True)
class Comparison:
    """Two strategies on the same seeds and images, as errors of A minus errors of B.

    Attributes:
        difference: Mean difference A - B in the unit of the errors; below zero, A is better.
        components: Of the paired differences.
        p_value: Two-sided, of no difference, for new seeds and new images (with one seed: for
            new images only); the dual of the interval.
        sign_flip_p: Two-sided, by flipping the signs of the images' differences averaged over
            the seeds: for new images, but for these very trainings.
        win_rate: Share of seeds x images on which A has the lower error, ties counting half.
        margin: The declared margin of practical equivalence in the same unit, or None.
        verdict: What may be said at the level of the interval; ``equivalent`` needs a margin.
    """

    difference: Interval
    components: Components
    p_value: float
    sign_flip_p: float
    win_rate: Interval
    margin: float | None
    verdict: Verdict

    @property
    def one_seed(self) -> bool:
        """Whether the interval leaves out the variance between seeds, as with one seed it must."""
        return self.components.seeds == 1
