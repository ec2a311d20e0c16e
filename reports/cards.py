"""Model cards of the methods and datasheets of the datasets of a store, as a folder of Markdown."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmark.files import key_of
from benchmark.plugins import Report
from benchmark.reports.building import build_tables
from benchmark.reports.dataset_card import render_datasheet
from benchmark.reports.leaderboard import EMPTY
from benchmark.reports.method_card import render_method_card
from benchmark.reports.model_index import Result

if TYPE_CHECKING:
    from benchmark.reports.tables import LeaderboardTable
    from benchmark.schema import DatasetRecord
    from benchmark.store import Store

FOLDER = "cards/"
_SAFE = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_DIGEST = re.compile(r"(^|-)[0-9a-f]{12}$")


def card_name(kind: str, name: str, detail: str = "") -> str:
    """The file name of a card; no two names share one, on any file system.

    Args:
        kind: ``method`` or ``dataset``.
        name: May be anything; one of ``a-z``, digits, ``.``, ``_`` and ``-`` is kept as it is.
        detail: Tells it from another of the same name.

    Returns:
        Such as ``method-ddpm.md``; with a digest of both where they had to be changed.
    """
    if _SAFE.fullmatch(name) and not _DIGEST.search(name) and not detail:
        return f"{kind}-{name}.md"
    # Any name that ends like a digest gets one, so that none can be made to meet another's.
    slug = re.sub(r"[^a-z0-9._-]+", "-", f"{name}-{detail[:8]}".lower())[:60].strip("-")
    return f"{kind}-{f'{slug}-' if slug else ''}{key_of([name, detail])[:12]}.md"


def method_cards(store: Store, tables: Sequence[LeaderboardTable]) -> dict[str, str]:
    """The model cards, by file name."""
    results: dict[str, list[Result]] = defaultdict(list)
    for table in tables:
        for row in table.rows:
            results[row.identity.method].append(Result(table, row))
    environments = store.environments()
    return {
        card_name("method", name): render_method_card(name, found, environments)
        for name, found in sorted(results.items())
    }


def datasheets(store: Store, tables: Sequence[LeaderboardTable]) -> dict[str, str]:
    """The datasheets by file name: one a dataset and content, also of data that no cell used."""
    versions: dict[tuple[str, str], list[DatasetRecord]] = defaultdict(list)
    for record in sorted(store.datasets(), key=lambda r: (r.name, r.fingerprint, r.working_size)):
        versions[record.name, record.fingerprint].append(record)
    contents = [name for name, _ in versions]
    sheets = {}
    for (name, fingerprint), records in versions.items():
        detail = fingerprint if contents.count(name) > 1 else ""
        own = [t for t in tables if t.group.record and t.group.record.fingerprint == fingerprint]
        used = [table for table in own if table.group.name == name]
        sheets[card_name("dataset", name, detail)] = render_datasheet(records, used)
    return sheets


class Cards(Report):
    """A model card for each method and a datasheet for each dataset, in the folder cards/."""

    name = "cards"
    filename = FOLDER

    def files(self, store: Store) -> dict[str, str | bytes]:
        """The cards, and README.md with a list of them."""
        tables = build_tables(store)
        cards = {**method_cards(store, tables), **datasheets(store, tables)}
        return {
            f"{FOLDER}README.md": _index(cards),
            **{f"{FOLDER}{name}": text for name, text in cards.items()},
        }

    def render(self, store: Store) -> str:
        """The list of the cards."""
        return str(self.files(store)[f"{FOLDER}README.md"])


def _index(cards: dict[str, str]) -> str:
    lines = [f"- [{_title(text)}]({name})" for name, text in cards.items()]
    intro = "A model card for each method and a datasheet for each dataset of this store."
    return "\n".join(["# Cards", "", intro, "", *(lines or [EMPTY]), ""])


def _title(card: str) -> str:
    """The first heading of a card, which is escaped already."""
    return next(line.removeprefix("# ") for line in card.splitlines() if line.startswith("# "))
