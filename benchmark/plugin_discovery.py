"""Finds plugins in the three places where they may lie, by reading rather than importing them."""

from __future__ import annotations

import importlib.metadata
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmark.errors import PluginError
from benchmark.plugin_loading import (
    PluginEntry,
    file_module_name,
    import_class,
    kind_of_class,
)
from benchmark.plugin_source import (
    DefinedClass,
    Kind,
    kinds_in_broken_source,
    read_module,
)


def find_in_folder(kind: Kind, folder: Path, package: str) -> Iterator[PluginEntry]:
    """The plugins of a folder: its modules, and the modules of its packages.

    Files and folders that begin with an underscore or a dot are left out; a module without a
    plugin is support code.

    Args:
        kind: The kind of all plugins of the folder.
        folder: The folder.
        package: The dotted name under which the folder is imported.
    """
    shown = folder.resolve()
    for path in sorted(folder.glob("*.py")) + sorted(folder.glob("*/*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        within = parts[:-1] if parts[-1] == "__init__" else parts
        if not within or any(part.startswith(("_", ".")) for part in within):
            continue
        if len(parts) == 2 and not (path.parent / "__init__.py").is_file():
            continue
        module = ".".join((package, *within))
        origin = str(Path(shown.name, *parts).with_suffix(".py"))
        yield from _entries_of(path, module, origin, kind)


def find_entry_points(kind: Kind) -> Iterator[PluginEntry]:
    """The plugins that installed packages announce in the group ``benchmark.<kind>s``."""
    for point in importlib.metadata.entry_points(group=f"benchmark.{kind}s"):
        owner = f"{point.dist.name} {point.dist.version}" if point.dist else "an installed package"
        yield PluginEntry(
            kind=kind,
            name=point.name,
            origin=f"{owner} (entry point {point.value})",
            module=point.module,
            qualname=point.attr,
            summary=_summary_of(point),
            error=None if point.attr else "names a module, where module:Class is needed",
        )


def find_in_file(kind: Kind, path: Path) -> Iterator[PluginEntry]:
    """The plugins of one kind in a file given by the user.

    Where a class derives from something of which only an import can tell whether it is a method,
    a dataset or a report, the file is imported.

    Args:
        kind: The kind asked for.
        path: The file, as an absolute path.
    """
    module = file_module_name(path)
    try:
        found = read_module(path)
    except (SyntaxError, OSError) as error:
        if kind in kinds_in_broken_source(path):
            yield _broken_entry(kind, path, module, str(path), error)
        return
    for defined in found:
        entry = _entry(defined, kind, path, module, str(path))
        if (defined.kind or _kind_by_import(entry)) == kind:
            yield entry


def _kind_by_import(entry: PluginEntry) -> Kind | None:
    """What the class turns out to be; where it cannot be imported, what was asked for."""
    try:
        return kind_of_class(import_class(entry))
    except PluginError:
        return entry.kind


def _entries_of(path: Path, module: str, origin: str, kind: Kind) -> Iterator[PluginEntry]:
    try:
        found = read_module(path)
    except (SyntaxError, OSError) as error:
        yield _broken_entry(kind, path, module, origin, error)
        return
    for defined in found:
        yield replace(_entry(defined, kind, path, module, origin), path=None)


def _entry(defined: DefinedClass, kind: Kind, path: Path, module: str, origin: str) -> PluginEntry:
    return PluginEntry(
        kind, defined.name, origin, module, defined.qualname, defined.summary, path=path
    )


def _broken_entry(
    kind: Kind, path: Path, module: str, origin: str, error: SyntaxError | OSError
) -> PluginEntry:
    """What remains of a plugin whose source cannot be read: its place in the list."""
    stem = path.parent.name if path.name == "__init__.py" else path.stem
    line = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
    what = error.msg if isinstance(error, SyntaxError) else error.strerror
    return PluginEntry(
        kind,
        stem,
        origin,
        module,
        qualname="",
        error=f"cannot be read: {type(error).__name__}: {what}{line}",
        traceback="".join(traceback.format_exception(error)),
    )


def _summary_of(point: importlib.metadata.EntryPoint) -> str:
    """The first line of the docstring behind an entry point, where its source lies in the open."""
    if point.dist is None:
        return ""
    relative = point.module.replace(".", "/")
    for name in (f"{relative}.py", f"{relative}/__init__.py"):
        path = Path(str(point.dist.locate_file(name)))
        try:
            found = read_module(path) if path.is_file() else []
        except (SyntaxError, OSError):
            continue
        for defined in found:
            if defined.qualname == point.attr:
                return defined.summary
    return ""
