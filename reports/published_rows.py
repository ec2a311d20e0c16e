"""Which cells follow the recipe of the paper's released code, and how rows of them are marked."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmark.config import load_protocol

if TYPE_CHECKING:
    from benchmark.schema import CellRecord

MARK = "published"
IN_PART = "published in part"
NAMED_AT_MOST = 4


def protocol_mark(cell: CellRecord) -> str:
    """``published`` under the whole recipe, ``published in part`` under some of it, else empty."""
    protocol = _protocol(cell)
    if "published" not in protocol:
        return ""
    return MARK if not _departures(protocol) else IN_PART


def chosen_on_validation(protocol: object) -> bool:
    """Whether labelled validation images had a say in the weights, from a cell's protocol."""
    if not isinstance(protocol, Mapping):
        return False
    switches = protocol.get("published")
    follows = isinstance(switches, Mapping) and (
        switches.get("plateau") or switches.get("patience")
    )
    return protocol.get("selection") in ("val", "val-loss") or bool(follows)


def published_note(cells: Sequence[CellRecord]) -> str:
    """A sentence about the marked rows among these; empty where there are none."""
    marks = {protocol_mark(cell) for cell in cells} - {""}
    if not marks:
        return ""
    own = {text for cell in cells if protocol_mark(cell) for text in _departures(_protocol(cell))}
    but = f", but for {', '.join(sorted(own))}" if own else ""
    if len(own) > NAMED_AT_MOST:
        but = ", in part"
    return (
        "Rows under protocol=published were fine-tuned by the recipe of the paper's released code "
        f"(docs/published-protocol.md){but}; their errors stand here in our own metric, and "
        "`leaderboard --metric published` has them in the paper's."
    )


def _protocol(cell: CellRecord) -> Mapping[str, Any]:
    protocol = cell.spec.get("protocol")
    return protocol if isinstance(protocol, Mapping) else {}


def _departures(protocol: Mapping[str, Any]) -> list[str]:
    """``path=value`` of what is not as in the recipe."""
    return [
        f"{path}={json.dumps(_at(protocol, path))}"
        for path, wanted in _recipe()
        if _at(protocol, path) != wanted
    ]


@functools.cache
def _recipe() -> tuple[tuple[str, Any], ...]:
    return tuple(_leaves(load_protocol(MARK)))


def _leaves(table: Mapping[str, Any], start: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in table.items():
        nested = isinstance(value, Mapping)
        found += _leaves(value, f"{start}{name}.") if nested else [(f"{start}{name}", value)]
    return found


def _at(values: Any, path: str) -> Any:
    for name in path.split("."):
        values = values.get(name) if isinstance(values, Mapping) else None
    return values
