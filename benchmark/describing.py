"""The command ``prepare``: understand a folder, draw it, and write a description of it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from benchmark.contact_sheet import choose, make_tile, write_page, write_sheet
from benchmark.dataset_facts import facts_of, print_facts
from benchmark.descriptions import (
    DatasetDescription,
    Described,
    check_name,
    description_text,
    find_described,
    read_description,
)
from benchmark.errors import DataError, UsageError
from benchmark.files import write_text
from benchmark.labels.detection import FORMATS
from benchmark.plugin_specs import PluginSpec
from benchmark.plugins import LandmarkDataset
from benchmark.records import DatasetIndex
from benchmark.registry import registry
from benchmark.suggestions import did_you_mean

PLUGIN = "folder"
"""The dataset plugin that reads a user's folder, by name as any other."""


def describe(
    source: Path,
    name: str | None,
    options: Mapping[str, str],
    console: Console,
    *,
    labels: str | None = None,
    spacing: str | None = None,
    folder: Path = Path(),
    images_shown: int = 60,
) -> int:
    """Read the labels and headers of a folder, say what was understood, and write it down.

    Args:
        source: The folder.
        name: What ``--datasets`` will call it; that of the folder where None.
        options: Options of the plugin, as text.
        console: Where to print.
        labels: The file or folder of the labels, their format, or ``FORMAT:PATH``.
        spacing: As the option of the plugin; a table may also be given as seen from here.
        folder: Where the description and the contact sheet are written.
        images_shown: How many images the contact sheet has at most; 0 for none.

    Returns:
        The exit status, 0.

    Raises:
        BenchmarkError: The folder cannot be understood; nothing has been written.
    """
    if not source.is_dir():
        raise UsageError(f"{source} is no folder: give the folder in which the images lie")
    name = name if name is not None else _name_of(source)
    check_name(name)
    target = folder / f"{name}.toml"
    _check_target(target)
    given = {**options, "name": name}
    given |= _labels(labels, source) if labels is not None else {}
    given |= {"spacing": _spacing(spacing, source)} if spacing is not None else {}
    datasets = registry("dataset")
    dataset = datasets.load(PLUGIN)(
        datasets.options(PluginSpec(PLUGIN, tuple(given.items()))), source
    )
    index = dataset.index()
    settled = dataset.settled().model_dump(mode="json", exclude_unset=True)
    facts = facts_of(index, settled)
    written = _draw(dataset, index, facts, folder / name, images_shown, console)
    description = DatasetDescription(
        plugin=PLUGIN,
        root=_root(source, folder),
        options={option: value for option, value in settled.items() if value is not None},
    )
    write_text(target, description_text(description, [f"{k}: {v}" for k, v in facts]))
    print_facts(name, facts, index.notes, console)
    _print_next(Described(name, target, description), written, console)
    return 0


def _name_of(source: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", source.resolve().name).strip("-._")[:64]


def _check_target(target: Path) -> None:
    """Refuse to write over a file that is no description.

    Raises:
        UsageError: There is one.
    """
    if not target.exists():
        return
    try:
        read_description(target)
    except DataError:
        raise UsageError(
            f"{target} is there already and describes no dataset: give another name with --name"
        ) from None


def _labels(text: str, source: Path) -> dict[str, str]:
    """What ``--labels`` says, as options of the plugin.

    Raises:
        UsageError: It is neither a path nor a format.
    """
    path = _found(text, source)
    if path is not None:
        return {"labels": path}
    if text in FORMATS:
        return {"label_format": text}
    known, colon, rest = text.partition(":")
    path = _found(rest, source) if colon and rest else None
    if path is not None and known in FORMATS:
        return {"labels": path, "label_format": known}
    raise UsageError(
        f"--labels {text!r:.200} is neither a file or folder, here or in {source}, nor a format"
        f"{did_you_mean(text, FORMATS)}; the formats are {', '.join(FORMATS)}"
    )


def _spacing(text: str, source: Path) -> str:
    path = _found(text, source) if text.lower().endswith((".csv", ".tsv")) else None
    return path or text


def _found(text: str, source: Path) -> str | None:
    """A path in the source, or as seen from here, relative to the source; None where neither is."""
    if not text.isprintable() or not text:
        return None
    for path in (source / text, Path(text)):
        try:
            if path.exists():
                return os.path.relpath(path, source)
        except OSError:  # a name that is too long
            return None
    return None


def _root(source: Path, folder: Path) -> str:
    """The folder relative to the description where it lies under it, else absolute."""
    source, folder = source.resolve(), folder.resolve()
    inside = source.is_relative_to(folder)
    return source.relative_to(folder).as_posix() if inside else str(source)


def _draw(
    dataset: LandmarkDataset,
    index: DatasetIndex,
    facts: list[tuple[str, str]],
    stem: Path,
    count: int,
    console: Console,
) -> list[Path]:
    """Write the contact sheet as PNG and HTML; which files."""
    if count < 1:
        return []
    chosen = track(
        choose(index, count),
        "drawing",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    tiles = [make_tile(dataset, sample) for sample in chosen]
    paths = [stem.parent / f"{stem.name}{ending}" for ending in (".png", ".html")]
    write_sheet(paths[0], tiles, index.landmark_names)
    write_page(paths[1], index, tiles, facts)
    return paths


def _print_next(described: Described, written: list[Path], console: Console) -> None:
    name = described.name

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    say(f"Written: {', '.join(map(str, [described.path, *written]))}")
    found = find_described(name, {})
    if found is not None and found.path.resolve() == described.path.resolve():
        say(f"Next: look at the contact sheet, then python -m benchmark audit {name}")
        say(f"      python -m benchmark run --datasets {name} --methods all --shots 5,10")
    else:
        where = described.path.parent
        say(f"Next: python -m benchmark audit {name} --data-root {where}")


def options_of(settings: list[str], flags: Mapping[str, Any]) -> dict[str, str]:
    """The options of the plugin that flags and ``--set`` give, as text.

    Raises:
        UsageError: A setting is not of the form option=value.
    """
    options = {name: str(value) for name, value in flags.items() if value is not None}
    for text in settings:
        option, sign, value = text.partition("=")
        if not sign or not option.strip():
            raise UsageError(f"--set {text!r} is not of the form option=value; see `info folder`")
        options[option.strip()] = value.strip()
    return options
