"""With what options and budgets a method ran in a store, for its model card."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.reports.markdown_tables import fact_lines, markdown_table

if TYPE_CHECKING:
    from benchmark.plugins import Method
    from benchmark.schema import CellRecord

UNKNOWN = "an unknown number of"


def option_lines(cells: Iterable[CellRecord], plugin: type[Method] | None) -> Iterator[str]:
    """A table of the options with every value that they had, and the budgets.

    Args:
        cells: The cells of the method.
        plugin: For what the options mean; None where it is not installed.
    """
    values: dict[str, set[str]] = defaultdict(set)
    versions, budgets = set(), set()
    for cell in cells:
        choice = _part(cell.spec, "method")
        versions.add(str(choice.get("version", "not recorded")))
        budgets.add(_budget(cell))
        for option, text in _texts(choice):
            values[option].add(text)
    fields = plugin.Options.model_fields if plugin else {}
    meanings = {option: field.description or "" for option, field in fields.items()}
    rows = [(o, " or ".join(sorted(texts)), meanings.get(o, "")) for o, texts in values.items()]
    yield from markdown_table(("Option", "Value", "Meaning"), rows) if rows else ("None.", "")
    facts = {"Version of the plugin": " and ".join(sorted(versions))}
    yield from fact_lines((facts | {"Budget": "; ".join(sorted(budgets))}).items())


def _texts(choice: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The options of a spec; a file by name and content, for where it lay is the user's matter."""
    files = _part(choice, "files")
    for option, value in _part(choice, "options").items():
        if option in files:
            yield option, f"{Path(str(value)).name} (sha256 {str(files[option])[:8]})"
        else:
            yield option, _text(value)


def _text(value: Any) -> str:
    """A value as the command line takes it."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _budget(cell: CellRecord) -> str:
    """The preset and the steps of both stages."""
    pretraining = _part(cell.spec, "pretraining")
    parts = [f"preset {cell.spec['preset']}"] if cell.spec.get("preset") else []
    if pretraining.get("steps") == 0:
        parts.append("weights from elsewhere")
    elif pretraining:
        steps, batch = (pretraining.get(name, UNKNOWN) for name in ("steps", "batch_size"))
        parts.append(f"pretraining of {steps} steps with {batch} images each")
    parts.append(f"fine-tuning of {cell.spec.get('finetuning_steps', UNKNOWN)} steps")
    return ", ".join(parts)


def _part(spec: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = spec.get(name)
    return part if isinstance(part, Mapping) else {}
