"""The colours that figures are drawn with: variables of a page, or fixed ones for paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.reports.styles import CONTROL_LIGHT, LIGHT

if TYPE_CHECKING:
    from benchmark.reports.styles import SeriesStyle


@dataclass(frozen=True)
class Palette:
    """One colour for each part that colours play in a figure, as ``#rrggbb``.

    Attributes:
        ink: Text and what is read first.
        muted: Axes, ticks and second thoughts.
        grid: Lines behind the data.
        floor: Reference lines.
        accent: Amounts without a sign, as in heat maps.
        control: Controls.
        series: Pretrainings, by slot.
    """

    ink: str
    muted: str
    grid: str
    floor: str
    accent: str
    control: str
    series: tuple[str, ...]

    def colour(self, style: SeriesStyle) -> str:
        """The colour of a strategy."""
        return self.control if style.slot is None else self.series[style.slot]

    @property
    def better(self) -> str:
        """Differences in favour of the first of two strategies."""
        return self.series[0]

    @property
    def worse(self) -> str:
        """Differences in favour of the second; told from ``better`` under all colour deficits."""
        return self.series[1]


PAGE = Palette(
    ink="#010201",
    muted="#010202",
    grid="#010203",
    floor="#010204",
    accent="#010206",
    control="#010205",
    series=tuple(f"#0103{slot:02x}" for slot in range(len(LIGHT))),
)
"""Stand-ins, since matplotlib must be given colours: in the SVG, CSS variables replace them."""

PAPER = Palette(
    ink="#1c2126",
    muted="#59616b",
    grid="#e4e4e4",
    floor="#8a5a00",
    accent="#0b5f73",
    control=CONTROL_LIGHT,
    series=LIGHT,
)
"""Real colours for white paper."""


def page_variables() -> dict[str, str]:
    """The CSS variable behind each stand-in of ``PAGE``."""
    names = ("ink", "muted", "grid", "floor", "accent", "control")
    variables = {str(getattr(PAGE, name)): f"var(--{name})" for name in names}
    slots = {colour: f"var(--series-{slot})" for slot, colour in enumerate(PAGE.series)}
    return variables | slots
