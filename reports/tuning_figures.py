"""How much an option matters: the score of every trial over one option that was searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmark.reports.drawing import Drawing
from benchmark.reports.marks import DOTTED
from benchmark.reports.scales import fixed_ticks, log_ticks
from benchmark.reports.svg import to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from benchmark.reports.palettes import Palette
    from benchmark.tuning.records import StudyRecord, TrialRecord, TunedDimension

FAR = 4.0
"""Scores beyond this many times the best would squeeze all others: they stand at the upper edge."""


def sensitivity(record: StudyRecord, dimension: TunedDimension, identifier: str) -> str:
    """The figure of one option, for a page."""
    return to_svg(sensitivity_drawing(record, dimension), identifier)


def sensitivity_drawing(record: StudyRecord, dimension: TunedDimension) -> Drawing:
    """Score against one option, whatever the others were; the search has a finished trial.

    Filled points are finished trials, open ones were ended early and show the score so far; the
    ring is the best, the dotted line the default.
    """
    best = record.best
    assert best is not None, "only searches with a finished trial are drawn"
    scores = [trial.score for trial in record.finished if trial.score is not None]
    return Drawing(
        width=250,
        height=180,
        description=(
            f"{record.name} on {record.source.dataset}: error of {len(scores)} trials from "
            f"{min(scores):.3g} to {max(scores):.3g} {record.unit} over the {dimension.title}; "
            f"best at {best.values[dimension.name]:.2g}, default {dimension.default:.2g}."
        ),
        paint=lambda axes, palette: _paint(axes, palette, record, dimension),
    )


def _paint(axes: Axes, palette: Palette, record: StudyRecord, dimension: TunedDimension) -> None:
    best = record.best
    assert best is not None
    assert best.score is not None
    most = FAR * best.score or 1.0
    axes.axvline(dimension.default, color=palette.floor, lw=1.3, ls=DOTTED)
    for state, filled in (("pruned", False), ("complete", True)):
        shown = [t for t in record.trials if t.state == state and t.score is not None]
        _points(axes, palette, shown, dimension, most, filled=filled)
    axes.plot(
        [best.values[dimension.name]],
        [best.score],
        "o",
        ms=12,
        mfc="none",
        mec=palette.ink,
        mew=1.4,
        zorder=4,
    )
    _scales(axes, record, dimension, most)
    axes.set_xlabel(dimension.title)
    axes.set_ylabel(f"error ({record.unit})")


def _points(
    axes: Axes,
    palette: Palette,
    trials: Sequence[TrialRecord],
    dimension: TunedDimension,
    most: float,
    *,
    filled: bool,
) -> None:
    """Trials of one kind; those that are too far up are triangles at the edge."""
    for far, marker in ((False, "o"), (True, "^")):
        shown = [t for t in trials if t.score is not None and (t.score > most) is far]
        axes.plot(
            [t.values[dimension.name] for t in shown],
            [min(t.score or 0.0, most) for t in shown],
            marker,
            ls="none",
            ms=6,
            mfc=palette.accent if filled else "none",
            mec=palette.accent if filled else palette.muted,
            mew=1.1,
            zorder=3 if filled else 2,
        )


def _scales(axes: Axes, record: StudyRecord, dimension: TunedDimension, most: float) -> None:
    low, high = dimension.low / 1.25, dimension.high * 1.25
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    fixed_ticks(axes.xaxis, log_ticks(low, high, (1.0, 3.0)))
    scores = [min(t.score, most) for t in record.trials if t.score is not None]
    least, largest = min(scores), max(scores)
    if least > 0 and largest > 2 * least:
        axes.set_yscale("log")
        axes.set_ylim(least / 1.12, largest * 1.12)
        fixed_ticks(axes.yaxis, log_ticks(least / 1.12, largest * 1.12))
    else:
        room = 0.12 * (largest - least) or 0.1 * largest or 1.0
        axes.set_ylim(least - room, largest + room)
        axes.locator_params(axis="y", nbins=5)
