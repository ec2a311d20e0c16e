"""Rendering what the store holds, through whatever report plugins there are."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rich.console import Console

from benchmark.errors import UsageError
from benchmark.files import write_file
from benchmark.plugins import Report
from benchmark.registry import registry
from benchmark.snapshot import Snapshot
from benchmark.store import Store

# The report behind the command `leaderboard` and the end of every run.
TERMINAL = "terminal"
# The report behind the command `compare`.
COMPARISON = "comparison"
# The report behind `leaderboard --metric published`.
PUBLISHED_METRIC = "published-metric"


def choose_reports(names: Sequence[str]) -> tuple[type[Report], ...]:
    """The reports of these names; no wildcard means one that writes no file.

    Args:
        names: Names, wildcards, or ``all``; empty where no report is wanted.

    Raises:
        UsageError: There is no such report, or it writes no file.
        PluginError: One that is named is broken.
    """
    plugins = registry("report")
    chosen = []
    for spec in plugins.resolve(names) if names else ():
        plugin = plugins.load(spec.name)
        if spec.options:
            raise UsageError(f"--reports {spec}: reports are given no options, leave the [...] out")
        if plugin.filename is not None:
            chosen.append(plugin)
        elif spec.name in names:
            raise UsageError(f"--reports {spec}: it is printed and writes no file, leave it out")
    return tuple(chosen)


def are_current(store: Store, names: Sequence[str]) -> bool:
    """Whether these reports are in the store, and were written after its last run had ended."""
    files = [store.root / str(plugin.filename) for plugin in choose_reports(names)]
    records = [path.stat().st_mtime for path in (store.root / "runs").glob("*.json")]
    last = max(records, default=0.0)
    return all(path.exists() and path.stat().st_mtime >= last for path in files)


def write_reports(store: Store, console: Console, names: Sequence[str] = ("all",)) -> list[str]:
    """Write the files of reports into the store; a broken one is named and left out.

    Results are never lost to a report: what goes wrong in one is a sentence, and the others are
    written.

    Args:
        store: What they are made of.
        console: Where it is told that one could not be made.
        names: As for :func:`choose_reports`.

    Returns:
        The paths that were written.
    """
    written = []
    snapshot = _snapshot(store)
    for plugin in choose_reports(names):
        filename = str(plugin.filename)
        try:
            files = plugin().files(snapshot)
        except Exception as error:
            sentence = f"{type(error).__name__}: {error}"
            console.print(
                f"note: report {plugin.name} could not be made: {sentence}",
                markup=False,
                soft_wrap=True,
            )
            continue
        if filename.endswith("/"):
            shutil.rmtree(store.root / filename, ignore_errors=True)
        for name, content in files.items():
            write_file(store.root / name, content)
        written.append(str(store.root / filename))
    for entry in registry("report").problems() if names else ():
        console.print(f"note: report {entry.name}: {entry.error}", markup=False, soft_wrap=True)
    return written


def print_leaderboard(store: Store, console: Console, cells: Collection[str] | None = None) -> None:
    """Print the leaderboard of the store, or of some of its cells.

    Raises:
        PluginError: The report that prints to terminals is broken.
    """
    registry("report").load(TERMINAL)().show(store, console, cells)


def print_published_metric(
    store: Store, console: Console, cells: Collection[str] | None = None
) -> None:
    """Print both metrics, our own and the paper's, of the store or of some of its cells.

    Raises:
        PluginError: The report is broken.
    """
    snapshot = _snapshot(store)
    registry("report").load(PUBLISHED_METRIC)().show(snapshot, console, cells)
    for problem in snapshot.problems:
        console.print(f"note: {problem}", markup=False, highlight=False, soft_wrap=True)


def compare(store: Store, options: Mapping[str, Any], console: Console) -> None:
    """Print what the store says of two strategies, and write the drawings into it.

    Args:
        store: The store to read.
        options: Of the report: what is compared with what.
        console: Where to print.
    """
    plugin = registry("report").load(COMPARISON)
    report = plugin(plugin.Options.model_validate(options))
    snapshot = _snapshot(store)
    report.show(snapshot, console)
    console.print()
    for name, content in report.files(snapshot).items():
        write_file(store.root / name, content)
        console.print(str(store.root / name), markup=False, soft_wrap=True)


def _snapshot(store: Store) -> Snapshot:
    snapshot = Snapshot(store.root)
    snapshot.margin, snapshot.claim = store.margin, store.claim
    return snapshot
