"""The HTML report: one file that holds everything it shows and asks nothing of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.plugins import Report
from benchmark.reports import answer as first_screen
from benchmark.reports import curves, facts, figures
from benchmark.reports.building import build_tables
from benchmark.reports.gallery import Panel, PredictionReader, build_panels
from benchmark.reports.leaderboard import EMPTY
from benchmark.reports.pictures import PreviewLibrary
from benchmark.reports.styles import Styles, palette_css, series_styles
from benchmark.reports.tables import DatasetGroup, LeaderboardTable, Row

if TYPE_CHECKING:
    from jinja2 import Environment

    from benchmark.store import Store

TEMPLATES = Path(__file__).with_name("templates")

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


@dataclass(frozen=True)
class DatasetSection:
    """Everything the report shows of one dataset's results."""

    identifier: str
    group: DatasetGroup
    tables: tuple[tuple[int, LeaderboardTable], ...]
    series: tuple[Row, ...]
    efficiency: str
    cumulative: str
    cumulative_title: str


class HtmlReport(Report):
    """The report as one HTML page: answer, leaderboard, curves, gallery, data and provenance."""

    name = "html"
    filename = "report.html"

    def render(self, store: Store) -> str:
        """The page over all cells of the store."""
        template = _environment().get_template("report.html.j2")
        return template.render(_context(store))


def _environment() -> Environment:
    """Jinja2 with escaping everywhere; markup is only what this package wrote itself."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["inline"] = _inline
    return environment


def _inline(name: str) -> str:
    """A file of the templates' folder as it is: the style sheet and the script."""
    from markupsafe import Markup

    # Nothing from a store goes through here.
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704


def _context(store: Store) -> dict[str, Any]:
    cells = store.cells()
    tables = build_tables(store, cells)
    styles = series_styles(tables)
    reader, previews = PredictionReader(store), PreviewLibrary(store)
    answer = first_screen.answer(tables)
    context: dict[str, Any] = {
        "empty": EMPTY if not cells else "",
        "answer": answer,
        "hero": figures.method_dots(answer.table, styles, "hero") if answer else "",
        "sections": _sections(tables, styles, reader),
        "tables": tables,
        "panels": build_panels(tables, reader, previews),
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
        "data_facts": facts.data_facts,
        "gallery_choices": _gallery_choices,
        "error_bar": _error_bar,
        "palette": palette_css,
        "marker_paths": MARKER_PATHS,
        "styles": styles,
        "previews": previews,
        "date": max((cell.finished for cell in cells), default="")[:10],
    }
    # Last, when everything has been read that may turn out to be damaged.
    context["problems"] = list(
        dict.fromkeys([*store.problems, *reader.problems, *previews.problems])
    )
    return context


def _sections(
    tables: Sequence[LeaderboardTable], styles: Styles, reader: PredictionReader
) -> list[DatasetSection]:
    """One section a dataset, in the order of the tables."""
    identities = list(dict.fromkeys(table.group.identity for table in tables))
    sections = []
    for number, identity in enumerate(identities):
        placed = [(p, t) for p, t in enumerate(tables) if t.group.identity == identity]
        finished = [table for _, table in placed if table.ranked]
        largest = finished[-1] if finished else None
        errors = {
            row.identity: values
            for row in (largest.ranked if largest else ())
            if len(values := reader.errors(row))
        }
        # Legends in the order of the table with the most labels, then what only others have.
        rows = {row.identity: row for table in reversed(finished) for row in table.ranked}
        sections.append(
            DatasetSection(
                identifier=f"dataset-{number}",
                group=placed[0][1].group,
                tables=tuple(placed),
                series=tuple(rows.values()),
                efficiency=figures.label_efficiency(finished, styles, f"efficiency-{number}")
                if finished
                else "",
                cumulative=figures.cumulative_errors(
                    largest, errors, styles, f"cumulative-{number}"
                )
                if largest and errors
                else "",
                cumulative_title=f"{largest.shots} labelled images" if largest else "",
            )
        )
    return sections


def _gallery_choices(
    tables: Sequence[LeaderboardTable], panels: Sequence[Panel]
) -> list[tuple[int, str, list[Panel]]]:
    """The tables that have panels: place, title and panels, most labels of each dataset first."""
    places = sorted(
        {panel.table for panel in panels},
        key=lambda place: (tables[place].group.identity, -tables[place].shots),
    )
    return [(p, tables[p].title, [panel for panel in panels if panel.table == p]) for p in places]


def _error_bar(row: Row, table: LeaderboardTable) -> float:
    """Length of the bar behind a row's MRE: percent of the largest MRE in the table."""
    largest = max((other.number("mre") or 0.0 for other in table.rows), default=0.0)
    return round(100 * (row.number("mre") or 0.0) / largest, 1) if largest else 0.0
