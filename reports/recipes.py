"""What was run in a cell apart from its data draw: which cells may be averaged, and their names."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.files import key_of
from benchmark.reports.published_rows import protocol_mark
from benchmark.transfer import Transfer
from benchmark.tuning.space import PROTOCOL

if TYPE_CHECKING:
    from benchmark.schema import CellRecord

Recipe = tuple[tuple[str, str], ...]
"""Dotted paths of the spec and their values as JSON, sorted."""

Strategy = tuple[str, str, str, bool]
"""Method, backbone, transfer, and whether its options were tuned."""

TUNED = "tuned"
"""The variant of rows whose options were tuned."""

SHOWN_DIFFERENCES = 3


def flatten(value: Any, path: str = "") -> Iterable[tuple[str, str]]:
    """The leaves of nested dictionaries as (dotted path, value as canonical JSON)."""
    if isinstance(value, Mapping) and value:
        for name in sorted(value, key=str):
            yield from flatten(value[name], f"{path}.{name}" if path else str(name))
    else:
        yield path, json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


@lru_cache(maxsize=4096)
def _leaves(name: str, text: str) -> Recipe:
    """The leaves of one part of a spec, given as JSON, but for those of the draw.

    Cells of a grid have most parts in common, and each is taken apart once.
    """
    leaves = flatten({name: json.loads(text)})
    return tuple((path, leaf) for path, leaf in leaves if not _belongs_to_draw(path))


def _belongs_to_draw(path: str) -> bool:
    """Whether a path is a coordinate of the grid over which rows are averaged or tables split."""
    name = path.rsplit(".", 1)[-1]
    return path == "shots" or name == "seed" or name.endswith("_seed")


def recipes_of(cells: Sequence[CellRecord]) -> dict[str, Recipe]:
    """By key of each cell, everything in its spec but shots, seeds and the preset's name.

    Only cells of one recipe are averaged. The preset is a name for settings that the spec spells
    out, so two presets with equal settings are one recipe. Where a store holds both seeds with
    a pretraining of their own and seeds that share one, they are two recipes.

    Args:
        cells: All cells of one dataset.
    """
    names: dict[str, str] = {}
    plain = {cell.key: _spelt_out(cell, names) for cell in cells}
    drawn = Counter((plain[cell.key], cell.labels.shots, cell.labels.seed) for cell in cells)
    twice = {recipe for (recipe, _, _), count in drawn.items() if count > 1}
    shared = (("shared_pretraining", "true"),)
    return {
        cell.key: plain[cell.key] + shared
        if plain[cell.key] in twice and shares_pretraining(cell)
        else plain[cell.key]
        for cell in cells
    }


def _spelt_out(cell: CellRecord, names: dict[str, str]) -> Recipe:
    # Cells from before there was a choice of transfer say nothing of it.
    spec = {"transfer": cell.labels.transfer} | dict(cell.spec)
    told = _told_by_content(spec, names)
    parts = ((name, told[name]) for name in sorted(told) if name != "preset")
    return tuple(leaf for name, part in parts for leaf in _leaves(name, _canonical(part)))


def _told_by_content(value: Any, names: dict[str, str]) -> Any:
    """A spec in which files that options name are told by their content, wherever they lay.

    Args:
        value: A spec, or what is in it.
        names: The first name under which each content was met, by its sha256; added to.
    """
    if not isinstance(value, Mapping):
        return value
    files, options = value.get("files"), value.get("options")
    if isinstance(files, Mapping) and isinstance(options, Mapping):
        for option, digest in files.items():
            name = names.setdefault(str(digest), Path(str(options.get(option))).name)
            options = {**options, option: f"{name} ({str(digest)[:8]})"}
        value = {n: part for n, part in value.items() if n != "files"} | {"options": options}
    return {name: _told_by_content(part, names) for name, part in value.items()}


def shares_pretraining(cell: CellRecord) -> bool:
    """Whether the cell's pretraining was made under the seed of another cell."""
    pretraining = cell.spec.get("pretraining")
    seed = pretraining.get("seed") if isinstance(pretraining, Mapping) else None
    return seed is not None and seed != cell.labels.seed


def excludes_leaks(cell: CellRecord) -> bool:
    """Whether test images whose film is also in training or validation were left out."""
    dataset = cell.spec.get("dataset")
    return isinstance(dataset, Mapping) and bool(dataset.get("exclude_leaks"))


def conditions_of(cell: CellRecord) -> str:
    """What a cell must share with its control for a gain to mean something, as JSON.

    Tuned cells have rates of their own, and are compared with the control that was tuned as well.
    """
    names = ("backbone", "dataset", "protocol")
    parts = [leaf for n in names for leaf in _leaves(n, _canonical(cell.spec.get(n)))]
    transfer = str(Transfer.parse(cell.labels.transfer).control)
    if cell.labels.tuned is None:
        return json.dumps([transfer, *parts])
    return json.dumps([TUNED, transfer, *(leaf for leaf in parts if leaf[0] not in PROTOCOL)])


def variant_names(cells: Sequence[CellRecord], recipes: Mapping[str, Recipe]) -> dict[str, str]:
    """Short texts that tell apart the recipes of one method, backbone and transfer.

    Args:
        cells: All cells of one dataset.
        recipes: Their recipes by key.

    Returns:
        By key of each cell: "" where the cells of its method, backbone and transfer share one
        recipe at each number of shots, else the fewest options that tell them apart:
        ``preset=quick``. The paper's recipe is always named, and cells with tuned options are told
        from the others by that word.
    """
    groups: dict[tuple[Strategy, int], dict[Recipe, set[str]]] = defaultdict(
        lambda: defaultdict(set)
    )
    marks = {recipes[cell.key]: protocol_mark(cell) for cell in cells}
    for cell in cells:
        preset = str(cell.spec.get("preset", ""))
        group = groups[_strategy(cell), cell.labels.shots]
        group[recipes[cell.key]].add(preset)
    full = {
        (place, recipe): {"preset": json.dumps(" or ".join(sorted(presets)))}
        | ({"protocol": json.dumps(marks[recipe])} if marks[recipe] else {})
        | dict(recipe)
        for place, group in groups.items()
        for recipe, presets in group.items()
    }
    presets = {values["preset"] for values in full.values()}
    tables = [[full[place, recipe] for recipe in group] for place, group in groups.items()]
    # Under several presets the curve of a method must never run from one preset to another.
    paths = _telling_paths(tables, ["preset"] if len(presets) > 1 else [])
    split = {strategy for (strategy, _), group in groups.items() if len(group) > 1}
    names: dict[str, str] = {}
    for cell in cells:
        place = (_strategy(cell), cell.labels.shots)
        shown = paths if place[0] in split else [path for path in paths if path == "preset"]
        if marks[recipes[cell.key]] and "protocol" not in shown:
            shown = ["protocol", *shown]
        text = _describe(full[place, recipes[cell.key]], shown)
        tuned = [TUNED] if cell.labels.tuned else []
        names[cell.key] = ", ".join([*tuned, *([text] if text else [])])
    return names


def _strategy(cell: CellRecord) -> Strategy:
    labels = cell.labels
    return labels.method, labels.backbone, labels.transfer, labels.tuned is not None


def _telling_paths(tables: Sequence[Sequence[Mapping[str, str]]], start: list[str]) -> list[str]:
    """The fewest paths, chosen greedily, whose values differ wherever the recipes differ."""
    differing = {
        path
        for table in tables
        for path in {path for recipe in table for path in recipe}
        if len({recipe.get(path) for recipe in table}) > 1
    }
    # The preset explains many differences at once; short paths are nearer to what a user typed.
    order = sorted(differing, key=lambda path: (path != "preset", path.count("."), len(path), path))
    chosen = list(start)
    told = _count_told(tables, chosen)
    for path in order:
        if told == sum(len(table) for table in tables):
            break
        more = _count_told(tables, [*chosen, path])
        if more > told:
            chosen.append(path)
            told = more
    return chosen


def _count_told(tables: Sequence[Sequence[Mapping[str, str]]], paths: Sequence[str]) -> int:
    return sum(len({tuple(r.get(path) for path in paths) for r in table}) for table in tables)


def _describe(values: Mapping[str, str], paths: Sequence[str]) -> str:
    names = [path.rsplit(".", 1)[-1] for path in paths]
    parts = [
        f"{name if names.count(name) == 1 else path}={_bare(values[path])}"
        for path, name in zip(paths, names, strict=True)
        if path in values
    ]
    if len(parts) > SHOWN_DIFFERENCES:
        # The whole list would not fit; the digest keeps two rows from bearing one name.
        parts = [*parts[:SHOWN_DIFFERENCES], f"and more ({key_of(parts)[:4]})"]
    return ", ".join(parts)


def _bare(text: str) -> str:
    value = json.loads(text)
    return value if isinstance(value, str) else text
