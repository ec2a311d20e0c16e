"""What an error costs: MRE against the time of pretraining and fine-tuning together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from benchmark.reports.columns import format_error, format_seconds
from benchmark.reports.drawing import Drawing
from benchmark.reports.labels import Point, label_points, short_names
from benchmark.reports.marks import interval_ends, room_for
from benchmark.reports.scales import duration_text, duration_ticks, fixed_ticks
from benchmark.reports.svg import to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from benchmark.reports.palettes import Palette
    from benchmark.reports.styles import Styles
    from benchmark.reports.tables import Identity, LeaderboardTable, Row


@dataclass(frozen=True)
class Costed:
    """A row whose cost is known.

    Attributes:
        row: The row.
        name: As it is written beside the point.
        seconds: Of pretraining and fine-tuning, mean over the seeds.
        mre: Mean radial error in the dataset's unit.
    """

    row: Row
    name: str
    seconds: float
    mre: float


def error_against_cost(table: LeaderboardTable, styles: Styles, identifier: str) -> str:
    """MRE against seconds of computing, with the front that nothing beats on both.

    Empty where no row's time is known.

    Args:
        table: The table.
        styles: The look of each strategy.
        identifier: Unique in the page.
    """
    drawing = cost_drawing(table, styles)
    return to_svg(drawing, identifier) if drawing else ""


def cost_drawing(table: LeaderboardTable, styles: Styles) -> Drawing | None:
    """The drawing of :func:`error_against_cost`."""
    points = costed(table)
    if not points:
        return None
    return Drawing(
        width=600,
        height=max(340, 180 + 14 * len(points)),
        description=_description(table, points),
        paint=lambda axes, palette: _paint(axes, palette, table, points, styles),
    )


def costed(table: LeaderboardTable) -> list[Costed]:
    """The ranked rows whose time is known, in their order; what pretrained nothing cost nothing."""
    found = []
    names = short_names([table])
    for row in table.ranked:
        finetuning = row.number("finetuning_seconds")
        seconds = (row.number("pretraining_seconds") or 0.0) + (finetuning or 0.0)
        mre = row.number("mre")
        if finetuning is not None and seconds > 0 and mre is not None:
            found.append(Costed(row, names[row.identity], seconds, mre))
    return found


def pareto_front(points: Sequence[Costed]) -> list[Costed]:
    """The points that no other beats on both axes, cheapest first."""
    front: list[Costed] = []
    for point in sorted(points, key=lambda p: (p.seconds, p.mre)):
        if not front or point.mre < front[-1].mre:
            front.append(point)
    return front


def _paint(
    axes: Axes, palette: Palette, table: LeaderboardTable, points: list[Costed], styles: Styles
) -> None:
    import pandas as pd
    import seaborn as sns

    front = pareto_front(points)
    ends = [interval_ends(point.row) for point in points]
    heights = room_for([point.mre for point in points], ends)
    room = (max(heights) - min(heights) or max(heights) or 1.0) * 0.08
    axes.set_xscale("log")
    low, high = (edge(point.seconds for point in points) for edge in (min, max))
    axes.set_xlim(low / 1.6, high * 1.6)
    axes.set_ylim(max(min(heights) - room, 0.0), max(heights) + 1.5 * room)
    steps = [*((p.seconds, p.mre) for p in front), (high * 1.6, front[-1].mre)]
    axes.step(*zip(*steps, strict=True), where="post", color=palette.muted, lw=1.2, ls=(0, (4, 3)))
    lines = [part for a, b in pairwise(steps) for part in _corner(a, b)]
    for point, pair in zip(points, ends, strict=True):
        if pair:
            lines.append(((point.seconds, pair[0]), (point.seconds, pair[1])))
            colour = palette.colour(styles[point.row.identity])
            axes.vlines(point.seconds, *pair, color=colour, alpha=0.45, lw=1.6)
    looks: dict[Identity, str] = {p.row.identity: str(p.row.identity) for p in points}
    frame = pd.DataFrame(
        {
            "seconds": [point.seconds for point in points],
            "mre": [point.mre for point in points],
            "series": list(looks.values()),
        }
    )
    sns.scatterplot(
        frame,
        x="seconds",
        y="mre",
        hue="series",
        style="series",
        palette={text: palette.colour(styles[i]) for i, text in looks.items()},
        markers={text: styles[i].marker for i, text in looks.items()},
        s=75,
        linewidth=0,
        zorder=3,
        legend=False,
        ax=axes,
    )
    fixed_ticks(axes.xaxis, duration_ticks(*axes.get_xlim()) or [low], duration_text)
    axes.set_xlabel("computing time of pretraining and fine-tuning, mean over the seeds")
    axes.set_ylabel(f"mean radial error ({table.group.unit})")
    places = [(point.seconds, point.mre) for point in points]
    label_points(axes, places, [point.name for point in points], palette, lines)


def _corner(start: Point, end: Point) -> list[tuple[Point, Point]]:
    """The level and the upright line of one step."""
    corner = (end[0], start[1])
    return [(start, corner), (corner, end)]


def _description(table: LeaderboardTable, points: Sequence[Costed]) -> str:
    unit = table.group.unit
    told = ", ".join(
        f"{p.row.name} {format_error(p.mre)} {unit} for {format_seconds(p.seconds)}" for p in points
    )
    front = ", ".join(point.row.name for point in pareto_front(points))
    return (
        f"Mean radial error against computing time, {table.title}: {told}. "
        f"Nothing is both faster and better than: {front}."
    )
