"""The command line: parses, calls, prints; ``--help`` loads nothing heavy."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from benchmark.cli_data import audit, prepare
from benchmark.cli_options import (
    Backbones,
    Claim,
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
from benchmark.cli_plugins import check, info, list_plugins, new
from benchmark.cli_stores import DEFAULT_OUTPUT, Output, export_store, import_store, merge
from benchmark.cli_tuning import tune
from benchmark.errors import BenchmarkError

app = typer.Typer(
    name="benchmark",
    help="Which pretraining gives the most accurate landmarks from a few labelled X-rays?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Margin = Annotated[
    float | None,
    typer.Option(
        min=0, help="Margin of practical equivalence, in the dataset's unit; default the run's."
    ),
]

Reports = Annotated[
    str | None,
    typer.Option(help="Reports to write (`list reports`), with commas; all (default) or none."),
]


def _console() -> Console:
    return Console(soft_wrap=False, highlight=False)


@app.command()
def run(
    methods: Annotated[
        str | None,
        typer.Option(help="Methods, separated by commas: names, wildcards, name[option=value]."),
    ] = None,
    shots: Annotated[
        str | None, typer.Option(help="Numbers of labelled images, such as 1,5,10,25,50.")
    ] = None,
    datasets: Annotated[
        str | None, typer.Option(help="Datasets, separated by commas; see `list datasets`.")
    ] = None,
    data_root: DataRoots = None,
    unlabelled: Unlabelled = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Number of seeds, from 0 on.")] = None,
    backbones: Backbones = None,
    transfer: TransferNames = None,
    preset: PresetName = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Fine-tuning and evaluation: own (default), or published: as the paper's released "
            "code has it, see docs/published-protocol.md."
        ),
    ] = None,
    config: ConfigFile = None,
    settings: SettingTexts = None,
    selection: Annotated[
        str | None,
        typer.Option(help="Weights to test: last, or the best on the validation images: val."),
    ] = None,
    tuned: Annotated[
        Path | None,
        typer.Option(help="A file that `tune` has written: its options beside the default ones."),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            help="Margin of practical equivalence, declared before there are results, in the "
            "dataset's unit: 0.1 for 0.1 mm (or px at its reference size)."
        ),
    ] = None,
    claim: Claim = None,
    output: NewStore = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; default one a core or GPU.")
    ] = None,
    threads: Threads = None,
    device: DeviceName = None,
    retry: Annotated[
        str | None,
        typer.Option(
            help="Failed cells to try again: machine (killed, no memory, mended files; default), "
            "failed (all), none."
        ),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(help="Time after which a pretraining or a cell has failed: 90s, 30m, 2h."),
    ] = None,
    memory_limit: Annotated[
        float | None, typer.Option(help="Main memory in GB after which it has failed.")
    ] = None,
    devices: Annotated[
        int | None, typer.Option(min=1, help="GPUs, or processes on a CPU, for one training.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="Where tasks run: local, ray or slurm; see docs/engines.md.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="Of the Ray cluster: HOST:PORT, auto or local.")
    ] = None,
    reports: Reports = None,
    plugin: Plugins = None,
    share_pretraining: Annotated[
        bool, typer.Option("--share-pretraining", help="All seeds share one pretraining.")
    ] = False,
    allow_leaks: Annotated[
        bool,
        typer.Option(
            "--allow-leaks", help="Keep films of test images in the unlabelled pool; marked."
        ),
    ] = False,
    exclude_leaks: Annotated[
        bool,
        typer.Option(
            "--exclude-leaks",
            help="Leave test images out whose film is also in training or validation; marked.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the cells and the expected time; compute none.")
    ] = False,
) -> None:
    """Pretrain, fine-tune on identical few-shot draws, and measure; finished cells are kept."""
    from benchmark.requests import run_config
    from benchmark.running import dry_run as show_plan
    from benchmark.running import run as compute

    flags = {
        "methods": methods,
        "datasets": datasets,
        "shots": shots,
        "seeds": seeds,
        "backbones": backbones,
        "transfer": transfer,
        "preset": preset,
        "recipe": protocol,
        "protocol": {"selection": selection} if selection is not None else None,
        "data_roots": data_root,
        "unlabelled": unlabelled,
        "tuned": tuned,
        "margin": margin,
        "claim": claim,
        "output": output,
        "workers": workers,
        "threads": threads,
        "device": device,
        "retry": retry,
        "time_limit": time_limit,
        "memory_limit": memory_limit,
        "devices": devices,
        "engine": engine,
        "address": address,
        "plugins": plugin,
        "reports": reports,
        "share_pretraining": share_pretraining or None,
        "allow_leaks": allow_leaks or None,
        "exclude_leaks": exclude_leaks or None,
    }
    request = run_config({k: v for k, v in flags.items() if v is not None}, config, settings or [])
    raise typer.Exit((show_plan if dry_run else compute)(request, _console()))


@app.command()
def status(output: Output = DEFAULT_OUTPUT) -> None:
    """What is done, running (where, since when), failed and to do, and what it has cost so far."""
    from benchmark.status import print_status

    print_status(output, _console())


@app.command()
def leaderboard(
    output: Output = DEFAULT_OUTPUT,
    margin: Margin = None,
    metric: Annotated[
        Literal["own", "published"],
        typer.Option(help="published: that of the paper's released code, beside the own one."),
    ] = "own",
) -> None:
    """Print the leaderboard of everything in the store."""
    from benchmark.overview import existing_store
    from benchmark.rendering import print_leaderboard, print_published_metric

    show = print_leaderboard if metric == "own" else print_published_metric
    show(existing_store(output, margin), _console())


@app.command()
def compare(
    first: Annotated[
        str, typer.Argument(help="A: a method, or method@backbone, and ,transfer or ,variant.")
    ],
    second: Annotated[str, typer.Argument(help="B, named alike; differences are A minus B.")],
    output: Output = DEFAULT_OUTPUT,
    datasets: Annotated[
        str | None, typer.Option(help="Only these datasets, separated by commas.")
    ] = None,
    shots: Annotated[
        str | None, typer.Option(help="Only these numbers of shots, separated by commas.")
    ] = None,
    margin: Margin = None,
) -> None:
    """Compare two strategies: difference with interval, p, win rate, and where they differ most."""
    from benchmark.overview import existing_store
    from benchmark.rendering import compare as show
    from benchmark.requests import comparison_options

    options = comparison_options(first, second, datasets, shots)
    show(existing_store(output, margin), options, _console())


@app.command()
def report(
    output: Output = DEFAULT_OUTPUT,
    reports: Reports = None,
    plugin: Plugins = None,
    margin: Margin = None,
    claim: Claim = None,
) -> None:
    """Write report.html, the leaderboards, figures, cards and citations from the store."""
    from benchmark.overview import existing_store
    from benchmark.registry import add_plugin_files
    from benchmark.rendering import write_reports
    from benchmark.requests import report_names

    add_plugin_files(plugin or ())
    console, names = _console(), report_names(reports or "all")
    for path in write_reports(existing_store(output, margin, claim), console, names):
        console.print(path, soft_wrap=True)


app.command()(prepare)
app.command()(audit)
app.command("list")(list_plugins)
for command in (info, check, new, tune, merge):
    app.command()(command)
app.command("export")(export_store)
app.command("import")(import_store)


@app.command()
def doctor(output: Output = DEFAULT_OUTPUT) -> None:
    """Check the installation: packages, device, plugins, weights, and whether the store writes."""
    from benchmark.doctor import examine

    raise typer.Exit(examine(output, _console()))


def main() -> None:
    """Run the command line; errors of the user's are one sentence and exit status 2."""
    # Read when numpy loads. Reports multiply small matrices, which threads make twice as slow.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app()
    except BenchmarkError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted: finished cells are kept; run again to go on")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
