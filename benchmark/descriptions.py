"""Descriptions of datasets: small TOML files after which a name stands for a folder and options."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from benchmark.config import read_toml
from benchmark.errors import DataError, UsageError
from benchmark.plugin_specs import PluginSpec, parse_specs
from benchmark.protocol import Settings
from benchmark.registry import registry
from benchmark.suggestions import did_you_mean
from benchmark.toml_text import one_line, toml_value

MAX_BYTES = 2**20
"""Larger files are no descriptions and are not read."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class DatasetDescription(Settings):
    """What a description says: everything that a run needs beside a name."""

    plugin: str = Field(description="The dataset plugin that reads the files.")
    root: str = Field(description="Their folder, relative to the description or absolute.")
    options: dict[str, Any] = Field(default_factory=dict, description="Options of the plugin.")


@dataclass(frozen=True)
class Described:
    """A description that was found.

    Attributes:
        name: The name of its file without the ending.
        path: The file.
        description: What it says.
    """

    name: str
    path: Path
    description: DatasetDescription

    @property
    def root(self) -> Path:
        """The folder of the files, as seen from the current one."""
        return self.path.parent / self.description.root


def users_folder() -> Path:
    """The folder whose descriptions are known everywhere: in the user's configuration."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base else Path.home() / ".config") / "fewshot-landmarks" / "datasets"


def places(roots: Mapping[str, Path]) -> list[Path]:
    """The folders in which descriptions are looked for, the nearest first."""
    return list(dict.fromkeys((Path(), *roots.values(), users_folder())))


def find_described(name: str, roots: Mapping[str, Path]) -> Described | None:
    """The description of a name, or None.

    Args:
        name: As on the command line.
        roots: The folders that ``--data-root`` names; they are looked into too.

    Raises:
        DataError: A file of that name is there and describes no dataset.
    """
    if not _NAME.fullmatch(name):
        return None
    for folder in places(roots):
        path = folder / f"{name}.toml"
        if path.is_file():
            return Described(name, path, read_description(path))
    return None


def all_described(roots: Mapping[str, Path]) -> Iterator[Described]:
    """All descriptions that a name can mean; other TOML files are passed over."""
    seen: set[str] = set()
    for folder in places(roots):
        for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
            if path.stem not in seen and _NAME.fullmatch(path.stem) and path.is_file():
                try:
                    found = Described(path.stem, path, read_description(path))
                except DataError:
                    continue
                seen.add(path.stem)
                yield found


def read_description(path: Path) -> DatasetDescription:
    """Read a description.

    Raises:
        DataError: It is too large, no TOML, or says something that a description does not.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path}: the file is too large for a description of a dataset.")
        values = read_toml(path)
    except UsageError as error:
        raise DataError(f"{error}; correct it, or run `prepare` again.") from error
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read ({error.strerror}).") from error
    for text in _texts(values):
        # File systems know no names of more than 255 bytes.
        if not text.isprintable() or any(len(part.encode()) > 255 for part in text.split("/")):
            raise DataError(
                f"{path}: {text!r:.80} is too long or holds signs that cannot be printed; correct "
                "it."
            )
    try:
        return DatasetDescription.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:80]
        raise DataError(
            f"{path}: the file describes no dataset ({where}: {first['msg'].lower()}); correct it, "
            "or run `prepare` again."
        ) from error


def resolve_datasets(patterns: str | Iterable[str], roots: Mapping[str, Path]) -> list[PluginSpec]:
    """The datasets that a comma list means: plugins, and descriptions by their names.

    Args:
        patterns: ``mine``, ``mine[spacing=0.2]``, and all that the registry takes.
        roots: Where descriptions are looked for too.

    Raises:
        UsageError: A name is unknown.
        DataError: A description cannot be read.
    """
    datasets = registry("dataset")
    found: list[PluginSpec] = []
    for spec in parse_specs(patterns):
        known = spec.is_pattern or spec.name in datasets.names()
        if not known and find_described(spec.name, roots) is not None:
            found.append(spec)
            continue
        if not known:
            described = [entry.name for entry in all_described(roots)]
            hint = did_you_mean(spec.name, [*datasets.names(), *described])
            raise UsageError(
                f"there is no dataset {spec.name!r}{hint}; `list datasets` shows them, and "
                "`prepare` describes a folder of your own"
            )
        found += datasets.resolve(str(spec))
    if not found:
        raise UsageError("name at least one dataset, or all")
    return list(dict.fromkeys(found))


def check_name(name: str) -> None:
    """Refuse a name for a description.

    Raises:
        UsageError: It holds other signs than letters, digits, points, hyphens and underscores, or
            is that of a plugin.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r:.80} will not do as a name: give one of letters, digits, hyphens, points and "
            "underscores with --name"
        )
    if name in registry("dataset").names():
        raise UsageError(f"{name!r} is the name of a dataset plugin: give another one with --name")


def description_text(description: DatasetDescription, remarks: Iterable[str]) -> str:
    """A description as TOML.

    Args:
        description: What it says.
        remarks: Sentences that stand at the top as comments.
    """
    lines = [f"# {one_line(remark)}" for remark in remarks]
    lines += [
        "",
        f"plugin = {toml_value(description.plugin)}",
        f"root = {toml_value(description.root)}",
    ]
    if description.options:
        lines += ["", "[options]"]
        lines += [f"{name} = {toml_value(value)}" for name, value in description.options.items()]
    return "\n".join(lines) + "\n"


def _texts(value: Any) -> Iterator[str]:
    """All texts within a value, names of tables included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
