"""The leaderboard's numbers, what it averages, what it never ranks and how it prints."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchmark.reports.building import build_tables
from benchmark.reports.columns import format_count, format_gain, format_seconds
from benchmark.reports.leaderboard import (
    EMPTY,
    escape_markdown,
    fold,
    print_leaderboard,
    render_csv,
    render_markdown,
)
from benchmark.reports.tables import LeaderboardTable, Row
from benchmark.store import Store
from tests.reports.store_builder import FAILURE, build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES, Data

HAND = DATASETS[0]
CONTROL_AND_DDPM = STRATEGIES[:2]


def small_store(root: Path, **changes: object) -> Store:
    """One dataset, scratch and DDPM, one number of shots, one seed, unless changed."""
    settings = {"datasets": [HAND], "strategies": CONTROL_AND_DDPM, "shots": [50], "seeds": [0]}
    return build_store(root, **(settings | {"failed": ()} | changes))  # type: ignore[arg-type]


def row_of(table: LeaderboardTable, method: str, backbone: str = "unet") -> Row:
    return next(r for r in table.rows if r.identity[:2] == (method, backbone))


def table_of(store: Store, dataset: str, shots: int) -> LeaderboardTable:
    tables = build_tables(store)
    return next(t for t in tables if t.group.name == dataset and t.shots == shots)


def printed(store: Store, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    print_leaderboard(store, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def errors_of(store: Store, row: Row) -> list[np.ndarray]:
    """The errors of each seed, computed anew from the points and the spacing."""
    seeds = []
    for cell in row.done:
        frame = pd.read_parquet(store.root / "cells" / cell.key / "predictions.parquet")
        dx = (frame["x"] - frame["x_true"]) * frame["spacing_x"]
        dy = (frame["y"] - frame["y_true"]) * frame["spacing_y"]
        seeds.append(((dx**2 + dy**2) ** 0.5).dropna().to_numpy())
    return seeds


def test_every_number_equals_a_computation_from_the_predictions(store: Store) -> None:
    compared = 0
    for table in build_tables(store):
        for row in table.ranked:
            seeds = errors_of(store, row)
            mres = [float(errors.mean()) for errors in seeds]
            assert row.entries["mre"] == pytest.approx(np.mean(mres), abs=1e-9)
            assert row.entries["median"] == pytest.approx(np.mean([np.median(e) for e in seeds]))
            assert row.entries["p95"] == pytest.approx(
                np.mean([np.percentile(e, 95) for e in seeds])
            )
            for threshold in table.group.thresholds:
                share = np.mean([100 * (errors <= threshold).mean() for errors in seeds])
                assert row.entries[f"sdr@{threshold}"] == pytest.approx(share, abs=1e-9)
            if len(mres) > 1:
                assert row.spreads["mre"] == pytest.approx(pd.Series(mres).std(), abs=1e-9)
            compared += 1
    assert compared == 24


def test_gain_compares_with_scratch_on_the_same_backbone_and_seeds(store: Store) -> None:
    table = table_of(store, "cephalometric", 10)
    for row in table.ranked:
        control = row_of(table, "scratch", row.identity.backbone)
        if row.identity.method == "scratch":
            assert row.entries["gain"] is None
            continue
        seeds = {cell.labels.seed for cell in row.done}
        mine = sum(cell.metrics.mre for cell in row.done if cell.metrics)
        theirs = sum(c.metrics.mre for c in control.done if c.metrics and c.labels.seed in seeds)
        assert row.entries["gain"] == pytest.approx(100 * (1 - mine / theirs))
    # One seed of SimCLR failed, so that it is compared over the other seed alone.
    assert len(row_of(table, "simclr").done) == 1


def test_gain_is_blank_where_scratch_was_fine_tuned_otherwise(tmp_path: Path) -> None:
    small_store(tmp_path, strategies=STRATEGIES[:1], spec_changes={"protocol": {"steps": 100}})
    store = small_store(tmp_path, strategies=STRATEGIES[1:2])
    assert row_of(build_tables(store)[0], "ddpm").entries["gain"] is None


def test_rows_are_sorted_by_mre_with_failed_rows_last(store: Store, tmp_path: Path) -> None:
    for table in build_tables(store):
        values = [row.number("mre") for row in table.ranked]
        assert values == sorted(value for value in values if value is not None)
    failed = small_store(tmp_path, failed=[(HAND.name, "ddpm", 50, 0)])
    rows = build_tables(failed)[0].rows
    assert [row.identity.method for row in rows] == ["scratch", "ddpm"]
    assert rows[1].entries["seeds"] == "0 of 1"
    assert rows[1].entries["mre"] is None


def test_floor_and_annotators_stand_below_the_table_and_are_never_ranked(store: Store) -> None:
    table = table_of(store, "cephalometric", 50)
    assert table.reference("floor") == pytest.approx(10.0)
    assert table.reference("annotators") == pytest.approx(1.13)
    assert {row.identity.method for row in table.rows} == {"scratch", "ddpm", "simclr", "imagenet"}
    # The annotators are closer than any method, and still stand last.
    text = printed(store, 120)
    start = text.index("Cephalograms (ISBI 2015), 50")
    block = text[start : text.index("Hand phantom", start)]
    last_row = max(block.index(row.title) for row in table.rows)
    assert last_row < block.index("Mean shape (floor)") < block.index("Between annotators")
    kinds = {
        line["method"]: line["kind"] for line in csv.DictReader(io.StringIO(render_csv(store)))
    }
    assert kinds["floor"] == kinds["annotators"] == "reference"
    assert kinds["scratch"] == "control"
    assert kinds["ddpm"] == "method"


def test_failed_cells_are_counted_and_their_sentence_shown_everywhere(store: Store) -> None:
    for text in (printed(store, 200), render_csv(store), render_markdown(store)):
        assert FAILURE in text
    assert "1 of 2" in printed(store, 80)
    assert "1 of 12 cells failed" in render_markdown(store)


def test_one_seed_has_no_spread_and_says_so(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    for text in (printed(store, 100), render_markdown(store)):
        assert "±" not in text
        assert "One seed: brackets and places hold for new images" in " ".join(text.split())
    line = next(csv.DictReader(io.StringIO(render_csv(store))))
    assert line["mre_sd"] == ""


def test_several_seeds_state_what_the_spread_is(store: Store) -> None:
    assert "95 % intervals for new seeds and new images, from 2 seeds" in printed(store, 100)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protocol": {"selection": "val"}}, "chosen on labelled validation images"),
        ({"dataset": {"allow_leaks": True}}, "films of test images"),
    ],
)
def test_what_weakens_a_result_is_marked_under_the_table(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    assert words in render_markdown(small_store(tmp_path / "marked", spec_changes=changes))
    assert words not in render_markdown(small_store(tmp_path / "plain"))


def test_other_options_make_another_row_and_a_column_that_tells_them_apart(tmp_path: Path) -> None:
    small_store(tmp_path)
    store = small_store(tmp_path, spec_changes={"protocol": {"steps": 400}})
    (table,) = build_tables(store)
    assert len(table.rows) == 4
    variants = {row.identity.variant for row in table.rows if row.identity.method == "ddpm"}
    assert len(variants) == 2
    assert any("steps=400" in variant for variant in variants)
    assert "variant" in [column.key for column in table.columns()]
    assert "steps=400" in printed(store, 100)


def test_other_presets_are_named_in_every_row(tmp_path: Path) -> None:
    small_store(tmp_path)
    store = small_store(tmp_path, preset="standard", spec_changes={"finetuning_steps": 900})
    (table,) = build_tables(store)
    variants = sorted(row.identity.variant for row in table.rows)
    assert variants == ["preset=quick"] * 2 + ["preset=standard"] * 2


def test_equal_settings_under_two_names_of_presets_are_one_row(tmp_path: Path) -> None:
    small_store(tmp_path)
    store = small_store(tmp_path, preset="mine.toml", seeds=[1])
    (table,) = build_tables(store)
    assert [len(row.done) for row in table.rows] == [2, 2]


def test_seeds_with_shared_and_with_own_pretraining_are_never_averaged(tmp_path: Path) -> None:
    small_store(tmp_path, seeds=[0, 1])
    shared = {"method": {"name": "ddpm"}, "seed": 0, "steps": 200}
    own = {"method": {"name": "ddpm"}, "seed": 1, "steps": 200}
    for pretraining in (shared, own):
        changes = {"pretraining": pretraining, "finetuning_steps": 7}
        store = small_store(tmp_path, seeds=[1], strategies=STRATEGIES[1:2], spec_changes=changes)
    (table,) = build_tables(store)
    rows = [row for row in table.rows if row.identity.method == "ddpm"]
    assert sorted(len(row.done) for row in rows) == [1, 1, 2]
    assert any("share one pretraining" in note for note in table.notes)


def test_other_images_under_one_name_are_another_table(tmp_path: Path) -> None:
    other = Data(**(vars(HAND) | {"test_images": 20}))
    small_store(tmp_path)
    store = small_store(tmp_path, datasets=[other])
    tables = build_tables(store)
    assert len(tables) == 2
    assert len({table.title for table in tables}) == 2


def test_cells_given_limit_what_is_shown(store: Store) -> None:
    cells = [cell for cell in store.cells() if cell.labels.shots == 10]
    assert {table.shots for table in build_tables(store, cells)} == {10}


@pytest.mark.parametrize("width", [80, 100, 120])
def test_terminal_table_fits_the_width_and_keeps_the_main_columns(store: Store, width: int) -> None:
    text = printed(store, width)
    assert max(len(line) for line in text.splitlines()) <= width
    for heading in ("Method", "MRE", "Gain", "SDR 2", "Seeds"):
        assert heading in text
    for row in build_tables(store)[0].ranked:
        assert f"{row.entries['mre']:.2f}" in text


def test_markup_in_names_is_text_in_the_terminal_and_in_markdown(tmp_path: Path) -> None:
    data = Data(**(vars(HAND) | {"title": "[red]<b>hand</b>|x[/nonsense]"}))
    store = small_store(tmp_path, datasets=[data])
    assert data.title in printed(store, 100)
    markdown = render_markdown(store)
    assert "<b>" not in markdown
    assert "hand&lt;/b&gt;\\|x" in markdown


def test_markdown_tables_have_as_many_fields_as_headings(store: Store) -> None:
    for block in render_markdown(store).split("\n## ")[1:]:
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count(" | ") for line in lines}) == 1


def test_csv_has_full_precision(store: Store) -> None:
    lines = list(csv.DictReader(io.StringIO(render_csv(store))))
    table = table_of(store, "phantom-hand", 50)
    ddpm = next(
        line
        for line in lines
        if (line["dataset"], line["shots"], line["method"]) == ("phantom-hand", "50", "ddpm")
    )
    assert float(ddpm["mre"]) == row_of(table, "ddpm").entries["mre"]
    assert ddpm["sdr@2.5"] == ""


def test_empty_store_gives_one_sentence(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert " ".join(printed(store, 100).split()) == EMPTY
    assert EMPTY in render_markdown(store)
    assert len(render_csv(store).splitlines()) == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.42, "0.4 s"), (64, "64 s"), (200, "3.3 min"), (5399, "90.0 min"), (7560, "2.1 h")],
)
def test_durations_have_one_unit(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_small_formats() -> None:
    assert format_count(2_510_000) == "2.51 M"
    assert format_gain(-12.34) == "−12.3"
    assert format_gain(-0.01) == "0.0"


@given(st.text(alphabet="ab_/ ", max_size=40), st.integers(3, 20))
def test_folding_loses_no_letter(text: str, width: int) -> None:
    assert "".join(fold(text, width).split()) == "".join(text.split())


@given(st.text(max_size=40))
def test_escaped_markdown_is_one_field_without_html(text: str) -> None:
    escaped = escape_markdown(text)
    assert "<" not in escaped
    assert "\n" not in escaped
    assert "|" not in escaped.replace("\\|", "")
