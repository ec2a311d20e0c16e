"""The HTML report: one file that holds everything it shows and asks nothing of the network."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmark.plugins import Report
from benchmark.reports import answer as first_screen
from benchmark.reports import curves, facts, figures, html_table, inline
from benchmark.reports.building import build_tables
from benchmark.reports.claim import claim_answers
from benchmark.reports.differences import table_differences
from benchmark.reports.gallery import PredictionReader, build_panels, gallery_choices
from benchmark.reports.labels import short_names
from benchmark.reports.leaderboard import EMPTY
from benchmark.reports.missing import outstanding, table_progress
from benchmark.reports.overall import overall_of
from benchmark.reports.overall_figures import critical_difference, performance_profile
from benchmark.reports.pictures import PreviewLibrary
from benchmark.reports.published import published_beside
from benchmark.reports.published_metric import metric_tables
from benchmark.reports.sections import dataset_sections
from benchmark.reports.styles import Styles, palette_css, series_styles
from benchmark.reports.tables import LeaderboardTable
from benchmark.reports.tuning import tuning_sections

if TYPE_CHECKING:
    from jinja2 import Environment

    from benchmark.store import Store

# matplotlib's names of markers as SVG paths in a box of 16 x 16 px, for the legends.
MARKER_PATHS = {
    "o": "M8 4a4 4 0 1 0 .01 0z",
    "s": "M4.5 4.5h7v7h-7z",
    "D": "M8 3l5 5-5 5-5-5z",
    "^": "M8 3.5l4.5 8h-9z",
    "v": "M8 12.5l4.5-8h-9z",
    "P": "M6.5 3.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    "X": "M4 6l2-2 2 2 2-2 2 2-2 2 2 2-2 2-2-2-2 2-2-2 2-2z",
    "h": "M8 3.5l4 2.25v4.5l-4 2.25-4-2.25v-4.5z",
    "*": "M8 2.5l1.5 3.6 3.9.3-3 2.5.95 3.8L8 10.6l-3.35 2.1.95-3.8-3-2.5 3.9-.3z",
    "d": "M8 2.5l3.4 5.5L8 13.5 4.6 8z",
    "p": "M8 3.4l4.6 3.3-1.75 5.4h-5.7L3.4 6.7z",
}

SMALLEST_SCALE, LARGEST_SCALE = 0.8, 1.4
"""Figures are drawn with text of 10 px; below 8 px it cannot be read, above 14 px it shouts."""


class HtmlReport(Report):
    """The report as one HTML page: answer, leaderboard, curves, gallery, data and provenance."""

    name = "html"
    filename = "report.html"

    def render(self, store: Store) -> str:
        """The page over all cells of the store."""
        template = _environment().get_template("report.html.j2")
        return template.render(_context(store))


@functools.cache
def _environment() -> Environment:
    """Jinja2 with escaping everywhere; markup is only what this package wrote itself."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(inline.TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals |= {
        "inline": inline.inline,
        "script": inline.script,
        "policy": inline.policy(),
        "first_script": inline.FIRST_SCRIPT,
        "scripts": inline.SCRIPTS,
        "style_sheets": inline.STYLES,
        "palette": palette_css,
        "marker_paths": MARKER_PATHS,
        "board": html_table,
        "data_facts": facts.data_facts,
        "published_beside": published_beside,
        "least_width": _least_width,
        "most_width": _most_width,
    }
    return environment


def _least_width(svg: str) -> int:
    """The width in px below which a figure scrolls rather than shrinks, so that it can be read."""
    return round(SMALLEST_SCALE * _width(svg))


def _most_width(svg: str) -> int:
    """The width in px beyond which a figure does not grow with the page."""
    return round(LARGEST_SCALE * _width(svg))


def _width(svg: str) -> float:
    box = re.search(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+)', svg)
    return float(box.group(1)) if box else 0.0


def _overall(store: Store, tables: Sequence[LeaderboardTable], styles: Styles) -> dict[str, object]:
    """What is said over all tables, with its figures; empty where there are too few tables."""
    found = overall_of(store, tables)
    if found is None:
        return {"overall": None, "overall_profile": "", "overall_ranks": ""}
    titles = short_names(tables)
    profiles = {row: (found.thresholds, shares) for row, shares in found.profiles.items()}
    names = [titles[identity] for identity in found.compared]
    ranks = critical_difference(found.diagram, names, "ranks") if found.diagram else ""
    return {
        "overall": found,
        "overall_profile": performance_profile(profiles, styles, titles, "profile"),
        "overall_ranks": ranks,
    }


def _context(store: Store) -> dict[str, Any]:
    cells = store.cells()
    tables = build_tables(store)
    styles = series_styles(tables)
    reader, previews = PredictionReader(store), PreviewLibrary(store)
    answer = first_screen.answer(tables)
    panels = build_panels(tables, reader, previews)
    missing = outstanding(store, cells, tables)
    context: dict[str, Any] = {
        "empty": EMPTY if not cells else "",
        "answer": answer,
        "claims": claim_answers(store, tables),
        "hero": figures.method_dots(answer.table, styles, "hero") if answer else "",
        "sections": dataset_sections(tables, styles, reader),
        "differences": table_differences(tables, styles, reader, previews),
        **_overall(store, tables, styles),
        "tables": tables,
        "two_metrics": {
            (metric.table.group.identity, metric.table.shots): metric
            for metric in metric_tables(store, synthetic=False)
        },
        "gallery": gallery_choices(tables, panels),
        "samples": curves.generated_samples(store, cells, previews),
        "health": facts.health_lines(store.pretrainings(), facts.method_titles(cells)),
        "pretraining_curves": curves.pretraining_curves(store, tables, styles),
        "finetuning_curves": curves.finetuning_curves(store, tables, styles),
        "failed": facts.failed_cells(tables),
        "protocols": facts.protocol_settings(cells),
        "methods": facts.method_settings(cells),
        "environments": facts.environments(store, cells),
        "commands": facts.commands(store),
        "progress": facts.progress(store, cells),
        "tuning": tuning_sections(store),
        "missing": missing,
        "table_progress": table_progress(tables, missing),
        "styles": styles,
        "previews": previews,
        "date": max((cell.finished for cell in cells), default="")[:10],
    }
    # Last, when everything has been read that may turn out to be damaged.
    context["problems"] = list(
        dict.fromkeys([*store.problems, *reader.problems, *previews.problems])
    )
    return context
