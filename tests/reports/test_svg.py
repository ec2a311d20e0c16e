"""SVG for pages: themed, described, without what would differ from page to page or day to day."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from benchmark.reports.drawing import Drawing
from benchmark.reports.figures import dots_drawing
from benchmark.reports.matrices import tints
from benchmark.reports.pair_figures import pairwise_drawing
from benchmark.reports.palettes import PAGE, PAPER, Palette, page_variables
from benchmark.reports.styles import DARK, LIGHT, SeriesStyle, series_styles
from benchmark.reports.svg import to_svg
from tests.reports.table_builder import make_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _drawings() -> list[Drawing]:
    table = make_table(9)
    pairs = pairwise_drawing(table)
    assert pairs is not None
    return [dots_drawing(table, series_styles([table])), pairs]


def test_no_stand_in_colour_is_left() -> None:
    for drawing in _drawings():
        svg = to_svg(drawing, "figure")
        assert "var(--ink)" in svg
        assert "var(--series-" in svg
        assert not [colour for colour in page_variables() if colour in svg]


def test_every_colour_of_the_page_has_its_variable() -> None:
    variables = page_variables()
    assert set(variables) == {colour for colour in _colours(PAGE) if colour}
    assert len(set(variables.values())) == len(variables)


def _colours(palette: object) -> list[str]:
    values = vars(palette).values()
    return [c for value in values for c in (value if isinstance(value, tuple) else [value])]


def test_the_description_is_text_whatever_a_name_holds() -> None:
    drawing = Drawing(100, 80, 'a "quoted" <b> & c', lambda axes, palette: None)
    root = ET.fromstring(to_svg(drawing, "figure"))
    assert root.get("aria-label") == drawing.description
    assert root.get("role") == "img"


def test_two_figures_share_no_id() -> None:
    drawing = _drawings()[0]
    ids = [set(re.findall(r' id="([^"]*)"', to_svg(drawing, name))) for name in ("one", "two")]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_references_within_a_figure_lead_somewhere() -> None:
    svg = to_svg(_drawings()[0], "figure")
    ids = set(re.findall(r' id="([^"]*)"', svg))
    used = set(re.findall(r'href="#([^"]+)"', svg)) | set(re.findall(r"url\(#([^)]+)\)", svg))
    assert used
    assert used <= ids


def test_the_same_drawing_gives_the_same_text() -> None:
    first, second = (to_svg(drawing, "figure") for drawing in (_drawings()[0], _drawings()[0]))
    assert first == second


def test_a_letter_that_the_font_lacks_stays_text_without_a_warning() -> None:
    def paint(axes: Axes, palette: Palette) -> None:
        axes.set_xlabel("手の骨", color=palette.ink)

    assert "手の骨" in to_svg(Drawing(100, 80, "", paint), "figure")


def test_the_slot_of_a_strategy_picks_its_colour_and_a_control_is_grey() -> None:
    assert PAPER.colour(SeriesStyle(2, "o", ())) == LIGHT[2]
    assert PAPER.colour(SeriesStyle(None, "*", ())) == PAPER.control


def test_methods_that_share_a_colour_differ_in_their_marker() -> None:
    styles = series_styles([make_table(25)])
    pretrainings = [style for style in styles.values() if style.slot is not None]
    looks = {(style.slot, style.marker) for style in pretrainings}
    assert len(pretrainings) > len(LIGHT)
    assert len(looks) == len(pretrainings)


@pytest.mark.parametrize(
    ("page", "ink", "tint"),
    [
        ("#fcfbf8", "#1c2126", LIGHT[0]),
        ("#fcfbf8", "#1c2126", LIGHT[1]),
        ("#fcfbf8", "#1c2126", "#0b5f73"),
        ("#131619", "#e9e6df", DARK[0]),
        ("#131619", "#e9e6df", DARK[1]),
        ("#131619", "#e9e6df", "#6cc5d6"),
    ],
)
def test_text_on_the_strongest_tint_has_a_contrast_of_4_5(page: str, ink: str, tint: str) -> None:
    from matplotlib.colors import to_rgb

    strongest = float(tints(tint)(1.0)[3])
    colours = zip(to_rgb(tint), to_rgb(page), strict=True)
    mixed = [strongest * a + (1 - strongest) * b for a, b in colours]
    light, dark = sorted((_luminance(mixed), _luminance(to_rgb(ink))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def _luminance(colour: object) -> float:
    """Relative luminance, WCAG 2.2."""
    assert isinstance(colour, list | tuple)
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
