"""The command that searches for options; like all of the command line it loads nothing heavy."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmark.cli_options import (
    Backbones,
    ConfigFile,
    DataRoots,
    DeviceName,
    NewStore,
    Plugins,
    PresetName,
    SettingTexts,
    Threads,
    TransferNames,
    Unlabelled,
)


def tune(
    methods: Annotated[
        str | None,
        typer.Option(help="Methods, separated by commas; the controls are tuned as well."),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="The dataset to tune on; its test images are never looked at."),
    ] = None,
    shots: Annotated[
        int | None,
        typer.Option(min=1, help="Labelled images of a draw: those that you have; default 10."),
    ] = None,
    score: Annotated[
        str | None,
        typer.Option(
            help="folds: cross-validation within the labelled images; val: the validation images "
            "of a development dataset, one on which you report no result."
        ),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=2, help="Parts of the labelled images; default 3.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials, the same for every method; default 20.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Draws that a trial is scored on; default 1, with val 3."),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(help="URL of an Optuna storage, for machines that share no --output."),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="File for the best options; default tuned.toml in --output.")
    ] = None,
    data_root: DataRoots = None,
    unlabelled: Unlabelled = None,
    backbones: Backbones = None,
    transfer: TransferNames = None,
    preset: PresetName = None,
    config: ConfigFile = None,
    settings: SettingTexts = None,
    output: NewStore = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Trials at a time; default one a core or GPU.")
    ] = None,
    threads: Threads = None,
    device: DeviceName = None,
    plugin: Plugins = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the search spaces and the time; compute none.")
    ] = False,
) -> None:
    """Search for each method's options with the same effort, for `run --tuned`; it can go on."""
    from benchmark.requests import run_config
    from benchmark.tuning.running import dry_run as show_plan
    from benchmark.tuning.running import tune as search
    from benchmark.tuning.storages import without_password

    tuning = {"score": score, "folds": folds, "trials": trials, "storage": storage}
    given: dict[str, Any] = {
        "methods": methods,
        "datasets": dataset,
        "shots": shots or (None if config else 10),
        "seeds": seeds or (3 if score == "val" else None),
        "backbones": backbones,
        "transfer": transfer,
        "preset": preset,
        "data_roots": data_root,
        "unlabelled": unlabelled,
        "output": output,
        "workers": workers,
        "threads": threads,
        "device": device,
        "plugins": plugin,
        "tuning": {name: value for name, value in tuning.items() if value is not None} or None,
    }
    flags = {name: value for name, value in given.items() if value is not None}
    request = run_config(flags, config, settings or [])
    console = Console(soft_wrap=False, highlight=False)
    if dry_run:
        raise typer.Exit(show_plan(request, console))
    shown = [
        text.replace(storage, without_password(storage)) if storage else text for text in sys.argv
    ]
    command = shlex.join(["python", "-m", "benchmark", *shown[1:]])
    raise typer.Exit(search(request, command, save, console))
