"""The datasheets: what the record of a dataset answers, and nothing made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.registry import registry
from benchmark.schema import Leak
from benchmark.store import Store
from tests.reports.card_reading import (
    bullets,
    cards_of,
    rewrite_dataset,
    small_store,
    table_lines,
)
from tests.reports.synthetic_data import DATASETS


@pytest.fixture(scope="module")
def cards(store: Store) -> dict[str, str]:
    return cards_of(store)


def test_a_datasheet_answers_from_the_record_and_says_what_nobody_recorded(
    cards: dict[str, str],
) -> None:
    sheet = cards["dataset-cephalometric.md"]
    for section in (
        "Motivation Composition Collection Preprocessing Uses Distribution Maintenance"
    ).split():
        assert f"\n## {section}\n" in sheet
        assert bullets(sheet, section)
    counts = {line["Split"]: line["Images"] for line in table_lines(sheet, "Composition")}
    assert counts == {"train": "60", "val": "10", "test": "30", "pool": "69"}
    for fact in (
        "- **Landmarks:** 6: sella, nasion, orbitale, porion, menton, gonion",
        "- **Thresholds of the success detection rate:** 2, 2.5, 3, 4 mm",
        "annotators on the test images:** 1.13 mm",
        "1, kept out of the pretraining: test-02 as pool-4 (correlation 0.998).",
        "128 x 160 px",
        "Spacing is 0.1 mm per native pixel along both axes.",
        "- **Consent and ethical review:** Not recorded.",
        "DDPM, From scratch, ImageNet, SimCLR, with 10, 50 labelled images",
        "- **Licence or terms of use:** research only",
    ):
        assert fact in sheet
    assert "\nRadiographs.\n" in sheet
    phantom = cards["dataset-phantom-hand.md"]
    assert "\nSynthetic images: computed, not acquired.\n" in phantom
    assert "annotators on the test images:** Not recorded." in phantom


def test_a_datasheet_counts_leaks_and_says_when_they_were_left_in(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    leaks = tuple(Leak(pool_id=f"p{n}", test_id=f"t{n}", correlation=0.98) for n in range(11))
    rewrite_dataset(store, leaks=leaks, leaks_allowed=True)
    sheet = cards_of(store)["dataset-phantom-hand.md"]
    assert "11, left in at the user's word: t0 as p0" in sheet
    assert "t7 as p7 (correlation 0.980), and 3 more." in sheet
    rewrite_dataset(store, leaks=(), leaks_allowed=False)
    assert "also in the pool:** None found." in cards_of(store)["dataset-phantom-hand.md"]


def test_the_place_to_get_a_dataset_is_told_for_the_plugins_own_data_only(tmp_path: Path) -> None:
    plugin = registry("dataset").load("cephalometric")
    store = small_store(tmp_path, datasets=[DATASETS[1]])
    rewrite_dataset(store, citation=plugin.citation)
    assert "can be had:** Not recorded." not in cards_of(store)["dataset-cephalometric.md"]
    rewrite_dataset(store, citation="your own data")
    assert "can be had:** Not recorded." in cards_of(store)["dataset-cephalometric.md"]
