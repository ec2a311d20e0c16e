"""Tuned options in a run: a second cell beside each with the default options."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.errors import UsageError
from benchmark.registry import registry
from benchmark.tuning.space import has_own_rate, with_values
from benchmark.tuning.tuned_file import TunedOptions, read_tuned

if TYPE_CHECKING:
    from benchmark.planning import PlannedCell


def with_tuned(
    cells: list[PlannedCell], path: Path | None, preset: str, notes: list[str]
) -> list[PlannedCell]:
    """The cells of a plan, each followed by the same under tuned options, where a file has them.

    Args:
        cells: With the default options.
        path: The file; None: the cells as they are.
        preset: Of the run.
        notes: Sentences for the user; added to.

    Raises:
        UsageError: The file cannot be read, or has nothing for any method of this run.
    """
    if path is None:
        return cells
    found = {options.arm: options for options in read_tuned(path)}
    both: list[PlannedCell] = []
    used: dict[tuple[str, str, str], list[PlannedCell]] = {}
    without: dict[str, None] = {}
    for cell in cells:
        both.append(cell)
        labels = cell.labels
        arm = (labels.method, labels.backbone, labels.transfer)
        if arm in found:
            used.setdefault(arm, []).append(cell)
            both.append(_tuned(cell, found[arm]))
        else:
            without[f"{labels.method} on {labels.backbone}{labels.transfer_text}"] = None
    if not used:
        names = ", ".join(f"{m} on {b} ({t})" for m, b, t in found) or "nothing"
        raise UsageError(
            f"--tuned {path} has options for no method of this run: it has {names}; tune these "
            "methods, or leave --tuned out"
        )
    notes += [f"{name} has no tuned options in {path}: default options only" for name in without]
    for arm, own in used.items():
        notes += _doubts(found[arm], own, preset)
    return both


def _tuned(cell: PlannedCell, options: TunedOptions) -> PlannedCell:
    from benchmark.planning import PlannedCell

    spec = with_values(cell.spec, options.values, tuned=True)
    labels = cell.labels.model_copy(update={"tuned": options.source})
    return PlannedCell(spec, labels)


def _doubts(options: TunedOptions, cells: Sequence[PlannedCell], preset: str) -> Iterator[str]:
    """What makes tuned options less than they could be, or a result more than it is."""
    source, name = options.source, f"{options.method} on {options.backbone}"
    method = registry("method").load(options.method)
    if method.version != options.method_version:
        yield (
            f"{name} was tuned as version {options.method_version} and is now {method.version}: "
            "tune it again"
        )
    if any(place.startswith("method.") for place in options.values) and not has_own_rate(method):
        yield f"{name} has no learning rate of its own any more: tune it again"
    if source.preset != preset:
        yield f"{name} was tuned under the preset {source.preset!r}, and this is {preset!r}"
    same = [cell for cell in cells if cell.labels.dataset == source.dataset]
    if same and source.score == "val":
        yield (
            f"{name} was tuned on labelled validation images of {source.dataset} itself, which "
            "few-shot users lack: report it on another dataset"
        )
    fewer = sorted({c.labels.shots for c in same if c.labels.shots < source.shots})
    if fewer:
        yield (
            f"{name} was tuned within {source.shots} labelled images of {source.dataset}: its rows "
            f"at {', '.join(map(str, fewer))} labelled images owe something to more of them"
        )
