"""The list of everything that the results of a store rest on, for the references of a paper."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from benchmark import __version__
from benchmark.plugins import Report
from benchmark.reports.building import build_tables
from benchmark.reports.leaderboard import EMPTY, escape_markdown
from benchmark.reports.method_facts import origin_of
from benchmark.reports.published import published_beside
from benchmark.reports.sources import (
    LIBRARIES,
    LOSSES,
    OPTIMISER,
    Part,
    backbone_sources,
    statistics_sources,
    transfer_sources,
)

if TYPE_CHECKING:
    from benchmark.reports.tables import LeaderboardTable
    from benchmark.schema import CellRecord, EnvironmentRecord
    from benchmark.store import Store

PACKAGE = "fewshot-landmark-benchmark"
TITLE = "Few-shot landmark benchmark: which pretraining for landmarks in X-rays?"
AUTHORS = "The few-shot landmark benchmark's contributors"
INTRODUCTION = (
    "Everything that the results in this store rest on, made by the software from its records. "
    "Cite the software, and the methods and datasets that you compare."
)
NOT_RECORDED = "not recorded"


def render_citations(store: Store, tables: Sequence[LeaderboardTable]) -> str:
    """The list as Markdown: grouped, sorted, one line a source.

    Args:
        store: Where pretrainings and environments are looked up.
        tables: All tables of the store.
    """
    cells = [cell for table in tables for row in table.rows for cell in row.done + row.failed]
    if not cells:
        return f"# Citations\n\n{EMPTY}\n"
    environments = _environments(store, cells)
    groups: dict[str, Iterable[Part]] = {
        "This software": _software(environments),
        "Methods": _methods(tables),
        "Weights": _weights(store, cells),
        "Datasets": _datasets(tables),
        "Networks": _networks(tables),
        "Fine-tuning": _fine_tuning(cells),
        "Statistics": statistics_sources(tables),
        "Published numbers that stand beside the tables": _published(tables),
        "Libraries": _libraries(environments),
    }
    parts = ["# Citations", "", INTRODUCTION, ""]
    for title, found in groups.items():
        lines = _lines(found)
        if lines:
            parts += [f"## {title}", "", *lines, ""]
    return "\n".join(parts)


def _lines(parts: Iterable[Part]) -> list[str]:
    """One line a source, which begins with all that it is the source of."""
    names: dict[str, set[str]] = defaultdict(set)
    for name, source in parts:
        names[source].add(name)
    lines = [
        f"{'; '.join(sorted(owners, key=str.casefold))}: {source}"
        for source, owners in names.items()
    ]
    return [f"- {escape_markdown(line)}" for line in sorted(lines, key=str.casefold)]


def _environments(store: Store, cells: Sequence[CellRecord]) -> list[EnvironmentRecord]:
    """The environments in which the cells and their pretrainings were computed."""
    pretrained = {cell.pretraining_key for cell in cells}
    used = {cell.environment for cell in cells}
    used |= {record.environment for record in store.pretrainings() if record.key in pretrained}
    return [record for name, record in store.environments().items() if name in used]


def _software(environments: Sequence[EnvironmentRecord]) -> Iterator[Part]:
    versions = {record.packages.get("benchmark", "") for record in environments} - {""}
    computed = f", results computed with {_listed(versions)}" if versions else ""
    yield Part(f"{PACKAGE} {__version__}{computed}", f"{AUTHORS}: {TITLE}")


def _methods(tables: Sequence[LeaderboardTable]) -> Iterator[Part]:
    for table in tables:
        for row in table.rows:
            yield Part(f"{row.title} ({row.identity.method})", origin_of(row).source)


def _weights(store: Store, cells: Sequence[CellRecord]) -> Iterator[Part]:
    """Weights from elsewhere, as the pretraining has noted them."""
    titles = {cell.pretraining_key: cell.labels.title for cell in cells if cell.pretraining_key}
    for record in store.pretrainings():
        source = record.metrics.get("source")
        if record.key in titles and isinstance(source, str) and source:
            yield Part(titles[record.key], source)


def _datasets(tables: Sequence[LeaderboardTable]) -> Iterator[Part]:
    for table in tables:
        record = table.group.record
        source = (record.citation if record else "") or NOT_RECORDED
        licence = f" (licence: {record.licence})" if record and record.licence else ""
        yield Part(f"{table.group.title} ({table.group.name})", f"{source}{licence}")


def _networks(tables: Sequence[LeaderboardTable]) -> Iterator[Part]:
    for name in {name for table in tables for name in table.backbones()}:
        known = list(backbone_sources(name))
        yield from known or [Part(name, NOT_RECORDED)]


def _fine_tuning(cells: Sequence[CellRecord]) -> Iterator[Part]:
    if any(cell.status == "done" for cell in cells):
        yield OPTIMISER
    for cell in cells:
        protocol = cell.spec.get("protocol")
        loss = protocol.get("loss") if isinstance(protocol, dict) else None
        if loss in LOSSES:
            yield Part(f"Loss {loss}", LOSSES[loss])
        yield from transfer_sources(cell.labels.transfer)


def _published(tables: Sequence[LeaderboardTable]) -> Iterator[Part]:
    for table in tables:
        for result in published_beside(table):
            yield Part(result.method, result.source)


def _libraries(environments: Sequence[EnvironmentRecord]) -> Iterator[Part]:
    """Each library with its versions; those without a paper by name alone."""
    versions: dict[str, set[str]] = defaultdict(set)
    for record in environments:
        versions["Python"].add(record.python)
        for name, version in record.packages.items():
            if name not in ("benchmark", PACKAGE):
                versions[name].add(version)
    for name, found in versions.items():
        yield Part(f"{name} {_listed(found)}", LIBRARIES.get(name, f"the {name} developers"))


def _listed(versions: Iterable[str]) -> str:
    return ", ".join(sorted(versions))


class Citations(Report):
    """Everything that the results rest on: software, methods, datasets, networks, statistics."""

    name = "citations"
    filename = "CITATIONS.md"

    def render(self, store: Store) -> str:
        """One line a source, grouped."""
        return render_citations(store, build_tables(store))
