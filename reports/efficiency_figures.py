"""Label efficiency: how the error falls as labelled images are added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmark.reports.columns import format_error
from benchmark.reports.drawing import Drawing, arranged
from benchmark.reports.labels import short_names, spread
from benchmark.reports.marks import DOTTED, interval_ends, reference_line, room_for
from benchmark.reports.scales import fixed_ticks, log_ticks
from benchmark.reports.svg import to_svg

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from benchmark.reports.palettes import Palette
    from benchmark.reports.styles import Styles
    from benchmark.reports.tables import Identity, LeaderboardTable

DODGE = 1.03
FEW = 6
"""Up to this many strategies have room for single seeds, and for bands that can be told apart."""
FAR = 3.0
"""A reference line further out than this many times the worst row would squeeze the others."""
LONGEST_NAME = 24
LINE = 13.0
"""Points from one name at the end of a line to the next."""


def label_efficiency(tables: Sequence[LeaderboardTable], styles: Styles, identifier: str) -> str:
    """MRE against the number of labelled images, both axes logarithmic; one shots value works.

    Args:
        tables: The tables of one dataset, each with a ranked row.
        styles: The look of each strategy.
        identifier: Unique in the page.
    """
    return to_svg(efficiency_drawing(tables, styles), identifier)


def efficiency_drawing(tables: Sequence[LeaderboardTable], styles: Styles) -> Drawing:
    """The drawing of :func:`label_efficiency`; the names stand at the ends of the lines."""
    series = len({row.identity for table in tables for row in table.ranked})
    several = len(tables) > 1
    return Drawing(
        # As tall for its width as the curve of errors, beside which it stands in the page.
        width=520 if several else 450,
        height=max(358.0, 70 + LINE * series) if several else 310,
        description=_description(tables),
        paint=lambda axes, palette: _paint(axes, palette, tables, styles),
    )


def _paint(
    axes: Axes, palette: Palette, tables: Sequence[LeaderboardTable], styles: Styles
) -> None:
    frame, order = _frame(tables, styles)
    crowded = len(order) > FEW
    _lines(axes, palette, frame, order, styles, crowded=crowded)
    intervals = [interval_ends(row) for table in tables for row in table.ranked]
    values = room_for([*frame["mre"]], intervals)
    values += _references(axes, palette, tables)
    _scale(axes, sorted({table.shots for table in tables}), values)
    for identity in order:
        own = frame[frame["series"] == str(identity)].groupby("shots", sort=True).first()
        _interval(axes, own, palette.colour(styles[identity]), crowded=crowded)
    axes.set_xlabel("labelled training images")
    axes.set_ylabel(f"mean radial error ({tables[0].group.unit})")
    if len(tables) > 1:
        _name_ends(axes, palette, tables, styles)


def _frame(
    tables: Sequence[LeaderboardTable], styles: Styles
) -> tuple[pd.DataFrame, list[Identity]]:
    """Columns series, shots, mre, low and high, one row a cell, and the series in their order."""
    import pandas as pd

    missing = (float("nan"), float("nan"))
    points = [
        (row.identity, table.shots, cell.metrics.mre, *(interval_ends(row) or missing))
        for table in tables
        for row in table.ranked
        for cell in row.done
        if cell.metrics
    ]
    frame = pd.DataFrame(
        [(str(identity), *rest) for identity, *rest in points],
        columns=["series", "shots", "mre", "low", "high"],
    )
    present = {identity for identity, *_ in points}
    order = [identity for identity in styles if identity in present]
    if len(set(frame["shots"])) == 1:
        # Without a line the marks would hide one another, so they stand side by side.
        middle = (len(order) - 1) / 2
        steps = {str(identity): DODGE ** (n - middle) for n, identity in enumerate(order)}
        frame["shots"] *= frame["series"].map(steps)
    return frame, order


def _lines(
    axes: Axes,
    palette: Palette,
    frame: pd.DataFrame,
    order: Sequence[Identity],
    styles: Styles,
    *,
    crowded: bool,
) -> None:
    import seaborn as sns

    colours = {str(i): palette.colour(styles[i]) for i in order}
    dashes: dict[str, Any] = {str(i): styles[i].dashes or "" for i in order}
    shared: dict[str, Any] = {"x": "shots", "y": "mre", "ax": axes, "legend": False}
    sns.lineplot(
        frame,
        **shared,
        hue="series",
        style="series",
        hue_order=list(colours),
        style_order=list(colours),
        palette=colours,
        markers={str(i): styles[i].marker for i in order},
        dashes=dashes,
        errorbar=None,
        linewidth=1.3 if crowded else 2,
        markersize=6 if crowded else 8,
        markeredgewidth=0,
    )
    if not crowded and frame.duplicated(["series", "shots"]).any():
        sns.scatterplot(
            frame, **shared, hue="series", palette=colours, s=22, alpha=0.45, linewidth=0
        )


def _interval(axes: Axes, own: pd.DataFrame, colour: str, *, crowded: bool) -> None:
    """The intervals of one strategy as a band, a single one as a bar.

    Args:
        axes: With its limits set, at which wider intervals end.
        own: Columns low and high, one row a number of shots.
        colour: Of the strategy.
        crowded: Whether there are many, which must not hide one another.
    """
    known = own.dropna(subset=["low", "high"])
    # An end at zero is nowhere on a logarithmic axis.
    low, high = known["low"].clip(lower=axes.get_ylim()[0]), known["high"]
    if len(known) > 1:
        alpha = 0.06 if crowded else 0.15
        axes.fill_between(known.index, low, high, color=colour, alpha=alpha, lw=0)
    elif len(known):
        axes.vlines(known.index, low, high, color=colour, alpha=0.6, lw=1.6)


def _references(axes: Axes, palette: Palette, tables: Sequence[LeaderboardTable]) -> list[float]:
    """Floor and annotators' distance, as lines over the shots; returns the values drawn."""
    worst = max(row.number("mre") or 0.0 for table in tables for row in table.ranked)
    values = []
    titles = {r.key: r.title for table in tables for r in table.references}
    for key, title in titles.items():
        known = [(t.shots, t.reference(key)) for t in tables]
        points = [(shots, value) for shots, value in known if value is not None]
        drawn = [value for _, value in points]
        if not drawn or min(drawn) > FAR * worst:
            continue
        if len(points) > 1:
            axes.plot([s for s, _ in points], drawn, color=palette.floor, lw=1.4, ls=DOTTED)
            axes.annotate(
                title,
                (points[0][0], drawn[0]),
                xytext=(0, 6),
                textcoords="offset points",
                color=palette.floor,
                fontsize=9.5,
            )
        else:
            reference_line(axes, palette, drawn[0], title, across=True)
        values += drawn
    return values


def _scale(axes: Axes, shots: Sequence[int], values: Sequence[float]) -> None:
    """Logarithmic axes around what is drawn; errors of zero leave the error's axis linear."""
    axes.set_xscale("log")
    axes.set_xlim(min(shots) / 1.2, max(shots) * 1.2)
    fixed_ticks(axes.xaxis, [float(count) for count in shots])
    low, high = min(values) / 1.15, max(values) * 1.3
    if low > 0:
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        fixed_ticks(axes.yaxis, log_ticks(low, high))
    else:
        axes.set_ylim(0, high or 1.0)
    axes.grid(visible=False, axis="x")


def _name_ends(
    axes: Axes, palette: Palette, tables: Sequence[LeaderboardTable], styles: Styles
) -> None:
    """The name of each line to the right of its last point, moved apart where they would touch."""
    names = short_names(tables, LONGEST_NAME)
    ends = {
        row.identity: (table.shots, row.number("mre") or 0.0)
        for table in sorted(tables, key=lambda table: table.shots)
        for row in table.ranked
    }
    points = 72 / arranged(axes).dpi
    height = axes.bbox.height * points
    heights = axes.transData.transform([*ends.values()])[:, 1]
    places = spread((heights - axes.bbox.y0) * points, LINE)
    # All of them are moved together where the lowest or the highest would leave the axes.
    shift = max(0.0, -min(places)) or min(0.0, height - max(places))
    for (identity, end), place in zip(ends.items(), places, strict=True):
        line = {"arrowstyle": "-", "color": palette.colour(styles[identity]), "lw": 0.7}
        axes.annotate(
            names[identity],
            end,
            xytext=(1.02, (place + shift) / height),
            textcoords="axes fraction",
            arrowprops=line | {"shrinkA": 1, "shrinkB": 5, "relpos": (0, 0.5), "alpha": 0.7},
            color=palette.ink,
            fontsize=9.5,
            va="center",
        )


def _description(tables: Sequence[LeaderboardTable]) -> str:
    parts = []
    for table in tables:
        rows = ", ".join(f"{r.name} {format_error(r.number('mre') or 0)}" for r in table.ranked)
        parts.append(f"with {table.labelled_images} {rows}")
    unit = tables[0].group.unit
    return f"Mean radial error in {unit} against labelled images: {'; '.join(parts)}."
