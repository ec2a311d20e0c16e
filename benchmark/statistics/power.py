"""What a comparison could have found, and whether more seeds or more images would help more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmark.statistics.components import precision_of
from benchmark.statistics.mean_squares import (
    MeanSquares,
    Precision,
    critical_value,
    precision_of_mean,
)
from benchmark.statistics.results import Components

POWER = 0.8
ALIKE = 0.05
"""Two detectable differences that differ by less than this share are alike."""


def minimum_detectable_difference(
    components: Components,
    seeds: int | None = None,
    images: int | None = None,
    power: float = POWER,
    level: float = 0.95,
) -> float:
    """The true difference that an interval of these sizes would exclude zero for, at a power.

    ``(critical value + t quantile of the power) * standard error``, at the standard error and the
    degrees of freedom that the components predict for these numbers of seeds and images.

    Args:
        components: Of the differences of two strategies.
        seeds: Number of seeds; as in the components where None.
        images: Number of images; as in the components where None.
        power: Probability that the interval excludes zero.
        level: Nominal coverage of the interval.

    Returns:
        In the unit of the differences. NaN where a component is asked for that the data do not
        tell: more seeds from a single seed, or more than the one image from a single image. Inf
        from one seed on one image.

    Raises:
        ValueError: If fewer than two seeds or images are asked for where there are more.
    """
    from scipy import special

    planned = _planned(components, seeds or components.seeds, images or components.images)
    if planned is None:
        return float("nan")
    if not np.isfinite(planned.standard_error):
        return float("inf")
    reach = critical_value(planned, level) + special.stdtrit(planned.degrees_of_freedom, power)
    return float(reach * planned.standard_error)


@dataclass(frozen=True)
class Advice:
    """The smallest difference that would be found in four of five repetitions, and what helps.

    Attributes:
        now: Detectable with the present numbers of seeds and images.
        twice_seeds: With twice the seeds; NaN from a single seed, which tells nothing of seeds.
        twice_images: With twice the images; NaN from a single image.
        helps: What lowers it more; seeds from a single seed, as nothing is known of others.
        seeds: Number of seeds now.
        images: Number of images now.
    """

    now: float
    twice_seeds: float
    twice_images: float
    helps: Literal["seeds", "images", "either"]
    seeds: int
    images: int

    def text(self, unit: str) -> str:
        """One line for a reader.

        Args:
            unit: Of the differences; may be empty.
        """
        if not np.isfinite(self.now):
            return "one seed and one image tell of no difference: add seeds and images"
        now = f"{_number(self.now, unit)} at {POWER:.0%} power".replace("%", " %")
        if self.seeds == 1:
            more = f"{_number(self.twice_images, unit)} with twice the images"
            return f"{now} for this one seed, {more}; how much seeds vary is unknown: add seeds"
        if self.images == 1:
            return f"{now} on this one image; how much images vary is unknown: add images"
        more = (
            f"{_number(self.twice_seeds, unit)} with twice the seeds, "
            f"{_number(self.twice_images, unit)} with twice the images"
        )
        last = "both help alike" if self.helps == "either" else f"add {self.helps}"
        return f"{now}; {more}: {last}"


def advice(components: Components) -> Advice:
    """Whether to add seeds or images, from where the variance comes from.

    Args:
        components: Of the differences of two strategies.
    """
    seeds, images = components.seeds, components.images
    twice_seeds = minimum_detectable_difference(components, seeds=2 * seeds)
    twice_images = minimum_detectable_difference(components, images=2 * images)
    helps: Literal["seeds", "images", "either"] = "either"
    if seeds == 1:
        helps = "seeds"
    elif images == 1:
        helps = "images"
    elif abs(twice_seeds - twice_images) > ALIKE * max(twice_seeds, twice_images):
        helps = "seeds" if twice_seeds < twice_images else "images"
    return Advice(
        now=minimum_detectable_difference(components),
        twice_seeds=twice_seeds,
        twice_images=twice_images,
        helps=helps,
        seeds=seeds,
        images=images,
    )


def _planned(components: Components, seeds: int, images: int) -> Precision | None:
    """The precision to expect, or None where it rests on an unknown component."""
    if components.seeds == 1 or components.images == 1:
        return _planned_one_way(components, seeds, images)
    if min(seeds, images) < 2:
        raise ValueError(f"a plan needs two seeds and images or more, not {seeds} and {images}")
    residual = np.asarray(components.residual_variance)
    expected = MeanSquares(
        seeds,
        images,
        np.asarray(residual + images * components.seed_variance),
        np.asarray(residual + seeds * components.image_variance),
        residual,
    )
    return precision_of_mean(expected)


def _planned_one_way(components: Components, seeds: int, images: int) -> Precision | None:
    """From one seed, or one image: the other one alone may grow."""
    if components.seeds == 1:
        fixed, many, variance = seeds, images, components.image_variance
    else:
        fixed, many, variance = images, seeds, components.seed_variance
    if fixed != 1 or (many > 1 and np.isnan(variance)):
        return None
    error = float(np.sqrt(variance / many)) if many > 1 else np.inf
    return precision_of(
        Components(
            mean=components.mean,
            seeds=seeds,
            images=images,
            seed_variance=components.seed_variance,
            image_variance=components.image_variance,
            residual_variance=components.residual_variance,
            standard_error=error,
            degrees_of_freedom=float(max(many - 1, 1)),
        )
    )


def _number(value: float, unit: str) -> str:
    return f"{value:.2g} {unit}".strip()
