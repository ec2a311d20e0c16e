"""The command ``audit``: read a dataset leniently, look for faults, print them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import Progress

from benchmark.audit.checks import Findings, find_faults
from benchmark.audit.printing import print_findings, save_findings
from benchmark.audit.reading import read_material
from benchmark.dataset_choice import ChosenDataset, choose_dataset
from benchmark.descriptions import resolve_datasets
from benchmark.display import human_seconds
from benchmark.errors import UsageError
from benchmark.registry import add_plugin_files

EXIT_NOTHING, EXIT_FINDINGS = 0, 3


class _Listener(Protocol):
    def __call__(self, done: int, total: int, /) -> None: ...


def audit(
    datasets: str,
    roots: Mapping[str, Path],
    console: Console,
    *,
    plugins: Sequence[Path] = (),
    processes: int | None = None,
    strict: bool = False,
    save: Path | None = None,
) -> int:
    """Look for what ruins a benchmark in datasets, and print what was found.

    Args:
        datasets: Their names, separated by commas, with options.
        roots: Their folders, by name; '' serves all others.
        console: Where to print.
        plugins: Files with plugins.
        processes: How many may read images; as many as there are cores where None.
        strict: Whether findings change the exit status.
        save: A CSV file to write all findings to.

    Returns:
        The exit status: 3 where ``strict`` is set and something was found, else 0.

    Raises:
        UsageError: There is no such dataset, or ``save`` cannot be written.
        BenchmarkError: A dataset cannot be read at all; one sentence says why.
    """
    add_plugin_files(plugins)
    if save is not None:
        _ensure_writable(save)
    named: list[tuple[str, Findings]] = []
    for place, spec in enumerate(resolve_datasets(datasets, roots)):
        if place:
            console.print()
        chosen = choose_dataset(spec, roots)
        named.append(_audit_one(chosen, console, tuple(plugins), processes))
    if save is not None:
        save_findings(named, save)
        console.print(f"Written to {save}.", markup=False, soft_wrap=True)
    found = any(findings.all for _, findings in named)
    return EXIT_FINDINGS if strict and found else EXIT_NOTHING


def _audit_one(
    chosen: ChosenDataset, console: Console, plugins: tuple[Path, ...], processes: int | None
) -> tuple[str, Findings]:
    """Look for faults in one dataset and print them; its name and the findings."""
    started = time.monotonic()
    with _bar(console) as listener:
        material = read_material(
            chosen,
            plugins=plugins,
            processes=processes or os.cpu_count() or 1,
            listener=listener,
        )
    findings = find_faults(material)
    print_findings(material, findings, console, human_seconds(time.monotonic() - started))
    return material.index.name, findings


def _ensure_writable(path: Path) -> None:
    """Stop before minutes of work, rather than lose them.

    Raises:
        UsageError: The file cannot be written there.
    """
    folder = path.parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(
            f"--save {path}: no file can be written there; name one in a folder of yours"
        )


@contextmanager
def _bar(console: Console) -> Iterator[_Listener]:
    """A bar in a terminal, and nothing elsewhere."""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("looking at images", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
