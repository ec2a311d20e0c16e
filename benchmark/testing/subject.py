"""The method under test: found by its name, in a file, or from its class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import PluginError, UsageError
from benchmark.plugin_specs import PluginSpec, parse_spec, validate_options
from benchmark.plugins import Method, PluginOptions
from benchmark.registry import add_plugin_files, registry


@dataclass(frozen=True)
class Subject:
    """A method as the harness and its workers find it: by name, through the registry.

    Attributes:
        spec: Its name, with options as they are written on the command line.
        values: Further options by name, as Python values; they outweigh those of ``spec``.
        plugins: Files that a worker has to read to know it.
    """

    spec: PluginSpec
    values: tuple[tuple[str, Any], ...] = ()
    plugins: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """The name on the command line."""
        return self.spec.name

    def load(self) -> type[Method]:
        """The class.

        Raises:
            PluginError: It cannot be imported, or lacks what a method must say of itself.
        """
        return registry("method").load(self.name)

    def options(self, further: Mapping[str, Any] | None = None) -> PluginOptions:
        """Validated options, with further ones laid over them."""
        values = {**dict(self.spec.options), **dict(self.values), **(further or {})}
        return validate_options(self.load().Options, values, f"method {self.name!r}", self.name)

    def create(self, further: Mapping[str, Any] | None = None) -> Method:
        """A new instance, as a worker would make it."""
        return self.load()(self.options(further))


def subject_of(
    method: str | type[Method],
    plugin_file: str | Path | None = None,
    values: Mapping[str, Any] | None = None,
) -> Subject:
    """Find a method.

    Args:
        method: ``name`` or ``name[option=value]`` of a registered plugin, or a class.
        plugin_file: The file that defines it, where it is neither built in nor installed.
        values: Options as Python values.

    Raises:
        UsageError: There is no such method or file, or no file defines the class.
    """
    plugins = (Path(plugin_file).resolve(),) if plugin_file is not None else ()
    add_plugin_files(plugins)
    if isinstance(method, str):
        spec = parse_spec(method)
    else:
        spec = PluginSpec(method.name)
        if not plugins and not _is_registered(method):
            plugins = (_file_of(method),)
            add_plugin_files(plugins)
    if spec.name not in registry("method").names():
        registry("method").load(spec.name)  # says which names there are
    return Subject(spec, tuple((values or {}).items()), plugins)


def _is_registered(method: type[Method]) -> bool:
    try:
        return registry("method").load(method.name) is method
    except (UsageError, PluginError):
        return False


def _file_of(method: type[Method]) -> Path:
    """The file of a class, because a worker process has to import it from somewhere."""
    try:
        file = inspect.getsourcefile(method)
    except TypeError:
        file = None
    if file is None or "." in method.__qualname__:
        raise UsageError(
            f"{method.__qualname__} is not defined at the top of a file, where a worker process "
            "could import it: move it there, or name the file with plugin_file"
        )
    return Path(file).resolve()
