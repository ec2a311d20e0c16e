"""Turns drawings into SVG for a page: themed by CSS, accessible, without metadata."""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING

from benchmark.reports.drawing import arrange_for_good, painted
from benchmark.reports.palettes import PAGE, page_variables

if TYPE_CHECKING:
    from benchmark.reports.drawing import Drawing


def to_svg(drawing: Drawing, identifier: str) -> str:
    """The drawing as an SVG element to be put into a page.

    Args:
        drawing: What to draw.
        identifier: Put before every id, so that two figures never share one.
    """
    stream = io.StringIO()
    with painted(drawing, PAGE) as figure:
        arrange_for_good(figure)
        figure.savefig(
            stream,
            format="svg",
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    return _for_page(stream.getvalue(), identifier, drawing.description)


def _for_page(text: str, identifier: str, description: str) -> str:
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    for colour, variable in page_variables().items():
        text = text.replace(colour, variable)
    text = re.sub(r"font: (?:(\d{3}|bold) )?([\d.]+)px [^;\"]+", _page_font, text)
    text = _unique_ids(text, identifier)
    # Attributes of the element itself: the page sets the width, and readers get the description.
    opening = re.sub(r' (?:width|height|xmlns(?::xlink)?|version)="[^"]*"', "", text[: _end(text)])
    opening = opening.replace(
        "<svg", f'<svg role="img" aria-label="{escape(description, quote=True)}"', 1
    )
    body = text[_end(text) :].replace("xlink:href", "href")
    return opening + re.sub(r">\s+<", "><", re.sub(r"\s*\n\s*", " ", body)).strip()


def _end(text: str) -> int:
    return text.index(">")


def _page_font(match: re.Match[str]) -> str:
    weight = f"; font-weight: {match.group(1)}" if match.group(1) else ""
    return f"font-size: {match.group(2)}px{weight}"


def _unique_ids(text: str, identifier: str) -> str:
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text))
    names = {name for pair in used for name in pair if name}

    def rename(match: re.Match[str]) -> str:
        return f' id="{identifier}-{match.group(1)}"' if match.group(1) in names else ""

    text = re.sub(r' id="([^"]*)"', rename, text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{identifier}-\1"', text)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{identifier}-\1)", text)
