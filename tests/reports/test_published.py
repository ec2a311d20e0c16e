"""The file of published numbers, and that nothing in it is taken for ours."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from benchmark.registry import registry
from benchmark.reports.building import build_tables
from benchmark.reports.leaderboard import render_markdown
from benchmark.reports.published import (
    CONFIDENCE,
    PublishedResult,
    published_beside,
    published_for,
    published_results,
)
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES, Data

VALID: Mapping[str, Any] = {
    "dataset": "hand",
    "method": "SCN",
    "labels": "all",
    "mre": 0.66,
    "unit": "mm",
    "sdr": {"4": 99.3, "2": 95.0},
    "source": "Payer et al., 2019",
    "protocol": "Three-fold cross-validation.",
    "confidence": "recalled",
}
by_name = pytest.mark.parametrize(
    "result", published_results(), ids=lambda r: f"{r.dataset}-{r.labels}-{r.method}"
)


@by_name
def test_every_number_says_where_it_is_from_and_how_it_was_measured(
    result: PublishedResult,
) -> None:
    assert len(result.source) > 10
    assert any(year in result.source for year in ("2019", "202"))
    assert result.protocol.endswith(".")
    assert ". " not in result.protocol, "one sentence"
    assert result.confidence in CONFIDENCE


@by_name
def test_every_number_is_of_a_dataset_here_and_in_a_plausible_range(
    result: PublishedResult,
) -> None:
    plugin = registry("dataset").load(result.dataset)
    unit = str(vars(plugin)["unit"])
    assert result.unit in (unit, unit.partition("@")[0])
    assert set(result.sdr) <= set(vars(plugin)["thresholds"])
    low, high = (0.3, 5.0) if result.unit == "mm" else (2.0, 10.0)
    assert low < result.mre < high
    # The mean is the area under the share beyond each radius, which steps bound from below.
    radii, beyond = [0.0, *result.sdr], [1 - percent / 100 for percent in result.sdr.values()]
    widths = [wide - narrow for narrow, wide in itertools.pairwise(radii)]
    assert result.mre >= sum(w * share for w, share in zip(widths, beyond, strict=True))


def test_sdr_that_falls_with_the_threshold_is_refused() -> None:
    assert list(PublishedResult.model_validate(VALID).sdr.items()) == [(2.0, 95.0), (4.0, 99.3)]
    with pytest.raises(ValidationError, match="a larger threshold cannot hold fewer"):
        PublishedResult.model_validate({**VALID, "sdr": {"2": 95.0, "4": 94.0}})


@pytest.mark.parametrize(
    "change",
    [
        {"source": ""},
        {"protocol": ""},
        {"confidence": "certain"},
        {"mre": 0.0},
        {"mre": float("inf")},
        {"labels": 0},
        {"labels": "many"},
        {"sdr": {"2": 101.0}},
        {"year": 2019},
    ],
    ids=str,
)
def test_an_entry_that_lacks_something_or_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PublishedResult.model_validate({**VALID, **change})


def test_numbers_from_memory_are_never_called_read() -> None:
    told = {(r.dataset, r.labels, r.method): r.confidence for r in published_results()}
    assert told["cephalometric", "all", "GU2Net"] == "recalled"
    assert told["cephalometric", 25, "CDPM-Align"] == "second-hand"
    assert told["cephalometric", "all", "SCN with learnable Gaussians"] == "calculated"
    assert told["cephalometric", 1, "SCP, chosen template"] == "read"


def test_the_numbers_beside_a_table_have_its_labels_or_all_few_labels_first() -> None:
    found = published_for("cephalometric", 25)
    assert {result.labels for result in found} == {25, "all"}
    assert {result.dataset for result in found} == {"cephalometric"}
    places = [(result.labels == "all", result.mre) for result in found]
    assert places == sorted(places)
    assert {result.labels for result in published_for("cephalometric", 26)} == {"all"}
    assert published_for("phantom-hand", 25) == ()


def test_few_labels_and_the_best_of_all_labels_stand_under_the_rows_unranked(
    tmp_path: Path,
) -> None:
    data = [dataset for dataset in DATASETS if dataset.name == "cephalometric"]
    store = build_store(
        tmp_path, datasets=data, strategies=STRATEGIES[:1], failed=(), shots=[25], seeds=[0]
    )
    (table,) = build_tables(store)
    lines = {line.title: line.entries for line in table.published}
    assert lines["Published: CDPM-Align, 25 labels"] == {"mre": 1.54, "sdr@2.0": 77.52}
    full = [title for title in lines if "all 150 labels" in title]
    assert full == ["Published: MedSapiens + LoRA, all 150 labels"]
    assert [row.identity.method for row in table.ranked] == ["scratch"]
    assert not any(line in table.references for line in table.published)
    text = render_markdown(store)
    assert "Published: CDPM-Align, 25 labels" in text
    assert "quoted in the repository cfm-poc" in text


def test_numbers_in_another_unit_stand_in_no_column(tmp_path: Path) -> None:
    chest = Data(**(vars(DATASETS[1]) | {"name": "chest", "unit": "px@512"}))
    store = build_store(
        tmp_path, datasets=[chest], strategies=STRATEGIES[:1], failed=(), shots=[25], seeds=[0]
    )
    (table,) = build_tables(store)
    assert {result.unit for result in published_beside(table)} == {"px", "px@512"}
    assert [line.entries["mre"] for line in table.published] == [5.57]


def test_a_folder_with_the_name_of_a_public_dataset_gets_no_published_numbers(
    tmp_path: Path,
) -> None:
    data = [dataset for dataset in DATASETS if dataset.name == "cephalometric"]
    settings: dict[str, Any] = {"datasets": data, "strategies": STRATEGIES[:1], "failed": ()}
    own = build_store(tmp_path / "own", shots=[10], **settings)
    (table,) = build_tables(own)
    assert published_beside(table) == published_for("cephalometric", 10)
    plugin = {"name": "folder", "version": 1, "options": {}}
    spec = {"dataset": {"dataset": plugin, "fingerprint": "f" * 16}}
    other = build_store(tmp_path / "other", shots=[10], spec_changes=spec, **settings)
    (table,) = build_tables(other)
    assert table.group.name == "cephalometric"
    assert published_beside(table) == ()
