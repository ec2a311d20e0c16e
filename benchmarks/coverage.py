"""Simulated coverage of the intervals and false positives of the tests, as Markdown tables.

``python -m benchmarks.coverage`` prints what stands in docs/statistics.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from benchmark.statistics.bootstrap import bootstrap_means, resample
from benchmark.statistics.comparison import holm, sign_flip_p_values
from benchmark.statistics.mean_squares import (
    MeanSquares,
    Precision,
    critical_value,
    mean_squares,
    precision_of_mean,
    two_sided,
)
from benchmark.statistics.proportions import proportion_interval
from benchmarks.error_models import MODELS, ErrorModel, SuccessModel

SEEDS = (3, 5, 10)
IMAGES = (50, 100, 300)
CHUNK = 250
DRAWS = 400
FLIPS = 999
WORSE = 1.5
METHODS = (4, 10)
SUCCESSES = {
    "80 %, images": SuccessModel(0.94, 0.0, 0.5),
    "80 %, seeds and images": SuccessModel(0.95, 0.15, 0.5),
    "97 %, seeds and images": SuccessModel(2.12, 0.15, 0.5),
}


SKEWED = {
    "images, gamma": ErrorModel(0.0, 0.5, 0.25, "gamma"),
    "images, lognormal": ErrorModel(0.0, 0.5, 0.25, "lognormal"),
    "seeds and images, lognormal": ErrorModel(0.1, 0.5, 0.25, "lognormal"),
}


class Rates(NamedTuple):
    """Per cent of the tables: intervals that hold the truth, and alike strategies told apart."""

    two_way: float
    bootstrap: float
    images_only: float
    seeds_only: float
    alike: float
    alike_by_flips: float


def difference_rates(
    model: ErrorModel, seeds: int, images: int, repetitions: int, random: np.random.Generator
) -> Rates:
    """Of the difference of two strategies: B's effects are larger, or just like A's."""
    rows = []
    for _ in range(repetitions // CHUNK):
        shape = (CHUNK, seeds, images)
        first = model.draw(random, shape)
        unlike = first - model.draw(random, shape, WORSE)
        alike = first - model.draw(random, shape)
        draws = resample(seeds, images, DRAWS, int(random.integers(2**31)))
        rejected = two_sided(precision_of_mean(mean_squares(alike)), alike.mean((1, 2))) < 0.05
        flips = sign_flip_p_values(alike.mean(1), FLIPS, int(random.integers(2**31))) < 0.05
        rows.append(
            (
                holds_by_components(unlike),
                within(bootstrap_means(unlike, draws)),
                within(unlike.mean(1) @ draws.image_counts.T / images),
                holds_by_t(unlike.mean(2)),
                rejected.mean(),
                flips.mean(),
            )
        )
    return Rates(*(100 * np.mean(rows, axis=0)).tolist())


def holds_by_components(tables: np.ndarray) -> float:
    """Share of the two-way intervals that hold zero."""
    precision = precision_of_mean(mean_squares(tables))
    half = precision.standard_error * critical_value(precision, 0.95)
    return float((np.abs(tables.mean((1, 2))) <= half).mean())


def within(draws: np.ndarray) -> float:
    """Share of the percentile intervals, one a row, that hold zero."""
    low, high = np.quantile(draws, (0.025, 0.975), axis=1)
    return float(((low <= 0) & (high >= 0)).mean())


def holds_by_t(means: np.ndarray) -> float:
    """Share of the t intervals over the means of seeds, one a row, that hold zero."""
    from scipy import stats

    count = means.shape[1]
    half = stats.t.isf(0.025, count - 1) * means.std(1, ddof=1) / np.sqrt(count)
    return float((np.abs(means.mean(1)) <= half).mean())


def difference_table(repetitions: int) -> Iterator[str]:
    """Each cell has the rates at 50, 100 and 300 images."""
    yield (
        "| varies | seeds | two-way | two-way bootstrap | bootstrap of images | t over seeds "
        "| alike, two-way p | alike, sign flips |"
    )
    yield "| --- | --: | --- | --- | --- | --- | --- | --- |"
    for number, (name, model) in enumerate(MODELS.items()):
        for seeds in SEEDS:
            rates = [
                difference_rates(
                    model,
                    seeds,
                    images,
                    repetitions,
                    np.random.default_rng([number, seeds, images]),
                )
                for images in IMAGES
            ]
            yield f"| {name} | {seeds} | {columns(rates)} |"


def mean_table(repetitions: int) -> Iterator[str]:
    """Coverage of the mean of one strategy, whose errors are skewed, at 50, 100 and 300 images."""
    yield "| skewed, varies | seeds | two-way |"
    yield "| --- | --: | --- |"
    for number, (name, model) in enumerate(SKEWED.items()):
        for seeds in SEEDS:
            rates = []
            for images in IMAGES:
                random = np.random.default_rng([number, seeds, images])
                shape = (CHUNK, seeds, images)
                tables = (model.draw(random, shape) for _ in range(repetitions // CHUNK))
                rates.append((100 * float(np.mean([holds_by_components(t) for t in tables])),))
            yield f"| {name} | {seeds} | {columns(rates)} |"


def columns(rates: Sequence[Sequence[float]]) -> str:
    """One column a rate, with a number for each of the settings."""
    return " | ".join(
        " ".join(f"{rate:.1f}" for rate in column) for column in zip(*rates, strict=True)
    )


def proportion_table(repetitions: int) -> Iterator[str]:
    """Coverage of intervals of a success rate, at 50, 100 and 300 images."""
    yield "| success rate, varies | seeds | two-way Wilson | Wilson over all points |"
    yield "| --- | --: | --- | --- |"
    for number, (name, model) in enumerate(SUCCESSES.items()):
        for seeds in SEEDS:
            rates = []
            for images in IMAGES:
                random = np.random.default_rng([number, seeds, images])
                rates.append(proportion_rates(model, seeds, images, repetitions, random))
            yield f"| {name} | {seeds} | {columns(rates)} |"


def proportion_rates(
    model: SuccessModel, seeds: int, images: int, repetitions: int, random: np.random.Generator
) -> tuple[float, float]:
    """Per cent of the intervals that hold the truth: ours, and Wilson's over all points."""
    trials = np.full(images, model.landmarks)
    hits = []
    for successes in model.draw(random, (repetitions, seeds, images)):
        ours = proportion_interval(successes, trials)
        tosses = seeds * images * model.landmarks
        # Wilson's interval holds the truth where the score test keeps it.
        error = np.sqrt(model.truth * (1 - model.truth) / tosses)
        naive = abs(successes.sum() / tosses - model.truth) <= 1.96 * error
        hits.append((ours.low <= model.truth <= ours.high, naive))
    ours_held, naive_held = 100 * np.mean(hits, axis=0)
    return float(ours_held), float(naive_held)


def sweep_table(repetitions: int) -> Iterator[str]:
    """Lowest and highest rates over all splits of the variance, from mean squares themselves."""
    yield (
        "| seeds | rule | lowest coverage | highest coverage "
        "| p < 0.01, at most | p < 0.001, at most |"
    )
    yield "| --: | --- | --: | --: | --: | --: |"
    for seeds in (2, *SEEDS):
        for name, rule in RULES.items():
            random = np.random.default_rng(seeds)
            found = np.array(list(sweep(rule, seeds, 100, 20 * repetitions, random)))
            low, high = 100 - found[:, 0].max(), 100 - found[:, 0].min()
            one, thousandth = found[:, 1].max(), found[:, 2].max()
            yield f"| {seeds} | {name} | {low:.1f} | {high:.1f} | {one:.1f} | {thousandth:.2f} |"


def sweep(
    rule: Callable[[MeanSquares], Precision],
    seeds: int,
    images: int,
    repetitions: int,
    random: np.random.Generator,
) -> Iterator[list[float]]:
    """Per cent of p values below 0.05, 0.01 and 0.001, for one split of the variance each."""
    freedoms = (seeds - 1, images - 1, (seeds - 1) * (images - 1))
    squares = [random.chisquare(f, repetitions) / f for f in freedoms]
    normal = random.standard_normal(repetitions)
    for residual in (0.001, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.85, 1.0):
        for share in (0.0, 0.1, 0.25, 0.5, 0.75, 0.85, 0.9, 0.97, 1.0):
            own = (1 - residual) * share
            expected = (residual + own, 1 - own, residual)
            of_seeds, of_images, of_residual = (
                e * s for e, s in zip(expected, squares, strict=True)
            )
            precision = rule(MeanSquares(seeds, images, of_seeds, of_images, of_residual))
            p_values = two_sided(precision, normal / np.sqrt(seeds * images))
            yield [100 * float((p_values < level).mean()) for level in (0.05, 0.01, 0.001)]


def satterthwaite(found: MeanSquares) -> Precision:
    """The textbook's t: Satterthwaite's degrees of freedom and nothing else."""
    total = np.maximum(
        found.of_seeds + found.of_images - found.of_residual,
        np.maximum(found.of_seeds, found.of_images),
    )
    one, other = found.seeds - 1, found.images - 1
    squares = found.of_seeds**2 / one + found.of_images**2 / other
    squares = squares + found.of_residual**2 / (one * other)
    none = np.zeros_like(total)
    error = np.sqrt(total / (found.seeds * found.images))
    return Precision(error, total**2 / squares, none, none, found.seeds, found.images)


def leaderboard_table(repetitions: int) -> Iterator[str]:
    """How often any two of several alike strategies are told apart after Holm's adjustment."""
    headings = [f"{methods} methods, {name}" for methods in METHODS for name in RULES]
    yield f"| varies | seeds | {' | '.join(headings)} |"
    yield f"| --- | {' | '.join(['--:'] * (1 + len(headings)))} |"
    for name in ("seeds, residual", "seeds, images, residual", "all, lognormal"):
        for seeds in SEEDS:
            random = np.random.default_rng(seeds)
            told = [
                rate
                for methods in METHODS
                for rate in leaderboard_rates(MODELS[name], methods, seeds, repetitions, random)
            ]
            yield f"| {name} | {seeds} | {' | '.join(f'{rate:.1f}' for rate in told)} |"


def leaderboard_rates(
    model: ErrorModel, methods: int, seeds: int, repetitions: int, random: np.random.Generator
) -> list[float]:
    """Per cent of the leaderboards of 100 images with any false difference, by each rule."""
    first, second = np.triu_indices(methods, 1)
    told = []
    for _ in range(repetitions):
        errors = model.draw(random, (methods, seeds, 100))
        differences = errors[first] - errors[second]
        found, means = mean_squares(differences), differences.mean((1, 2))
        adjusted = [holm(two_sided(rule(found), means)) for rule in RULES.values()]
        told.append([(p_values < 0.05).any() for p_values in adjusted])
    return [float(rate) for rate in 100 * np.mean(told, axis=0)]


RULES: Mapping[str, Callable[[MeanSquares], Precision]] = {
    "as used": precision_of_mean,
    "Satterthwaite": satterthwaite,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2000, help="a multiple of 250")
    repetitions = parser.parse_args().repetitions
    begin = time.perf_counter()
    tables = (difference_table, mean_table, proportion_table, sweep_table, leaderboard_table)
    for table in tables:
        for line in table(repetitions):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        sys.stdout.write("\n")
    sys.stdout.write(f"{repetitions} repetitions, {time.perf_counter() - begin:.0f} s.\n")


if __name__ == "__main__":
    main()
