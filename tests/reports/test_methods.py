"""The table of methods: where its numbers come from, its order, and what it says of gaps."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmark.registry import registry
from benchmark.reports.methods import MethodsTable, render_methods
from benchmark.store import Store
from tests.reports.store_builder import FAILURE, build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES, Strategy

HAND = DATASETS[0]
PROBE = {"knn_age": 0.412, "knn_age_random": 0.151, "knn_mean": 0.3, "knn_mean_random": -0.021}


def small_store(root: Path, **changes: object) -> Store:
    """One dataset on one network, one number of shots, one seed, unless changed."""
    settings = {"datasets": [HAND], "strategies": STRATEGIES[:3], "shots": [50], "seeds": [0]}
    return build_store(root, **(settings | {"failed": ()} | changes))  # type: ignore[arg-type]


def edit(store: Store, pattern: str, method: str, change: dict[str, Any]) -> None:
    """Replace fields of the records of a method; those that are dictionaries are merged."""
    paths = list(store.root.glob(pattern))
    for path in paths:
        record = json.loads(path.read_text())
        if method in (record.get("method"), record.get("labels", {}).get("method")):
            for name, value in change.items():
                merged = isinstance(value, dict) and isinstance(record.get(name), dict)
                record[name] = record[name] | value if merged else value
            path.write_text(json.dumps(record))
    assert paths


def cells_of(markdown: str, section: str = "") -> dict[str, dict[str, str]]:
    """The first table of a section: by method, the texts by heading."""
    text = next(part for part in markdown.split("\n## ")[1:] if part.startswith(section))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heading = [name.strip() for name in lines[0].strip("|").split(" | ")]
    rows = {}
    for line in lines[2:]:
        texts = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(texts) != len(heading) or texts[0] == "Method":
            break
        rows[texts[0]] = dict(zip(heading, texts, strict=True))
    return rows


def test_every_run_writes_it_into_the_store() -> None:
    plugin = registry("report").load("methods")
    assert plugin is MethodsTable
    assert plugin.filename == "methods.md"


def test_what_a_method_is_comes_from_its_plugin(tmp_path: Path) -> None:
    rows = cells_of(render_methods(small_store(tmp_path)))
    plugin = registry("method").load("simclr")
    assert rows["SimCLR (simclr)"]["Family"] == plugin.family == "joint-embedding"
    assert rows["SimCLR (simclr)"]["Trained"] == "encoder"
    assert rows["SimCLR (simclr)"]["Source"] == plugin.citation
    assert rows["DDPM (ddpm)"]["Trained"] == "encoder and decoder"
    assert rows["From scratch (scratch)"]["Trained"] == "nothing"


def test_rows_stand_by_family_and_then_by_name(store: Store) -> None:
    rows = cells_of(render_methods(store), "Hand phantom, 50")
    families = [row["Family"] for row in rows.values()]
    assert families == ["control", "weights", "joint-embedding", "generative"]


def test_a_method_that_is_not_installed_keeps_its_row(tmp_path: Path) -> None:
    ours = Strategy("no-such-method", "Ours", "unet", 1.2)
    store = small_store(tmp_path, strategies=(*STRATEGIES[:2], ours))
    edit(store, "cells/*/cell.json", "no-such-method", {"labels": {"family": "dense"}})
    rows = cells_of(render_methods(store))
    assert list(rows) == ["From scratch (scratch)", "Ours (no-such-method)", "DDPM (ddpm)"]
    row = rows["Ours (no-such-method)"]
    assert (row["Family"], row["Trained"], row["Source"]) == ("dense", "–", "not installed here")
    assert float(row["MRE mm ↓"].split()[0]) > 0


def test_cost_is_a_pretraining_step_over_a_step_of_scratch(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    edit(store, "cells/*/cell.json", "scratch", {"timings": {"finetuning_seconds": 50.0}})
    edit(store, "pretrained/*/pretraining.json", "ddpm", {"seconds": 30.0, "steps": 60})
    row = cells_of(render_methods(store))["DDPM (ddpm)"]
    # (30 / 60) / (50 / 200), and 3200 images over 60 steps.
    assert row["Cost a step"] == "x2.0"
    assert row["Images a step"] == "53.33"


@pytest.mark.parametrize("field", ["backbone", "protocol", "dataset"])
def test_cost_is_blank_where_scratch_did_something_else(tmp_path: Path, field: str) -> None:
    store = small_store(tmp_path)
    edit(store, "cells/*/cell.json", "scratch", {"spec": {field: {"name": "another"}}})
    assert cells_of(render_methods(store), "")["DDPM (ddpm)"]["Cost a step"] == "–"


def test_cost_is_blank_where_the_hardware_was_another(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    path = next(store.root.glob("environments/*.json"))
    other = json.loads(path.read_text()) | {"id": "f" * 16, "gpu": "NVIDIA H200"}
    (path.parent / f"{'f' * 16}.json").write_text(json.dumps(other))
    edit(store, "pretrained/*/pretraining.json", "ddpm", {"environment": "f" * 16})
    rows = cells_of(render_methods(store))
    assert rows["DDPM (ddpm)"]["Cost a step"] == "–"
    assert rows["SimCLR (simclr)"]["Cost a step"].startswith("x")


def test_the_same_hardware_under_newer_software_is_compared(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    path = next(store.root.glob("environments/*.json"))
    newer = json.loads(path.read_text()) | {"id": "e" * 16, "git_revision": "1" * 40}
    (path.parent / f"{'e' * 16}.json").write_text(json.dumps(newer))
    edit(store, "pretrained/*/pretraining.json", "ddpm", {"environment": "e" * 16})
    assert cells_of(render_methods(store))["DDPM (ddpm)"]["Cost a step"].startswith("x")


def test_the_probe_is_shown_for_the_trained_and_the_random_network(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    assert "an attribute of the subjects" not in render_methods(store)
    edit(store, "pretrained/*/pretraining.json", "simclr", {"metrics": PROBE})
    text = render_methods(store)
    rows = cells_of(text)
    assert rows["SimCLR (simclr)"]["kNN R² / random"] == "0.30 / −0.02"
    assert rows["DDPM (ddpm)"]["kNN R² / random"] == "–"
    assert "| Method | age |\n| :--- | ---: |\n| SimCLR on unet | 0.41 / 0.15 |\n" in text


def test_numbers_are_means_over_the_seeds(tmp_path: Path) -> None:
    store = small_store(tmp_path, seeds=[0, 1])
    records = [r for r in store.pretrainings() if r.method == "simclr"]
    assert len(records) == 2
    for record, value in zip(records, (0.1, 0.4), strict=True):
        path = store.root / "pretrained" / record.key / "pretraining.json"
        metrics = record.metrics | {"knn_mean": value, "loss_first": 10 * value}
        path.write_text(record.model_copy(update={"metrics": metrics}).model_dump_json())
    row = cells_of(render_methods(store))["SimCLR (simclr)"]
    assert row["kNN R² / random"] == "0.25 / –"
    assert row["Loss first → last"] == "2.5 → 0.412"
    assert row["Reference"] == "3.43"
    assert re.fullmatch(r"[\d.]+ \\\[[\d.]+, [\d.]+\\\]", row["MRE mm ↓"])


def test_losses_say_what_knowing_nothing_would_cost(tmp_path: Path) -> None:
    text = render_methods(small_store(tmp_path))
    assert cells_of(text)["SimCLR (simclr)"]["Loss first → last"] == "3.5 → 0.412"
    assert "- Reference loss of SimCLR: the loss of guessing among the batch." in text


def test_a_failed_cell_keeps_its_row_and_gives_its_reason(tmp_path: Path) -> None:
    store = small_store(tmp_path, failed=[(HAND.name, "simclr", 50, 0)])
    text = render_methods(store)
    row = cells_of(text)["SimCLR (simclr)"]
    assert row["MRE mm ↓"] == "failed"
    assert row["Loss first → last"] == "3.5 → 0.412"
    assert FAILURE in text


def test_lost_pretrainings_and_environments_leave_blanks(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    for path in [*store.root.glob("pretrained/*/*.json"), *store.root.glob("environments/*")]:
        path.unlink()
    text = render_methods(store)
    row = cells_of(text)["DDPM (ddpm)"]
    blank = ("Cost a step", "Images a step", "kNN R² / random", "Loss first → last", "Reference")
    assert {row[name] for name in blank} == {"–"}
    assert "- Hardware: not recorded" in text


def test_pipes_in_names_make_no_new_cell(tmp_path: Path) -> None:
    odd = Strategy("odd", "A | B", "unet", 1.2)
    text = render_methods(small_store(tmp_path, strategies=(STRATEGIES[0], odd)))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert any("A \\| B (odd)" in row for row in rows)
    assert len({row.replace("\\|", "").count("|") for row in rows}) == 1


def test_each_table_says_how_it_was_made(store: Store) -> None:
    text = render_methods(store)
    assert "    python -m benchmark run --shots 10,50\n" in text
    section = next(s for s in text.split("\n## ") if s.startswith("Hand phantom, 10"))
    assert "- Dataset: phantom-hand (Hand phantom), synthetic images\n- Shots: 10\n" in section
    assert "- Preset: quick\n" in section
    assert "AMD EPYC" in section
    assert "Network" in section
    assert len(text.split("\n## ")) == 5


def test_an_empty_store_says_how_to_fill_it(tmp_path: Path) -> None:
    assert "python -m benchmark run" in render_methods(Store(tmp_path))
