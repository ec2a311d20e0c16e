"""How strategies look in figures: colour and marker by method, line by backbone and transfer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmark.reports.tables import WHOLE, Identity, LeaderboardTable

# Okabe and Ito's colours, darkened for a light page and lightened for a dark one, so that each
# stands out from its background by 3:1 and from its neighbours under the common colour deficits.
LIGHT = ("#0072b2", "#c4500a", "#007f5c", "#a8467f", "#9a6a00", "#2b8cc4", "#5b4fb0", "#7a7a00")
DARK = ("#5ab4f0", "#ff9257", "#3fcb9f", "#ee9fcb", "#f2bd45", "#9bdcff", "#b3a8ff", "#d8d860")
CONTROL_LIGHT, CONTROL_DARK = "#5f6670", "#aab2bd"

MARKERS = ("o", "s", "D", "^", "v", "P", "X", "h")
DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2), (3, 1, 1, 1, 1, 1))


@dataclass(frozen=True)
class SeriesStyle:
    """The look of one strategy.

    Attributes:
        slot: Place in the palette, or None for a control, which is grey.
        marker: A matplotlib marker.
        dashes: Lengths of dash and gap in line widths; empty for a solid line.
    """

    slot: int | None
    marker: str
    dashes: tuple[float, ...]

    @property
    def css_colour(self) -> str:
        """The colour as a CSS variable, which follows the page's theme."""
        return "var(--control)" if self.slot is None else f"var(--series-{self.slot})"

    @property
    def svg_dashes(self) -> str:
        """The dashes as an SVG attribute for a line 2 px wide."""
        return " ".join(f"{2 * length:g}" for length in self.dashes)


Styles = Mapping[Identity, SeriesStyle]


def series_styles(tables: Iterable[LeaderboardTable]) -> dict[Identity, SeriesStyle]:
    """One look a strategy, the same in all figures of a report."""
    rows = [row for table in tables for row in table.rows]
    methods = sorted({row.identity.method for row in rows if not row.control})
    controls = sorted({row.identity.method for row in rows if row.control})
    uses = Counter(row.identity[1:] for row in rows)
    # The network with the most rows gets the solid lines; of two, the one with the plainer name.
    networks = sorted(uses, key=lambda n: (-uses[n], len(n[0]), n[1] != WHOLE, len(n[1]), n))
    styles = {}
    for row in rows:
        method = row.identity.method
        place = controls.index(method) if row.control else methods.index(method)
        dash = networks.index(row.identity[1:]) + (place if row.control else 0)
        styles[row.identity] = SeriesStyle(
            slot=None if row.control else place % len(LIGHT),
            marker=("*", "d", "p")[place % 3] if row.control else _marker(place),
            dashes=DASHES[dash % len(DASHES)],
        )
    return styles


def _marker(place: int) -> str:
    """The marker of the method at this place: where colours come round again, it is another."""
    return MARKERS[(place + place // len(LIGHT)) % len(MARKERS)]


def palette_css(*, dark: bool) -> str:
    """The palette as CSS declarations."""
    colours = DARK if dark else LIGHT
    declarations = [f"--series-{place}:{colour}" for place, colour in enumerate(colours)]
    return ";".join([*declarations, f"--control:{CONTROL_DARK if dark else CONTROL_LIGHT}"])
