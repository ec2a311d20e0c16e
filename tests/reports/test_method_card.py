"""The model cards: the numbers of the tables, the words of the plugins, and the limits of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmark.registry import registry
from benchmark.reports.building import build_tables
from benchmark.reports.cards import method_cards
from benchmark.reports.method_card import NOT_INSTALLED
from benchmark.reports.model_index import COORDINATES
from benchmark.store import Store
from tests.reports.card_reading import (
    HAND,
    bullets,
    cards_of,
    rewrite_dataset,
    small_store,
    table_lines,
)
from tests.reports.judged_tables import hostile_store, judged
from tests.reports.store_builder import FAILURE
from tests.reports.synthetic_data import STRATEGIES


@pytest.fixture(scope="module")
def cards(store: Store) -> dict[str, str]:
    return cards_of(store)


def test_every_row_stands_in_the_results_with_its_error_gain_and_seeds(
    store: Store, cards: dict[str, str]
) -> None:
    compared = 0
    for table in build_tables(store):
        for row in table.rows:
            lines = table_lines(cards[f"method-{row.identity.method}.md"], "Results")
            place = (table.group.title, str(table.shots), row.identity.backbone)
            (line,) = [x for x in lines if tuple(x[name] for name in COORDINATES[:3]) == place]
            assert line["MRE"].startswith(f"{row.number('mre'):.2f} ")
            assert line["MRE"].endswith(" mm")
            assert line["SDR"] == f"{row.number('sdr@2.0'):.1f} % within 2 mm"
            assert line["Seeds"] == row.entries["seeds"]
            gain = row.number("gain")
            assert gain is None or line["Gain over scratch (%)"].startswith(f"{gain:+.1f}")
            compared += 1
    assert compared == 24


def test_the_error_of_a_card_has_its_interval(store: Store) -> None:
    (table,) = [t for t in build_tables(store) if (t.group.name, t.shots) == ("phantom-hand", 50)]
    table = judged(table)
    card = method_cards(store, [table])["method-ddpm.md"]
    (row,) = [row for row in table.rows if row.identity.method == "ddpm"]
    error = row.number("mre")
    assert error is not None
    (line,) = table_lines(card, "Results")
    assert line["MRE"] == f"{error:.2f} \\[{0.9 * error:.2f}, {1.1 * error:.2f}\\] mm"
    assert line["Place"] == f"{table.rows.index(row) + 1}"
    assert "95 % intervals" in card


def test_the_hub_reads_the_results_at_full_precision(store: Store) -> None:
    hub: Any = pytest.importorskip("huggingface_hub", reason="comes with diffusers")
    tables = [judged(table) for table in build_tables(store)]
    read = hub.ModelCard(method_cards(store, tables)["method-ddpm.md"]).data
    assert (read.license, read.library_name) == ("other", "fewshot-landmark-benchmark")
    assert (read.model_name, read.pipeline_tag) == ("DDPM", "keypoint-detection")
    found = {
        (r.dataset_type, r.dataset_args["labelled_images"]): (r.metric_value, r.metric_args)
        for r in read.eval_results
        if r.metric_type == "mre"
    }
    expected = {
        (table.group.name, table.shots): (
            row.number("mre"),
            {"low": row.intervals["mre"].low, "high": row.intervals["mre"].high, "level": 0.95},
        )
        for table in tables
        for row in table.rows
        if row.identity.method == "ddpm"
    }
    assert found == expected
    sdr = [r for r in read.eval_results if r.metric_type == "sdr"]
    assert len(sdr) == 2 * 3 + 2 * 4


def test_a_card_says_what_the_plugin_says_of_itself(cards: dict[str, str]) -> None:
    plugin = registry("method").load("ddpm")
    card = cards["method-ddpm.md"]
    assert (plugin.__doc__ or "").partition("\n")[0] in card
    assert f"- **Citation:** {plugin.citation}" in card
    assert f": {plugin.licence}" in card.replace(":**", ":")
    assert "- **Parts pretrained:** encoder and decoder" in card
    assert "- **Parts pretrained:** encoder\n" in cards["method-simclr.md"]
    assert "- **Pretraining data:** the unlabelled images" in card
    assert "- **Family:** generative" in card
    assert 'license: "apache-2.0"' in cards["method-scratch.md"]


def test_a_method_that_is_not_installed_has_a_card_that_says_so(tmp_path: Path) -> None:
    cards = cards_of(hostile_store(tmp_path))
    (name,) = (
        set(cards)
        - {"README.md", "method-scratch.md"}
        - {name for name in cards if name.startswith("dataset-")}
    )
    assert NOT_INSTALLED in cards[name]
    assert "- **Citation:** Not recorded." in cards[name]
    assert NOT_INSTALLED not in cards["method-scratch.md"]


def test_options_stand_with_every_value_that_they_had_and_their_meaning(tmp_path: Path) -> None:
    for width in (16, 32):
        options = {"temperature": width / 100, "limit": None}
        method = {"name": "simclr", "version": 2, "options": options}
        small_store(tmp_path, strategies=STRATEGIES[2:3], spec_changes={"method": method})
    card = cards_of(Store(tmp_path))["method-simclr.md"]
    line, other = table_lines(card, "Options")
    assert (other["Option"], other["Value"]) == ("limit", "none")
    assert (line["Option"], line["Value"]) == ("temperature", "0.16 or 0.32")
    assert line["Meaning"].startswith("0.1 to 0.5 in the paper")
    assert "pretraining of 200 steps with 16 images each, fine-tuning of 200 steps" in card


def test_a_file_among_the_options_is_told_by_name_and_content_and_not_by_path(
    tmp_path: Path,
) -> None:
    method = {
        "name": "ddpm",
        "version": 1,
        "options": {"file": "/home/somebody/secret/weights.pth"},
        "files": {"file": "12345678" * 8},
    }
    store = small_store(tmp_path, strategies=STRATEGIES[1:2], spec_changes={"method": method})
    card = cards_of(store)["method-ddpm.md"]
    assert table_lines(card, "Options")[0]["Value"] == "weights.pth (sha256 12345678)"
    assert "somebody" not in "".join(cards_of(store).values())


def test_costs_stand_with_the_hardware(cards: dict[str, str]) -> None:
    lines = table_lines(cards["method-ddpm.md"], "Cost")
    assert {(line["Pretrain"], line["Parameters"]) for line in lines} == {("83 s", "2.51 M")}
    assert "Measured on:** AMD EPYC, 2 cores" in cards["method-ddpm.md"]
    assert "Pretrain" not in table_lines(cards["method-scratch.md"], "Cost")[0]


def test_limits_name_synthetic_images_failures_and_controls_where_they_are(
    cards: dict[str, str],
) -> None:
    limits = {name: bullets(text, "Limits") for name, text in cards.items() if "method" in name}
    assert all("Hand phantom: synthetic images" in text for text in limits.values())
    assert all("Cephalograms (ISBI 2015): synthetic" not in text for text in limits.values())
    assert FAILURE in limits["method-simclr.md"]
    assert "10 labelled images: SimCLR on unet, seed 1 failed" in limits["method-simclr.md"]
    assert FAILURE not in limits["method-ddpm.md"]
    assert "one seed" in limits["method-simclr.md"]
    assert "one seed" not in limits["method-ddpm.md"]
    assert "A control and no pretraining" in limits["method-scratch.md"]
    assert "A control" not in limits["method-ddpm.md"]


def test_limits_name_validation_labels_and_leaks_that_were_left_in(tmp_path: Path) -> None:
    plain = small_store(tmp_path / "plain")
    text = bullets(cards_of(plain)["method-ddpm.md"], "Limits")
    assert "validation images" not in text
    assert "films of test images" not in text
    other = small_store(tmp_path / "other", spec_changes={"protocol": {"selection": "val"}})
    rewrite_dataset(other, leaks_allowed=True)
    text = bullets(cards_of(other)["method-ddpm.md"], "Limits")
    assert "chosen on labelled validation images" in text
    assert "films of test images were left in the pretraining pool" in text


def test_a_method_that_never_finished_has_a_card_without_results_for_the_hub(
    tmp_path: Path,
) -> None:
    store = small_store(tmp_path, failed=[(HAND.name, "ddpm", 50, 0)])
    card = cards_of(store)["method-ddpm.md"]
    assert "model-index" not in card
    assert table_lines(card, "Results")[0]["MRE"] == "failed"
    assert "Nothing finished." in card
    assert FAILURE in bullets(card, "Limits")
