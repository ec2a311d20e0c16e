"""From a dataset's name on the command line to its plugin, its options and its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.descriptions import find_described
from benchmark.errors import UsageError
from benchmark.grid import PluginChoice
from benchmark.plugin_specs import PluginSpec
from benchmark.plugins import LandmarkDataset
from benchmark.registry import registry


@dataclass(frozen=True, eq=False)
class ChosenDataset:
    """A dataset with its options and its folder, of which nothing has been read."""

    choice: PluginChoice
    plugin: LandmarkDataset
    root: Path | None


def choose_dataset(spec: PluginSpec, roots: Mapping[str, Path]) -> ChosenDataset:
    """The dataset of a spec, in its folder.

    Args:
        spec: Its name and options; the name may be that of a description.
        roots: Folder by name; the key '' serves all others.

    Raises:
        UsageError: It needs a folder and none is given, or an option will not do.
    """
    datasets = registry("dataset")
    defaults: Mapping[str, Any] = {}
    root = roots.get(spec.name, roots.get(""))
    described = None if spec.name in datasets.names() else find_described(spec.name, roots)
    if described is not None:
        root = roots.get(spec.name, described.root)
        defaults = described.description.options
        spec = PluginSpec(described.description.plugin, spec.options)
    plugin = datasets.load(spec.name)
    if plugin.needs_root and root is None:
        where = f" ({plugin.source})" if plugin.source else ""
        raise UsageError(
            f"dataset {spec.name!r} needs the folder of its files: --data-root DIR{where}"
        )
    root = root if plugin.needs_root else None
    options = datasets.options(spec, defaults)
    return ChosenDataset(PluginChoice.of(plugin, options), plugin(options, root), root)
