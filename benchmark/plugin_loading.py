"""Imports a plugin that was found and checks that it keeps the contract of its kind."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from benchmark.errors import PluginError
from benchmark.plugins import LandmarkDataset, Method, Plugin, Report

if TYPE_CHECKING:
    from benchmark.plugin_source import Kind

BASES: dict[Kind, type[Plugin]] = {
    "method": Method,
    "dataset": LandmarkDataset,
    "report": Report,
}


@dataclass(frozen=True)
class PluginEntry:
    """One plugin as it stands in the list, whether it works or not.

    Attributes:
        kind: What it is.
        name: Its name on the command line; the stem of the file where that cannot be read.
        origin: Where it comes from, for people: a path, or a package and its entry point.
        module: The module that holds it, as it is called when imported.
        qualname: The class in the module; empty where the file cannot be read.
        summary: The first line of its docstring.
        error: Why it cannot be used, as far as is known yet, in words that go on from its name:
            ``cannot be imported: ModuleNotFoundError: ...``.
        traceback: The whole traceback behind ``error``.
        path: The file to import, for a plugin that was given as a file.
    """

    kind: Kind
    name: str
    origin: str
    module: str
    qualname: str
    summary: str = ""
    error: str | None = None
    traceback: str | None = None
    path: Path | None = None


def file_module_name(path: Path) -> str:
    """The name under which a user's file is imported: the same in every process."""
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    stem = "".join(sign if sign.isalnum() else "_" for sign in path.stem)
    return f"benchmark_plugin_{stem}_{digest}"


def import_file(path: Path) -> ModuleType:
    """Import a user's file; the same module is returned however often it is asked for.

    Raises:
        BaseException: Whatever the file raises.
    """
    name = file_module_name(path)
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Before it runs, as the import system does: dataclasses and pickle look the module up by name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def import_class(entry: PluginEntry) -> type:
    """Import the class behind an entry.

    Raises:
        PluginError: The module cannot be imported, or does not hold the class; one line names
            the plugin, its origin and the reason, and the cause is attached.
    """
    if entry.error is not None:
        raise PluginError(f"{_label(entry)} {entry.error}")
    try:
        module = import_file(entry.path) if entry.path else importlib.import_module(entry.module)
        found: Any = module
        for part in entry.qualname.split("."):
            found = getattr(found, part)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may even call sys.exit() when it is imported
        raise PluginError(f"{_label(entry)} cannot be imported: {in_one_line(error)}") from error
    if not isinstance(found, type):
        raise PluginError(f"{_label(entry)} is a {type(found).__name__}, not a class")
    return found


def kind_of_class(candidate: type) -> Kind | None:
    """The kind of which a class is a plugin, or None where it is not one."""
    return next((kind for kind, base in BASES.items() if issubclass(candidate, base)), None)


def check_contract(candidate: type, entry: PluginEntry) -> None:
    """Check that a class derives from the base of its kind and says of itself what it must.

    Raises:
        PluginError: It does not; one sentence says what is missing.
    """
    base = BASES[entry.kind]
    if not issubclass(candidate, base):
        raise PluginError(f"{_label(entry)} does not derive from benchmark.plugins.{base.__name__}")
    if inspect.isabstract(candidate):
        missing = ", ".join(sorted(candidate.__abstractmethods__))
        raise PluginError(f"{_label(entry)} does not define {missing}")
    for attribute, hint in get_type_hints(base).items():
        if get_origin(hint) is ClassVar:
            problem = _attribute_problem(candidate, base, attribute, get_args(hint)[0])
            if problem:
                raise PluginError(f"{_label(entry)} {problem}")
    if candidate.name != entry.name:
        raise PluginError(
            f"{_label(entry)} calls itself {candidate.name!r}; both names must be the same"
        )


def in_one_line(error: BaseException) -> str:
    """The kind of an exception and the first line of what it says."""
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _attribute_problem(candidate: type, base: type, attribute: str, hint: Any) -> str | None:
    """What is wrong with one class attribute that the base declares, or None."""
    if not hasattr(candidate, attribute):
        return f"does not set {attribute!r}"
    value = getattr(candidate, attribute)
    try:
        TypeAdapter(hint).validate_python(value, strict=True)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].replace("Input should be", "which should be")
        return f"sets {attribute!r} to {value!r}, {reason}"
    if value == "" and not hasattr(base, attribute):
        return f"leaves {attribute!r} empty"
    return None


def _label(entry: PluginEntry) -> str:
    return f"{entry.kind} {entry.name!r} in {entry.origin}"
