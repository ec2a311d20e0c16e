"""The one place that knows which methods, datasets and reports there are."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, cast, overload

from benchmark.errors import PluginError, UsageError
from benchmark.plugin_discovery import find_entry_points, find_in_file, find_in_folder
from benchmark.plugin_loading import PluginEntry, check_contract, import_class
from benchmark.plugin_source import KINDS, Kind
from benchmark.plugin_specs import (
    PluginSpec,
    missing_options,
    parse_spec,
    parse_specs,
    validate_options,
)
from benchmark.plugins import LandmarkDataset, Method, Plugin, PluginOptions, Report
from benchmark.suggestions import did_you_mean

__all__ = [
    "KINDS",
    "Kind",
    "PluginEntry",
    "PluginSpec",
    "Registry",
    "add_plugin_files",
    "registry",
]

PluginType = TypeVar("PluginType", bound=Plugin)
PluginDefaults = Mapping[str, Mapping[str, Any]]


class Registry(Generic[PluginType]):
    """All plugins of one kind: of the folder, of installed packages, and of files of the user's.

    Names and summaries are read from the source, so that listing imports nothing; a plugin is
    imported when it is loaded. One that is broken keeps its place in the list with its error.
    """

    def __init__(self, kind: Kind, folder: Path | None = None, package: str | None = None) -> None:
        """Make a registry; nothing is read before it is asked.

        Args:
            kind: What it holds.
            folder: Where the built-in plugins lie; by default ``benchmark/<kind>s``.
            package: The dotted name of that folder.
        """
        self.kind: Kind = kind
        self._folder = folder or Path(__file__).parent / f"{kind}s"
        self._package = package or f"benchmark.{kind}s"
        self._files: list[Path] = []
        self._entries: dict[str, PluginEntry] | None = None
        self._loaded: dict[str, type[PluginType]] = {}

    def add_file(self, path: Path | str) -> None:
        """Also look for plugins in this file, which need not hold any of this kind.

        Args:
            path: A ``.py`` file; adding it again, or adding a file of the folder, changes nothing.

        Raises:
            UsageError: There is no such file, or it is not Python.
        """
        file = Path(path).expanduser().resolve()
        if not file.is_file() or file.suffix != ".py":
            what = "is not a Python file" if file.exists() else "does not exist"
            raise UsageError(f"--plugin {path} {what}; give the path of a .py file")
        if file in self._files or file.is_relative_to(self._folder.resolve()):
            return
        self._files.append(file)
        self._entries = None

    def entries(self) -> list[PluginEntry]:
        """All plugins by name, broken ones included; built-in modules are not imported.

        Raises:
            PluginError: Two plugins have one name; the sentence names both origins.
        """
        return list(self._found().values())

    def names(self) -> list[str]:
        """The names of all plugins, sorted."""
        return list(self._found())

    def load(self, name: str) -> type[PluginType]:
        """Import one plugin and check that it keeps its contract.

        Raises:
            UsageError: There is no plugin of that name; the sentence says what was meant perhaps.
            PluginError: It cannot be imported or breaks the contract; its entry keeps the error.
        """
        if name in self._loaded:
            return self._loaded[name]
        found = self._found()
        if name not in found:
            known = ", ".join(found) or "none"
            raise UsageError(
                f"there is no {self.kind} {name!r}{did_you_mean(name, found)}; "
                f"the {self.kind}s are: {known}"
            )
        entry = found[name]
        try:
            plugin = import_class(entry)
            check_contract(plugin, entry)
        except PluginError as error:
            if entry.error is None:
                cause = error.__cause__ or error
                text = "".join(traceback.format_exception(cause))
                found[name] = replace(entry, error=_reason(error, entry), traceback=text)
            raise
        self._loaded[name] = cast("type[PluginType]", plugin)
        return self._loaded[name]

    def load_all(self) -> dict[str, type[PluginType]]:
        """Import every plugin and return those that work; ``problems`` tells of the others."""
        working = {}
        for name in self.names():
            try:
                working[name] = self.load(name)
            except PluginError:
                continue
        return working

    def problems(self) -> list[PluginEntry]:
        """The entries of the plugins that cannot be used, after having tried all of them."""
        self.load_all()
        return [entry for entry in self.entries() if entry.error is not None]

    def resolve(
        self, patterns: str | Iterable[str], defaults: PluginDefaults | None = None
    ) -> list[PluginSpec]:
        """The plugins that a comma list means, in its order, each once.

        Args:
            patterns: ``simclr,ddpm[steps=100]``, wildcards (``phantom-*``) and ``all``. A plugin
                that is broken, or lacks an option that it must be given, is left out of a
                wildcard, but is an error where it is named.
            defaults: Options that the preset gives, by plugin.

        Raises:
            UsageError: A name is unknown or a wildcard matches nothing.
            PluginError: A plugin that is named is broken, or two have one name.
        """
        wanted = parse_specs(patterns)
        if not wanted:
            raise UsageError(f"name at least one {self.kind}, or all")
        found = (self._matches(spec, defaults or {}) for spec in wanted)
        return list(dict.fromkeys(chain.from_iterable(found)))

    def left_out(
        self, patterns: str | Iterable[str], defaults: PluginDefaults | None = None
    ) -> list[str]:
        """Sentences about the plugins that wildcards leave out, because they need an option."""
        return [
            f"{name}: left out of {spec.name!r}, because it needs {option}=...; add "
            f"{name}[{option}=...] to have it too"
            for spec in parse_specs(patterns)
            if spec.is_pattern
            for name in self._matching(spec)
            for option in self._missing(name, spec, defaults or {})[:1]
        ]

    def options(
        self, spec: PluginSpec | str, defaults: Mapping[str, Any] | None = None
    ) -> PluginOptions:
        """The validated options of a plugin.

        Args:
            spec: The plugin with the options that the user has set.
            defaults: Options of the preset, over which the user's lie.

        Returns:
            An instance of the plugin's own ``Options``.

        Raises:
            UsageError: There is no such plugin or option, or a value will not do.
            PluginError: The plugin is broken.
        """
        spec = parse_spec(spec) if isinstance(spec, str) else spec
        model = self.load(spec.name).Options
        values = {**(defaults or {}), **dict(spec.options)}
        return validate_options(model, values, f"{self.kind} {spec.name!r}", spec.name)

    def create(
        self,
        spec: PluginSpec | str,
        defaults: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> PluginType:
        """An instance of a plugin with its validated options.

        Args:
            spec: The plugin with the options that the user has set.
            defaults: Options of the preset, over which the user's lie.
            **arguments: Handed to the plugin, for example the ``root`` of a dataset.

        Raises:
            UsageError: There is no such plugin or option, or a value will not do.
            PluginError: The plugin is broken.
        """
        spec = parse_spec(spec) if isinstance(spec, str) else spec
        return self.load(spec.name)(self.options(spec, defaults), **arguments)

    def _matches(self, spec: PluginSpec, defaults: PluginDefaults) -> list[PluginSpec]:
        if not spec.is_pattern:
            self.load(spec.name)
            return [spec]
        matching = self._matching(spec)
        complete = [name for name in matching if not self._missing(name, spec, defaults)]
        if not complete:
            # What it lacks is told by the sentence about the first one.
            self.options(PluginSpec(matching[0], spec.options), defaults.get(matching[0]))
        return [PluginSpec(name, spec.options) for name in complete]

    def _missing(self, name: str, spec: PluginSpec, defaults: PluginDefaults) -> list[str]:
        """Options that a plugin must be given and a pattern and the preset do not give."""
        given = {*defaults.get(name, {}), *dict(spec.options)}
        return missing_options(self.load(name).Options, given)

    def _matching(self, spec: PluginSpec) -> list[str]:
        """The working plugins that a pattern means."""
        working = self.load_all()
        pattern = "*" if spec.name == "all" else spec.name
        matching = [name for name in working if fnmatchcase(name, pattern)]
        if not matching:
            known = ", ".join(working) or "none"
            raise UsageError(f"no {self.kind} matches {spec.name!r}; the {self.kind}s are: {known}")
        return matching

    def _found(self) -> dict[str, PluginEntry]:
        """The entries by name, sorted; read once, and again after a file has been added."""
        if self._entries is None:
            found: dict[str, PluginEntry] = {}
            for entry in chain(
                find_in_folder(self.kind, self._folder, self._package),
                find_entry_points(self.kind),
                *(find_in_file(self.kind, path) for path in self._files),
            ):
                if entry.name in found:
                    raise PluginError(
                        f"two {self.kind}s are called {entry.name!r}: {found[entry.name].origin} "
                        f"and {entry.origin}; rename one of them"
                    )
                found[entry.name] = entry
            self._entries = dict(sorted(found.items()))
        return self._entries


def _reason(error: PluginError, entry: PluginEntry) -> str:
    """The message without the plugin's name and origin, which stand beside it in the list."""
    label = f"{entry.kind} {entry.name!r} in {entry.origin} "
    return str(error).removeprefix(label)


@functools.cache
def _shared(kind: Kind) -> Registry[Any]:
    return Registry(kind)


@overload
def registry(kind: Literal["method"]) -> Registry[Method]: ...
@overload
def registry(kind: Literal["dataset"]) -> Registry[LandmarkDataset]: ...
@overload
def registry(kind: Literal["report"]) -> Registry[Report]: ...
def registry(kind: Kind) -> Registry[Any]:
    """The registry of this process for one kind."""
    return _shared(kind)


def add_plugin_files(paths: Iterable[Path | str]) -> None:
    """Make the plugins of some files known to all registries of this process.

    Args:
        paths: The values of ``--plugin``; a worker process is given the same.

    Raises:
        UsageError: A file does not exist, or holds no plugin of any kind.
        PluginError: A plugin in it has the name of another.
    """
    for path in paths:
        for kind in KINDS:
            _shared(kind).add_file(path)
        file = Path(path).expanduser().resolve()
        if not any(True for kind in KINDS for _ in find_in_file(kind, file)):
            raise UsageError(
                f"--plugin {path} holds no plugin: a top-level class that derives from Method, "
                'LandmarkDataset or Report and sets name = "..."'
            )
