"""The command ``status``: what is done, running, failed and to do, and what it has cost so far."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmark.display import human_seconds
from benchmark.leases import Holder
from benchmark.overview import existing_store
from benchmark.schema import CellRecord, PretrainingRecord, RunRecord


def print_status(output: Path, console: Console) -> None:
    """Cells by state, who is at work on what, failures with their reason, and the cost so far."""
    store = existing_store(output)
    cells = store.cells()
    failed = [cell for cell in cells if cell.status == "failed"]
    done = {cell.key for cell in cells if cell.status == "done"}
    holders = list(store.leases.holders().values())
    alive = [holder for holder in holders if not holder.dead]
    running = {h.key for h in alive if h.kind == "cells"} - done
    runs = store.runs()
    left = {key for run in runs for key in run.cells} - {cell.key for cell in cells} - running
    console.print(
        f"{output}: {len(done)} cells done, {len(failed)} failed, {len(running)} running, "
        f"{len(left)} to do"
    )
    _print_table(cells, console)
    for holder in alive:
        _print_running(holder, store.leases.seconds, console)
    for holder in holders:
        if holder.dead:
            _say(
                f"left: {holder.record.title}, by a process that is gone; the next run goes on",
                console,
            )
    for cell in failed:
        _print_failed(cell, console)
    _print_cost(cells, store.pretrainings(), console)
    _print_last_run(runs, done, console)
    for problem in store.problems:
        _say(f"note: {problem}", console)


def _say(line: str, console: Console) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _print_table(cells: Sequence[CellRecord], console: Console) -> None:
    counts: dict[tuple[str, int], list[int]] = {}
    for cell in cells:
        both = counts.setdefault((cell.labels.dataset, cell.labels.shots), [0, 0])
        both[cell.status == "failed"] += 1
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("dataset", "shots", "done", "failed"):
        table.add_column(name)
    for (dataset, shots), (done, bad) in sorted(counts.items()):
        table.add_row(dataset, str(shots), str(done), str(bad))
    console.print(table)


def _print_running(holder: Holder, lease_seconds: float, console: Console) -> None:
    """Where and since when something runs, and how far it is."""
    record = holder.record
    state = f", {holder.latest}" if holder.latest else ""
    ago = human_seconds(holder.seconds_ago)
    silent = f"; no sign for {ago}, another run may take it over"
    sign = silent if holder.seconds_ago > lease_seconds else f"; last sign {ago} ago"
    _say(f"running: {record.title}{state}, on {holder.where}, since {record.since}{sign}", console)


def _print_failed(cell: CellRecord, console: Console) -> None:
    labels = cell.labels
    reason = cell.error.sentence if cell.error else "no reason was kept"
    attempts = f" ({cell.attempts} attempts)" if cell.attempts > 1 else ""
    _say(
        f"failed: {labels.dataset} {labels.method} {labels.backbone}{labels.conditions_text} "
        f"{labels.shots} shots seed {labels.seed}{attempts}: {reason}",
        console,
    )


def _print_cost(
    cells: Sequence[CellRecord], pretrainings: Sequence[PretrainingRecord], console: Console
) -> None:
    seconds = sum(c.timings.total_seconds for c in cells) + sum(p.seconds for p in pretrainings)
    joules = [c.energy_joules for c in cells] + [p.energy_joules for p in pretrainings]
    measured = [value for value in joules if value is not None]
    energy = f", {sum(measured) / 3.6e6:.2f} kWh where it was measured" if measured else ""
    console.print(
        f"{len(pretrainings)} pretrainings; {human_seconds(seconds)} of work so far{energy}"
    )
    accounts = [cell.timings for cell in cells if cell.timings.overhead is not None]
    if accounts:
        whole = sum(t.startup_seconds + t.total_seconds for t in accounts)
        share = 1 - sum(t.network_seconds for t in accounts) / whole
        console.print(f"{share:.0%} of the cells' wall time trained no network: harness overhead")


def _print_last_run(runs: Sequence[RunRecord], done: set[str], console: Console) -> None:
    if runs:
        missing = [key for key in runs[-1].cells if key not in done]
        go_on = f"; to go on: {' '.join(runs[-1].command)}" if missing else ""
        _say(
            f"last run ({runs[-1].started}): {len(runs[-1].cells) - len(missing)} of "
            f"{len(runs[-1].cells)} cells done{go_on}",
            console,
        )
