"""Rendering what the store holds, through whatever report plugins there are."""

from __future__ import annotations

from collections.abc import Collection

from rich.console import Console

from benchmark.errors import PluginError
from benchmark.registry import registry
from benchmark.store import Store, write_text

TERMINAL = "terminal"


def write_reports(store: Store, console: Console) -> list[str]:
    """Write every report plugin's file into the store; a broken one is named and left out.

    Returns:
        The paths that were written.
    """
    written = []
    for name, plugin in registry("report").load_all().items():
        if not plugin.filename:
            continue
        text = plugin().render(store)
        path = store.root / plugin.filename
        write_text(path, text)
        written.append(str(path))
        del name
    for entry in registry("report").problems():
        console.print(f"note: report {entry.name}: {entry.error}", markup=False, soft_wrap=True)
    return written


def print_leaderboard(store: Store, console: Console, cells: Collection[str] | None = None) -> None:
    """Print the leaderboard of the store, or of some of its cells.

    Raises:
        PluginError: The report that prints to terminals is broken.
    """
    plugin = registry("report").load(TERMINAL)
    show = getattr(plugin(), "show", None)
    if show is None:
        raise PluginError(f"report {TERMINAL!r} lacks its method show(store, console, cells)")
    show(store, console, cells)
