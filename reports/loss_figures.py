"""Small figures of training curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.reports.drawing import Drawing
from benchmark.reports.scales import fixed_ticks, line_style, log_ticks
from benchmark.reports.svg import to_svg
from benchmark.reports.tables import Identity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from benchmark.reports.palettes import Palette
    from benchmark.reports.styles import Styles

LOSS_POINTS = 120


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
    ends = ", ".join(
        f"seed {ln.seed} from {ln.losses[0]:.3g} to {ln.losses[-1]:.3g}" for ln in lines[:12]
    )
    drawing = Drawing(
        width=230,
        height=150,
        description=f"Training loss by step: {ends}.",
        paint=lambda axes, palette: _paint(axes, palette, lines, styles, reference),
    )
    return to_svg(drawing, identifier)


def _paint(
    axes: Axes,
    palette: Palette,
    lines: Sequence[LossLine],
    styles: Styles,
    reference: float | None,
) -> None:
    for line in lines:
        style = styles[line.identity]
        look: dict[str, Any] = {"color": palette.colour(style), "ls": line_style(style)}
        # The mark at the end tells strategies apart whose lines differ in colour alone.
        look |= {"marker": style.marker, "markevery": [len(line.steps) - 1], "ms": 5, "mew": 0}
        axes.plot(line.steps, line.losses, lw=1.5, **look)
    values = np.concatenate([line.losses for line in lines])
    if reference is not None:
        axes.axhline(reference, color=palette.floor, lw=1.3, ls=(0, (2, 2)))
        values = np.append(values, reference)
    if values.min() > 0 and values.max() > 3 * values.min():
        low, high = float(values.min()) / 1.2, float(values.max()) * 1.2
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        fixed_ticks(axes.yaxis, log_ticks(low, high))
    axes.set_xlim(left=0)
    axes.locator_params(axis="x", nbins=4)
    axes.set_xlabel("step")
    axes.set_ylabel("loss")


def thin_history(history: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Steps and losses averaged over at most ``LOSS_POINTS`` blocks, where the loss is known.

    Args:
        history: Columns ``step`` and ``loss``.
    """
    known = history.loc[np.isfinite(history["loss"].to_numpy(float)), ["step", "loss"]]
    blocks = np.array_split(known.to_numpy(float), min(LOSS_POINTS, max(len(known), 1)))
    means = np.array([block.mean(0) for block in blocks if len(block)]).reshape(-1, 2)
    return means[:, 0], means[:, 1]
