"""Small figures of training curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmark.reports.svg import (
    FLOOR,
    canvas,
    colour_of,
    fixed_ticks,
    line_style,
    log_ticks,
    to_svg,
)
from benchmark.reports.tables import Identity

if TYPE_CHECKING:
    import pandas as pd

    from benchmark.reports.styles import Styles

LOSS_POINTS = 120
TICKS_BY_RANGE = (
    (8.0, (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)),
    (40.0, (1.0, 2.0, 5.0)),
    (float("inf"), (1.0,)),
)
"""Largest ratio of the ends of a logarithmic axis, and the steps of a decade that it shows."""


@dataclass(frozen=True)
class LossLine:
    """One training curve: (n,) steps and losses of one seed of a strategy."""

    identity: Identity
    seed: int
    steps: np.ndarray
    losses: np.ndarray


def loss_curves(
    lines: Sequence[LossLine], styles: Styles, identifier: str, reference: float | None = None
) -> str:
    """Loss against step on a logarithmic scale where all losses are above zero.

    Args:
        lines: At least one curve.
        styles: The look of each strategy.
        identifier: Unique in the page.
        reference: The loss of a predictor that has learnt nothing, drawn as a line.
    """
    with canvas(230, 150) as (figure, axes):
        for line in lines:
            style = styles[line.identity]
            look = {"color": colour_of(style), "ls": line_style(style)}
            axes.plot(line.steps, line.losses, lw=1.5, **look)
        values = np.concatenate([line.losses for line in lines])
        if reference is not None:
            axes.axhline(reference, color=FLOOR, lw=1.3, ls=(0, (2, 2)))
            values = np.append(values, reference)
        if values.min() > 0 and values.max() > 3 * values.min():
            low, high = float(values.min()) / 1.2, float(values.max()) * 1.2
            axes.set_yscale("log")
            axes.set_ylim(low, high)
            steps = next(steps for most, steps in TICKS_BY_RANGE if high <= most * low)
            fixed_ticks(axes.yaxis, log_ticks(low, high, steps))
        axes.set_xlim(left=0)
        axes.locator_params(axis="x", nbins=4)
        axes.set_xlabel("step")
        axes.set_ylabel("loss")
        ends = ", ".join(
            f"seed {ln.seed} from {ln.losses[0]:.3g} to {ln.losses[-1]:.3g}" for ln in lines[:12]
        )
        return to_svg(figure, identifier, f"Training loss by step: {ends}.")


def thin_history(history: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Steps and losses averaged over at most ``LOSS_POINTS`` blocks, where the loss is known.

    Args:
        history: Columns ``step`` and ``loss``.
    """
    known = history.loc[np.isfinite(history["loss"].to_numpy(float)), ["step", "loss"]]
    blocks = np.array_split(known.to_numpy(float), min(LOSS_POINTS, max(len(known), 1)))
    means = np.array([block.mean(0) for block in blocks if len(block)]).reshape(-1, 2)
    return means[:, 0], means[:, 1]
