"""The figures as files for papers: SVG, PDF and PNG of every table, in fixed light colours."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.errors import StoreError
from benchmark.plugins import Report
from benchmark.reports.building import build_tables
from benchmark.reports.cost_figures import cost_drawing
from benchmark.reports.drawing import Drawing, arrange_for_good, painted
from benchmark.reports.efficiency_figures import efficiency_drawing
from benchmark.reports.figures import cumulative_drawing, dots_drawing
from benchmark.reports.labels import short_names
from benchmark.reports.landmark_figures import landmark_drawing
from benchmark.reports.leaderboard import escape_markdown
from benchmark.reports.overall import overall_of
from benchmark.reports.overall_figures import critical_difference_drawing, profile_drawing
from benchmark.reports.pair_figures import pairwise_drawing
from benchmark.reports.palettes import PAPER
from benchmark.reports.styles import Styles, series_styles
from benchmark.reports.tables import LeaderboardTable, Row
from benchmark.reports.tuning import tuning_drawings

if TYPE_CHECKING:
    from benchmark.store import Store

FOLDER = "figures/"
MOST_TABLES = 12
DOTS_PER_INCH = 200
FORMATS = ("svg", "pdf", "png")
SETTINGS: Mapping[str, Any] = {
    "font__family": ["DejaVu Sans", "sans-serif"],
    "pdf__fonttype": 42,  # TrueType, since publishers refuse Type 3
}
METADATA: Mapping[str, Mapping[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
"""Without what would differ from day to day or from one matplotlib to the next."""


class FigureFilesReport(Report):
    """The figures as SVG, PDF and PNG in one folder, for papers and slides.

    In a store with more than ``MOST_TABLES`` tables, a dataset's figures are those of its largest
    number of shots and its curves over all of them.
    """

    name = "figures"
    filename = FOLDER

    def files(self, store: Store) -> dict[str, str | bytes]:
        """Every figure in every format, and a list of them with what each shows."""
        drawings = planned(store)
        files: dict[str, str | bytes] = {}
        for name, drawing in drawings.items():
            files |= {f"{FOLDER}{name}.{kind}": data for kind, data in saved(drawing).items()}
        return files | {f"{FOLDER}README.md": _listing(drawings)} if files else {}

    def render(self, store: Store) -> str:
        """The list of the figures with what each shows, as Markdown."""
        return _listing(planned(store))


def planned(store: Store) -> dict[str, Drawing]:
    """The figures by file name without its ending; nothing is painted yet."""
    every = build_tables(store)
    # As on the page, where rows without a result have their colours too.
    styles = series_styles(every)
    tables = [table for table in every if table.ranked]
    groups = list(dict.fromkeys(table.group.identity for table in tables))
    names = safe_names([" ".join(filter(None, identity)) for identity in groups])
    drawings: dict[str, Drawing | None] = {}
    for identity, name in zip(groups, names, strict=True):
        own = [table for table in tables if table.group.identity == identity]
        if len(own) > 1:
            drawings[f"{name}-efficiency"] = efficiency_drawing(own, styles)
        for table in own if len(tables) <= MOST_TABLES else own[-1:]:
            for kind, drawing in _table_drawings(store, table, styles):
                drawings[f"{name}-{table.shots}-{kind}"] = drawing
    drawings |= _overall_drawings(store, tables, styles) | tuning_drawings(store)
    return {name: drawing for name, drawing in drawings.items() if drawing is not None}


def _table_drawings(
    store: Store, table: LeaderboardTable, styles: Styles
) -> Iterator[tuple[str, Drawing | None]]:
    yield "strategies", dots_drawing(table, styles)
    errors = {row.identity: _errors(store, row) for row in table.ranked}
    errors = {identity: values for identity, values in errors.items() if len(values)}
    if errors:
        yield "errors", cumulative_drawing(table, errors, styles, legend=True)
    yield "pairs", pairwise_drawing(table)
    yield "landmarks", landmark_drawing(table)
    yield "cost", cost_drawing(table, styles)


def _errors(store: Store, row: Row) -> np.ndarray:
    """(points,) the known errors of all seeds; files that cannot be read are named elsewhere."""
    read = []
    for cell in row.done:
        try:
            read.append(store.errors(cell.key).values)
        except StoreError as error:
            if str(error) not in store.problems:
                store.problems.append(str(error))
    joined = np.concatenate([values.ravel() for values in read]) if read else np.empty(0)
    return joined[np.isfinite(joined)]


def _overall_drawings(
    store: Store, tables: Sequence[LeaderboardTable], styles: Styles
) -> dict[str, Drawing | None]:
    """Those over all datasets and numbers of shots, where there are enough of them."""
    found = overall_of(store, tables)
    if found is None:
        return {}
    titles = short_names(tables)
    profiles = {row: (found.thresholds, shares) for row, shares in found.profiles.items()}
    drawings = {"overall-profile": profile_drawing(profiles, styles, titles, legend=True)}
    if found.diagram is not None:
        names = [titles[identity] for identity in found.compared]
        drawings["overall-ranks"] = critical_difference_drawing(found.diagram, names)
    return drawings


def safe_names(names: Sequence[str]) -> list[str]:
    """Names for files, of ``a-z0-9-`` only; different names stay different."""
    plain = [re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60].strip("-") for name in names]
    taken: list[str] = []
    for name in (name or "dataset" for name in plain):
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        taken.append(next(n for n in itertools.chain([name], numbered) if n not in taken))
    return taken


def saved(drawing: Drawing) -> dict[str, bytes]:
    """The drawing in every format; the font is embedded in PDF, and in SVG text stays text."""
    files = {}
    with painted(drawing, PAPER, **SETTINGS) as figure:
        arrange_for_good(figure)
        for kind in FORMATS:
            stream = io.BytesIO()
            told: Any = dict(METADATA[kind]) | {"Title": drawing.description}
            white: Any = {"facecolor": "white"} if kind == "png" else {}
            figure.savefig(stream, format=kind, dpi=DOTS_PER_INCH, metadata=told, **white)
            files[kind] = stream.getvalue()
    return files


def _listing(drawings: Mapping[str, Drawing]) -> str:
    lines = ["# Figures", "", f"Each as {', '.join(kind.upper() for kind in FORMATS)}.", ""]
    lines += [f"- `{name}`: {escape_markdown(d.description)}" for name, d in drawings.items()]
    return "\n".join([*lines, ""])
