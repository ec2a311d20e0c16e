"""A report in one line: how many cells the store holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.plugins import Report

if TYPE_CHECKING:
    from benchmark.store import Store


class TallyReport(Report):
    """Counts the cells of the store."""

    name = "tally"
    filename = None

    def render(self, store: Store) -> str:
        """One line."""
        return f"{len(store.cells())} cells\n"
