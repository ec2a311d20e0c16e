"""Recipes: which cells count as one row, where an option names a file."""

from __future__ import annotations

from benchmark.reports.recipes import recipes_of, variant_names
from benchmark.schema import CellLabels, CellRecord


def cell(key: str, file: str, digest: str, seed: int) -> CellRecord:
    """A cell whose weights came from a file."""
    method = {
        "name": "checkpoint",
        "options": {"file": file, "least_match": 0.9},
        "files": {"file": digest * 64},
    }
    return CellRecord(
        key=key,
        status="done",
        spec={"method": method, "pretraining": {"method": method, "seed": None}, "seed": seed},
        labels=CellLabels(
            dataset="d", method="checkpoint", title="t", backbone="unet", shots=5, seed=seed
        ),
    )


def test_a_file_is_told_by_its_content_and_called_by_its_first_name() -> None:
    cells = [
        cell("a", "/here/first.pth", "1", 0),
        cell("b", "/there/moved.pth", "1", 1),
        cell("c", "/here/first.pth", "2", 0),
    ]
    recipes = recipes_of(cells)
    assert recipes["a"] == recipes["b"] != recipes["c"]
    names = variant_names(cells, recipes)
    assert names["a"] == names["b"] == "file=first.pth (11111111)"
    assert names["c"] == "file=first.pth (22222222)"
