"""Looking around: the state of the store, the plugins there are, and what each does."""

from __future__ import annotations

import difflib
import inspect
from pathlib import Path
from typing import Literal, cast

from rich.console import Console
from rich.table import Table

from benchmark.config import load_preset, preset_names
from benchmark.dataset_choice import choose_dataset
from benchmark.dataset_facts import facts_of, print_facts
from benchmark.descriptions import Described, all_described, find_described
from benchmark.errors import PluginError, UsageError
from benchmark.plugin_specs import PluginSpec
from benchmark.plugins import LandmarkDataset, Method, Plugin
from benchmark.registry import registry
from benchmark.store import Store

Kind = Literal["method", "dataset", "report"]
KINDS: tuple[Kind, ...] = ("method", "dataset", "report")


def existing_store(output: Path, margin: float | None = None, claim: str | None = None) -> Store:
    """The store in a folder.

    Args:
        output: The folder.
        margin: What its reports take as the margin of practical equivalence; None leaves it to
            the runs.
        claim: The method whose claim its page answers; None leaves it to the runs.

    Raises:
        UsageError: There is no folder, or it holds neither cells nor searches, or no cell of
            the method of the claim.
    """
    store = Store(output)
    if not any((output / kind).is_dir() for kind in ("cells", "tuning")):
        raise UsageError(
            f"no results in {output}: `run` something first, or name the store with --output"
        )
    methods = sorted({cell.labels.method for cell in store.cells()}) if claim else []
    if claim and claim not in methods:
        raise UsageError(
            f"--claim {claim}: no cell in {output} is of that method; there are "
            f"{', '.join(methods) or 'none'}"
        )
    store.margin, store.claim = margin, claim
    return store


def print_plugins(kind: str, console: Console) -> None:
    """Tables of plugins and presets; broken ones keep their place.

    Raises:
        UsageError: The kind is unknown.
    """
    wanted = kind.removesuffix("s")
    if wanted not in (*KINDS, "preset", "all"):
        raise UsageError(f"nothing called {kind!r} to list: methods, datasets, reports or presets")
    for name in KINDS:
        if wanted in (name, "all"):
            _print_kind(name, console)
    if wanted in ("preset", "all"):
        table = _table("presets", console)
        for preset in preset_names():
            table.add_row(preset, load_preset(preset).description)
        console.print(table)


def _table(title: str, console: Console) -> Table:
    console.print(f"[bold]{title}[/]")
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    return table


def _print_kind(kind: Kind, console: Console) -> None:
    plugins = registry(kind)
    plugins.load_all()
    table = _table(f"{kind}s", console)
    for entry in plugins.entries():
        text = f"broken: {entry.error} ({entry.origin})" if entry.error else entry.summary
        table.add_row(entry.name, _plain(text))
    for described in all_described({}) if kind == "dataset" else ():
        text = f"your own, described in {described.path}: {described.root}"
        table.add_row(described.name, _plain(text))
    console.print(table)


def _plain(text: str) -> str:
    """Text that rich does not read as markup."""
    from rich.markup import escape

    return escape(text)


def print_info(name: str, console: Console) -> None:
    """Everything that a user can know about a plugin, preset or description before using it.

    Raises:
        UsageError: There is none of that name.
        PluginError: The plugin is broken.
        DataError: It is a description whose files are missing or wrong.
    """
    if name in preset_names():
        _print_preset(name, console)
        return
    known = {entry: kind for kind in KINDS for entry in registry(kind).names()}
    if name not in known and (described := find_described(name, {})) is not None:
        _print_described(described, console)
        return
    if name not in known:
        close = difflib.get_close_matches(name, [*known, *preset_names()], n=1)
        hint = f": did you mean {close[0]!r}?" if close else "; see `list`"
        raise UsageError(f"there is no method, dataset, report or preset {name!r}{hint}")
    plugin = cast("type[Plugin]", registry(known[name]).load(name))
    console.print(f"[bold]{name}[/]  {known[name]}, version {plugin.version}")
    console.print(_plain(inspect.getdoc(plugin) or ""), soft_wrap=True)
    console.print()
    for title, value in _facts(plugin):
        console.print(f"{title}: {value}", markup=False, soft_wrap=True)
    _print_options(plugin, console)


def _print_described(described: Described, console: Console) -> None:
    chosen = choose_dataset(PluginSpec(described.name), {})
    index = chosen.plugin.index()
    console.print(
        f"{described.name}  dataset {described.description.plugin!r}, described in "
        f"{described.path}",
        markup=False,
        soft_wrap=True,
    )
    facts = [("folder", str(described.root)), *facts_of(index, chosen.choice.options)]
    print_facts(index.title, facts, index.notes, console)


def _facts(plugin: type[Plugin]) -> list[tuple[str, str]]:
    if issubclass(plugin, Method):
        return [
            ("family", plugin.family),
            ("citation", plugin.citation),
            ("licence", plugin.licence),
            ("trains", " and ".join(sorted(plugin.trains)) or "nothing"),
            ("learns from", plugin.pretraining_data),
            ("backbone", plugin.default_backbone() or "any"),
            ("needs a GPU to be useful", "yes" if plugin.needs_gpu else "no"),
        ]
    if issubclass(plugin, LandmarkDataset):
        return [
            ("citation", plugin.citation),
            ("licence", plugin.licence),
            ("images", "computed" if plugin.synthetic else "acquired"),
            ("needs --data-root", "yes" if plugin.needs_root else "no"),
            *([("source", plugin.source)] if plugin.source else []),
        ]
    return []


def _print_options(plugin: type[Plugin], console: Console) -> None:
    fields = plugin.Options.model_fields
    if not fields:
        return
    console.print("\noptions, as " + f"{plugin.name}[option=value,...]", markup=False)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 2))
    for title in ("option", "default", "meaning"):
        table.add_column(title)
    for option, field in fields.items():
        default = "required" if field.is_required() else str(field.default)
        table.add_row(option, _plain(default), _plain(field.description or ""))
    console.print(table)


def _print_preset(name: str, console: Console) -> None:
    preset = load_preset(name)
    console.print(f"[bold]{name}[/]  preset")
    console.print(_plain(preset.description), soft_wrap=True)
    for title, value in preset.model_dump(exclude={"description"}).items():
        if isinstance(value, dict):
            for setting, content in value.items():
                console.print(f"  {title}.{setting} = {content}", markup=False, soft_wrap=True)
        else:
            console.print(f"  {title} = {value}", markup=False, soft_wrap=True)


def working_plugins(kind: Kind) -> dict[str, str | None]:
    """Plugins by name with the error of those that are broken."""
    plugins = registry(kind)
    try:
        plugins.load_all()
        return {entry.name: entry.error for entry in plugins.entries()}
    except PluginError as error:
        return {f"all {kind}s": str(error)}
