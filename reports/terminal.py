"""The leaderboard in the terminal, as wide as the window."""

from __future__ import annotations

import io
from collections.abc import Collection
from typing import TYPE_CHECKING

from benchmark.plugins import Report
from benchmark.reports.leaderboard import print_leaderboard

if TYPE_CHECKING:
    from rich.console import Console

    from benchmark.store import Store

WIDTH = 100


class TerminalLeaderboard(Report):
    """The leaderboard that a run ends with, and that `leaderboard` prints."""

    name = "terminal"
    filename = None

    def render(self, store: Store) -> str:
        """Plain text of 100 columns."""
        from rich.console import Console

        text = io.StringIO()
        print_leaderboard(store, Console(file=text, width=WIDTH, no_color=True))
        return text.getvalue()

    def show(self, store: Store, console: Console, cells: Collection[str] | None = None) -> None:
        """Tables of all cells of the store, or of those with these keys."""
        chosen = None if cells is None else [c for c in store.cells() if c.key in cells]
        print_leaderboard(store, console, chosen)
