"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataRoots = Annotated[
    list[str] | None,
    typer.Option(help="Folder of a dataset's files: DIR, or NAME=DIR where there are several."),
]
Unlabelled = Annotated[
    list[str] | None,
    typer.Option(
        help="Folder of further unlabelled images for pretraining: DIR, or NAME=DIR; films of "
        "test images are found and left out."
    ),
]
Backbones = Annotated[
    str | None,
    typer.Option(help="Networks for all methods: unet, timm/<name>, unet[channels=32-64]."),
]
TransferNames = Annotated[
    str | None,
    typer.Option(
        help="What is taken over: whole (network), encoder, frozen (under a linear head), "
        "frozen@T (at a diffusion time step); one or several."
    ),
]
PresetName = Annotated[
    str | None,
    typer.Option(help="quick, standard, paper or paper-64, or a TOML file."),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(help="A TOML file with any of these settings."),
]
SettingTexts = Annotated[
    list[str] | None,
    typer.Option("--set", help="path.to.option=value, such as protocol.steps=300; repeatable."),
]
NewStore = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Store for finished work; default runs."),
]
Claim = Annotated[
    str | None,
    typer.Option(help="Method whose claim to the lowest error the report answers first: ddpm."),
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Threads a worker."),
]
DeviceName = Annotated[
    str | None,
    typer.Option(help="auto, cpu or cuda."),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", help="A Python file with methods, datasets or reports; repeatable."),
]
