"""All datasets and numbers of shots together: performance profiles and average ranks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from benchmark.reports.drawing import Drawing
from benchmark.reports.labels import shorten_apart
from benchmark.reports.scales import fixed_ticks, line_style
from benchmark.reports.svg import to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from benchmark.reports.palettes import Palette
    from benchmark.reports.styles import Styles
    from benchmark.reports.tables import Identity

Profile = tuple[np.ndarray, np.ndarray]
"""(points,) ratios of a run's error to that of scratch, and the share of runs at most that."""

RATIO_TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
MARKS = 8
"""Marks along a line, so that lines are told apart without their colours."""


class Ranks(Protocol):
    """What is known of the ranks; ``benchmark.statistics.blocks.CriticalDifference`` has it all."""

    @property
    def average_ranks(self) -> ArrayLike:
        """(strategies,) mean rank over the blocks; 1 is best."""

    @property
    def critical_difference(self) -> float:
        """The least difference of two average ranks that is not chance."""

    @property
    def cliques(self) -> Sequence[Collection[int]]:
        """Places of strategies that are not separable, largest groups only."""


def performance_profile(
    profiles: Mapping[Identity, Profile],
    styles: Styles,
    titles: Mapping[Identity, str],
    identifier: str,
) -> str:
    """The share of runs whose error is at most each multiple of that of scratch.

    Dolan and Moré, Mathematical Programming, 2002; over runs as in Agarwal et al., NeurIPS 2021.
    Empty without a profile.

    Args:
        profiles: By strategy.
        styles: The look of each strategy.
        titles: Name of each strategy.
        identifier: Unique in the page.
    """
    drawing = profile_drawing(profiles, styles, titles)
    return to_svg(drawing, identifier) if drawing else ""


def profile_drawing(
    profiles: Mapping[Identity, Profile],
    styles: Styles,
    titles: Mapping[Identity, str],
    *,
    legend: bool = False,
) -> Drawing | None:
    """The drawing of :func:`performance_profile`, for files with a legend of its own."""
    if not profiles:
        return None
    told = ", ".join(
        f"{titles[identity]} {100 * below_one(profile):.0f} %"
        for identity, profile in profiles.items()
    )
    return Drawing(
        width=450 + 160 * legend,
        height=max(310, 40 + 17 * len(profiles) * legend),
        description=f"Share of runs with an error of at most that of scratch: {told}.",
        paint=lambda axes, palette: _paint_profile(
            axes, palette, profiles, styles, titles, legend=legend
        ),
    )


def below_one(profile: Profile) -> float:
    """The share of runs whose error is at most that of scratch."""
    thresholds, fractions = profile
    place = int(np.searchsorted(thresholds, 1.0, side="right")) - 1
    return float(fractions[place]) if place >= 0 else 0.0


def _paint_profile(
    axes: Axes,
    palette: Palette,
    profiles: Mapping[Identity, Profile],
    styles: Styles,
    titles: Mapping[Identity, str],
    *,
    legend: bool,
) -> None:
    low, high = _range(profiles)
    shortened = shorten_apart([titles[identity] for identity in profiles])
    names = dict(zip(profiles, shortened, strict=True))
    axes.axvline(1.0, color=palette.floor, lw=1.4, ls=(0, (2, 2)))
    for number, (identity, (thresholds, fractions)) in enumerate(profiles.items()):
        style = styles[identity]
        axes.plot(
            thresholds,
            100 * fractions,
            color=palette.colour(style),
            ls=line_style(style),
            lw=2,
            marker=style.marker,
            markevery=_marks(thresholds, low, high, number / len(profiles)),
            ms=6,
            mew=0,
            label=names[identity],
        )
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(0, 101)
    fixed_ticks(axes.xaxis, [tick for tick in RATIO_TICKS if low <= tick <= high])
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("error relative to scratch, lower is better")
    axes.set_ylabel("runs with at most that error (%)")
    axes.annotate(
        "as scratch",
        (1.0, 1.0),
        xycoords=axes.get_xaxis_transform(),
        xytext=(0, 3),
        textcoords="offset points",
        color=palette.floor,
        fontsize=9.5,
        ha="center",
        va="bottom",
    )
    if legend:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=9.5)


def _range(profiles: Mapping[Identity, Profile]) -> tuple[float, float]:
    """The ratios between which the profiles rise, 1 included."""
    rising = [1 / 1.1, 1.1]
    for thresholds, fractions in profiles.values():
        inside = thresholds[(fractions > 0) & (fractions < 1)]
        full = thresholds[fractions >= 1]
        rising += [*inside[:1], *full[:1], *inside[-1:]]
    return float(min(rising)) / 1.08, float(max(rising)) * 1.08


def _marks(thresholds: np.ndarray, low: float, high: float, shift: float) -> list[int]:
    """Places of the marks: evenly over the range that is shown, shifted from line to line."""
    wanted = np.geomspace(low, high, MARKS + 1)[:-1] * (high / low) ** (shift / MARKS)
    places = np.searchsorted(thresholds, wanted)
    return sorted({int(place) for place in places if place < len(thresholds)})


def critical_difference(diagram: Ranks, titles: Sequence[str], identifier: str) -> str:
    """Average ranks over the blocks; a bar joins those that are not separable.

    Demšar, Journal of Machine Learning Research, 2006, section 3.2.2.

    Args:
        diagram: Ranks, critical difference and cliques, in the order of ``titles``.
        titles: Name of each strategy.
        identifier: Unique in the page.
    """
    return to_svg(critical_difference_drawing(diagram, titles), identifier)


def critical_difference_drawing(diagram: Ranks, titles: Sequence[str]) -> Drawing:
    """The drawing of :func:`critical_difference`."""
    ranks = np.asarray(diagram.average_ranks, dtype=float)
    order = [int(place) for place in np.argsort(ranks, kind="stable")]
    told = ", ".join(f"{titles[place]} {ranks[place]:.2f}" for place in order)
    cliques = _bars(diagram, ranks)
    joined = [" and ".join(titles[p] for p in order if p in clique) for clique in cliques]
    apart = f" Not separable: {'; '.join(joined)}." if joined else " All are separable."
    half = -(-len(order) // 2)
    return Drawing(
        width=620,
        height=92 + 11 * len(cliques) + 22 * half,
        description=(
            f"Average ranks, lower is better: {told}; critical difference "
            f"{diagram.critical_difference:.2f}.{apart}"
        ),
        paint=lambda axes, palette: _paint_ranks(axes, palette, diagram, titles, order),
    )


def _bars(diagram: Ranks, ranks: np.ndarray) -> list[tuple[int, ...]]:
    """The cliques of more than one strategy, best first."""
    several = [tuple(int(p) for p in clique) for clique in diagram.cliques if len(clique) > 1]
    return sorted(several, key=lambda clique: min(float(ranks[place]) for place in clique))


def _paint_ranks(
    axes: Axes,
    palette: Palette,
    diagram: Ranks,
    titles: Sequence[str],
    order: Sequence[int],
) -> None:
    ranks = np.asarray(diagram.average_ranks, dtype=float)
    count, cliques = len(order), _bars(diagram, ranks)
    half = -(-count // 2)
    names = shorten_apart(titles, 26)
    first_name = 1.0 + 0.5 * len(cliques)
    axes.set_axis_off()
    axes.set_xlim(1 - 0.42 * (count - 1), count + 0.42 * (count - 1))
    axes.set_ylim(first_name + half - 0.4, -2.4)
    axes.plot([1, count], [0, 0], color=palette.ink, lw=1.2)
    for tick in range(1, count + 1):
        axes.plot([tick, tick], [0, -0.25], color=palette.ink, lw=1.2)
        axes.text(tick, -0.4, f"{tick}", ha="center", va="bottom", fontsize=10)
    width = min(diagram.critical_difference, float(count - 1))
    axes.plot([1, 1 + width], [-1.55, -1.55], color=palette.floor, lw=2, marker="|", ms=7)
    text = f"critical difference {diagram.critical_difference:.2f}"
    axes.text(1, -1.75, text, color=palette.floor, va="bottom", fontsize=9.5)
    for place, number in enumerate(order):
        left = place < half
        height = first_name + (place if left else count - 1 - place)
        side = 1 - 0.04 * (count - 1) if left else count + 0.04 * (count - 1)
        rank = float(ranks[number])
        axes.plot([rank, rank, side], [0, height, height], color=palette.muted, lw=0.9)
        axes.text(
            side,
            height,
            f" {names[number]} {rank:.2f} ",
            ha="right" if left else "left",
            va="center",
            fontsize=9.5,
        )
    for level, clique in enumerate(cliques):
        inside = [float(ranks[place]) for place in clique]
        ends = [min(inside) - 0.04, max(inside) + 0.04]
        axes.plot(ends, [0.45 + 0.5 * level] * 2, color=palette.ink, lw=4, solid_capstyle="butt")
