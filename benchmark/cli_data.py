"""The commands about a user's own data; like all of the command line they load nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmark.cli_options import Plugins


def prepare(
    source: Annotated[Path, typer.Argument(help="The folder of your images.")],
    labels: Annotated[
        str | None,
        typer.Option(
            help="File or folder of the labels, a format to force, or FORMAT:PATH; default: found."
        ),
    ] = None,
    spacing: Annotated[
        str | None,
        typer.Option(
            help="mm per px: 0.1, 0.1x0.12 (along x, along y), files (their tags), a table.csv, or "
            "px; default: a column of the labels, then the tags."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What --datasets will call it; default the folder's name.")
    ] = None,
    images: Annotated[
        str | None, typer.Option(help="Folder of the images under SOURCE; default images/ or it.")
    ] = None,
    annotator: Annotated[
        str | None, typer.Option(help="Ground truth of several: mean, or the name of one.")
    ] = None,
    test_fraction: Annotated[
        float | None, typer.Option(help="Share of test images where the labels give no split.")
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(help="Black and white of deep images: auto, full, 0..4095, 1%..99%."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="option=value of the dataset `folder`; repeatable."),
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="Where to write the description and the contact sheet.")
    ] = Path(),
    shown: Annotated[
        int, typer.Option(min=0, max=2000, help="Images on the contact sheet at most; 0: none.")
    ] = 60,
) -> None:
    """Describe a folder of your own images, so that `--datasets NAME` works, and draw it."""
    from benchmark.describing import describe, options_of

    flags = {
        "images": images,
        "annotator": annotator,
        "test_fraction": test_fraction,
        "window": window,
    }
    status = describe(
        source,
        name,
        options_of(settings or [], flags),
        Console(soft_wrap=False, highlight=False),
        labels=labels,
        spacing=spacing,
        folder=folder,
        images_shown=shown,
    )
    raise typer.Exit(status)


def audit(
    datasets: Annotated[
        str, typer.Argument(help="A dataset, with or without options; several with commas.")
    ],
    data_root: Annotated[
        list[str] | None,
        typer.Option(help="Folder of a dataset's files: DIR, or NAME=DIR where there are several."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit status 3 where anything is found.")
    ] = False,
    save: Annotated[
        Path | None, typer.Option(help="Write all findings into this CSV file.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that read images; default one a core.")
    ] = None,
    plugin: Plugins = None,
) -> None:
    """Find what ruins a benchmark: leaks, copies, and labels that cannot be right."""
    from benchmark.audit.auditing import audit as look_for_faults
    from benchmark.requests import data_roots

    status = look_for_faults(
        datasets,
        data_roots(data_root or ()),
        Console(soft_wrap=False, highlight=False),
        plugins=plugin or (),
        processes=workers,
        strict=strict,
        save=save,
    )
    raise typer.Exit(status)
