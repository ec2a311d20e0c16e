"""Commands about plugins: what there is, what one does and promises, and a new one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmark.cli_options import Plugins


def list_plugins(
    kind: Annotated[
        str, typer.Argument(help="methods, datasets, reports, presets; all if left out.")
    ] = "all",
    plugin: Plugins = None,
) -> None:
    """List methods, datasets, reports and presets; a broken plugin is listed with its error."""
    from benchmark.overview import print_plugins
    from benchmark.registry import add_plugin_files

    add_plugin_files(plugin or ())
    print_plugins(kind, Console())


def info(
    name: Annotated[str, typer.Argument(help="A method, a dataset, a report or a preset.")],
    plugin: Plugins = None,
) -> None:
    """Describe one plugin or preset: what it does, its source, its options."""
    from benchmark.overview import print_info
    from benchmark.registry import add_plugin_files

    add_plugin_files(plugin or ())
    print_info(name, Console())


def check(
    target: Annotated[
        str, typer.Argument(help="A method, as name or name[option=value], or a Python file.")
    ],
    plugin: Plugins = None,
) -> None:
    """Check that a method keeps its promises: parts, loss, seeds, resuming, reach, options."""
    from benchmark.checking import check as run_checks

    raise typer.Exit(run_checks(target, plugin or (), Console()))


def new(
    kind: Annotated[str, typer.Argument(help="What to begin: method.")],
    name: Annotated[str, typer.Argument(help="Its name: lower-case letters, digits, hyphens.")],
    folder: Annotated[Path, typer.Option(help="Where to write the files.")] = Path(),
) -> None:
    """Write a plugin that runs as it is, with its test beside it."""
    from benchmark.scaffold import begin

    begin(kind, name, folder, Console())
