"""Stores for the tests of the cards, and their cards taken apart again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from benchmark.files import write_record
from benchmark.reports.cards import FOLDER, Cards
from benchmark.schema import DatasetRecord
from benchmark.store import Store
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES

HAND = DATASETS[0]


def cards_of(store: Store) -> dict[str, str]:
    files = Cards().files(store)
    assert all(name.startswith(FOLDER) for name in files)
    return {name.removeprefix(FOLDER): str(text) for name, text in files.items()}


def small_store(root: Path, **changes: Any) -> Store:
    """Scratch and DDPM on the hand phantom, one number of shots and one seed, unless changed."""
    settings = {"datasets": [HAND], "strategies": STRATEGIES[:2], "shots": [50], "seeds": [0]}
    return build_store(root, **(settings | {"failed": ()} | changes))


def rewrite_dataset(store: Store, **changes: Any) -> DatasetRecord:
    """Change the record of the only dataset of a store."""
    (record,) = store.datasets()
    changed = record.model_copy(update=changes)
    write_record(store.root / "datasets" / record.key / "dataset.json", changed)
    return changed


def table_lines(card: str, section: str) -> list[dict[str, str]]:
    """The lines of the table of a section, by heading; every line must have as many cells."""
    block = card.partition(f"## {section}\n")[2].partition("\n## ")[0]
    lines = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in block.splitlines()
        if line.startswith("|")
    ]
    headings, rule, *rows = lines
    assert set(rule) == {"---"}
    return [dict(zip(headings, row, strict=True)) for row in rows]


def bullets(card: str, section: str) -> str:
    block = card.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return "\n".join(line for line in block.splitlines() if line.startswith("- "))
