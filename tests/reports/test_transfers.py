"""Rows of several transfers in a table: told apart, compared with their control, explained."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from benchmark.reports.building import build_tables
from benchmark.reports.html import HtmlReport
from benchmark.reports.leaderboard import render_csv, render_markdown
from benchmark.reports.tables import LeaderboardTable
from benchmark.store import Store
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES
from tests.reports.test_leaderboard import printed

TRANSFERS = ("whole", "encoder", "frozen", "frozen@50")


def store_of(root: Path, *transfers: str, preset: str = "quick") -> Store:
    """Scratch and DDPM on one dataset; encoder and frozen@50 have no scratch of their own."""
    store = Store(root)
    for transfer in transfers:
        own = transfer in ("whole", "frozen")
        store = build_store(
            root,
            datasets=[DATASETS[0]],
            strategies=STRATEGIES[:2] if own else STRATEGIES[1:2],
            shots=[50],
            seeds=[0, 1],
            failed=(),
            preset=preset,
            transfer=transfer,
        )
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """All four transfers in one store."""
    return store_of(tmp_path_factory.mktemp("transfers"), *TRANSFERS)


@pytest.fixture(scope="module")
def table(store: Store) -> LeaderboardTable:
    """Its only table."""
    (table,) = build_tables(store)
    return table


def test_each_transfer_has_a_row_of_its_own_without_becoming_a_variant(
    table: LeaderboardTable,
) -> None:
    assert {row.identity for row in table.rows} == {
        *(("ddpm", "unet", transfer, "") for transfer in TRANSFERS),
        *(("scratch", "unet", transfer, "") for transfer in ("whole", "frozen")),
    }
    assert all(len(row.done) == 2 for row in table.rows)


def test_gains_are_measured_over_scratch_of_the_transfer_that_can_have_one(
    table: LeaderboardTable,
) -> None:
    controls = {
        row.identity.transfer: row.number("mre")
        for row in table.rows
        if row.identity.method == "scratch"
    }
    assert controls["whole"] != controls["frozen"]
    for row in table.rows:
        name = row.identity.transfer
        control = controls["frozen" if name.startswith("frozen") else "whole"]
        if row.identity.method == "ddpm":
            expected = 100 * (1 - (row.number("mre") or 0) / (control or 1))
            assert row.number("gain") == pytest.approx(expected)
            found = table.control_of(row)
            assert found is not None
            assert found.number("mre") == control


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_the_transfers_and_what_they_mean(store: Store, width: int) -> None:
    text = printed(store, width)
    assert all(len(line) <= width for line in text.splitlines())
    lines = text.splitlines()
    assert any(line.startswith("Method") and "Transfer" in line for line in lines)
    for name in TRANSFERS:
        assert any(line.startswith("DDPM") and f" {name} " in line for line in lines)
    assert "encoder: only the pretrained encoder is loaded" in " ".join(text.split())


def test_a_table_of_whole_networks_does_not_speak_of_transfers(tmp_path: Path) -> None:
    store = store_of(tmp_path, "whole")
    assert "ransfer" not in render_markdown(store)
    assert "ransfer" not in printed(store, 80)
    rows = list(csv.DictReader(io.StringIO(render_csv(store))))
    assert {r["transfer"] for r in rows if r["kind"] != "reference"} == {"whole"}


def test_a_table_of_one_other_transfer_says_which(tmp_path: Path) -> None:
    store = store_of(tmp_path, "frozen")
    assert "| Transfer |" in render_markdown(store)
    assert "frozen: the pretrained network stays as it is" in render_markdown(store)


def test_csv_always_names_the_transfer(store: Store) -> None:
    rows = list(csv.DictReader(io.StringIO(render_csv(store))))
    assert {r["transfer"] for r in rows if r["method"] == "ddpm"} == set(TRANSFERS)


def test_the_page_draws_each_pretraining_once_and_each_transfer_in_a_line_of_its_own(
    store: Store, table: LeaderboardTable
) -> None:
    page = HtmlReport().render(store)
    assert page.count("<figcaption><strong>DDPM on unet</strong>") == 1
    for name in TRANSFERS[1:]:
        assert f"DDPM on unet, {name}" in page
    assert table.notes[-1].split(";")[0] in page
    assert "compare methods within a transfer" in page


def test_presets_and_transfers_together_are_still_told_apart(tmp_path: Path) -> None:
    store_of(tmp_path, "whole", "frozen", preset="quick")
    store = store_of(tmp_path, "whole", "frozen", preset="standard")
    (table,) = build_tables(store)
    assert len({row.identity for row in table.rows}) == len(table.rows)
