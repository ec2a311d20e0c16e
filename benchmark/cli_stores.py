"""Commands that bring stores of several machines together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

DEFAULT_OUTPUT = Path("runs")

Output = Annotated[
    Path, typer.Option("--output", "-o", help="Folder in which finished work lies (the store).")
]


def merge(
    others: Annotated[list[Path], typer.Argument(help="Stores whose work is taken over.")],
    output: Output = DEFAULT_OUTPUT,
) -> None:
    """Take over what other stores have finished; checksums are compared, and nothing replaced."""
    from benchmark.merging import merge_stores

    merge_stores(output, others, Console())


def export_store(
    archive: Annotated[Path, typer.Argument(help="File to write: .tar or .tar.gz.")],
    output: Output = DEFAULT_OUTPUT,
) -> None:
    """Write the finished work of the store into one file, for another machine."""
    from benchmark.archives import export_archive

    export_archive(output, archive, Console())


def import_store(
    archive: Annotated[Path, typer.Argument(help="A file that `export` has written.")],
    output: Output = DEFAULT_OUTPUT,
    most: Annotated[
        float, typer.Option("--max-gb", help="Refuse archives that hold more than this.")
    ] = 100.0,
) -> None:
    """Take over finished work from a file; names, sizes and checksums are checked first."""
    from benchmark.archives import import_archive

    import_archive(output, archive, most, Console())
