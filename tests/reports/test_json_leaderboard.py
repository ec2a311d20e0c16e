"""The JSON leaderboard, read back as another program would."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.reports.building import build_tables
from benchmark.reports.json_leaderboard import (
    SCHEMA_VERSION,
    JsonLeaderboard,
    leaderboard_document,
)
from benchmark.reports.published import published_for
from benchmark.reports.tables import LeaderboardTable
from benchmark.store import Store
from tests.reports.judged_tables import HOSTILE, hostile_store, judged
from tests.reports.store_builder import FAILURE


def strict(text: str) -> Any:
    """Parsed by a reader that knows no NaN and no Infinity, as most programs do not."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def through_json(*tables: LeaderboardTable) -> list[dict[str, Any]]:
    """The tables as they are read from the file."""
    found: list[dict[str, Any]] = strict(json.dumps(leaderboard_document(tables)))["tables"]
    return found


@pytest.fixture(scope="module")
def document(store: Store) -> dict[str, Any]:
    text = JsonLeaderboard().render(store)
    assert text.endswith("}\n")
    found: dict[str, Any] = strict(text)
    return found


def table_of(store: Store, dataset: str, shots: int) -> LeaderboardTable:
    tables = build_tables(store)
    return next(t for t in tables if t.group.name == dataset and t.shots == shots)


def test_every_row_is_there_with_every_number_at_full_precision(
    store: Store, document: dict[str, Any]
) -> None:
    assert document["schema_version"] == SCHEMA_VERSION
    compared = 0
    for table, read in zip(build_tables(store), document["tables"], strict=True):
        assert (read["dataset"]["name"], read["shots"]) == (table.group.name, table.shots)
        assert read["notes"] == list(table.notes)
        assert [r["key"] for r in read["references"]] == [r.key for r in table.references]
        for row, line in zip(table.rows, read["rows"], strict=True):
            assert line["identity"] == row.identity._asdict()
            assert line["entries"]["mre"] == row.entries["mre"]
            assert line["entries"]["sdr@2.0"] == row.entries["sdr@2.0"]
            assert line["spreads"] == row.spreads
            compared += 1
    assert compared == 24


def test_columns_say_unit_and_direction_of_every_number(document: dict[str, Any]) -> None:
    columns = {column["key"]: column for column in document["tables"][0]["columns"]}
    assert (columns["mre"]["unit"], columns["mre"]["better"]) == ("mm", "lower")
    assert (columns["sdr@2.0"]["unit"], columns["sdr@2.0"]["better"]) == ("%", "higher")


def test_a_failed_seed_stands_beside_the_finished_ones_with_its_reason(
    document: dict[str, Any],
) -> None:
    seeds = [row["seeds"] for table in document["tables"] for row in table["rows"]]
    (failed,) = [line for line in seeds if line["failed"]]
    assert failed == {"done": [0], "failed": [{"seed": 1, "reason": FAILURE}]}
    assert sum(line["done"] == [0, 1] for line in seeds) == 23


def test_intervals_and_pairs_are_kept_with_all_that_they_say(store: Store) -> None:
    (read,) = through_json(judged(table_of(store, "phantom-hand", 50), margin=0.1))
    row = read["rows"][0]
    assert row["intervals"]["mre"] == {
        "estimate": row["entries"]["mre"],
        "low": 0.9 * row["entries"]["mre"],
        "high": 1.1 * row["entries"]["mre"],
        "level": 0.95,
    }
    assert len(read["pairs"]) == 15
    pair = read["pairs"][0]
    assert pair["first"] == read["rows"][0]["identity"]
    assert pair["second"] == read["rows"][1]["identity"]
    assert pair["difference"] == {"estimate": -0.3, "low": -0.5, "high": -0.1, "level": 0.95}
    assert (pair["p_value"], pair["adjusted_p_value"], pair["sign_flip_p_value"]) == (
        0.01,
        0.04,
        0.002,
    )
    assert pair["win_rate"]["estimate"] == 0.75
    assert (pair["margin"], pair["verdict"]) == (0.1, "equivalent")
    assert (pair["seeds"], pair["images"]) == (3, 30)


def test_an_end_without_a_bound_and_an_unknown_number_are_null(store: Store) -> None:
    table = judged(table_of(store, "phantom-hand", 50), low=-math.inf)
    (read,) = through_json(table)
    assert read["rows"][0]["intervals"]["mre"]["low"] is None
    assert read["rows"][0]["intervals"]["mre"]["high"] is not None


def test_numbers_of_numpy_are_written_as_numbers(store: Store) -> None:
    table = table_of(store, "phantom-hand", 50)
    entries: dict[str, Any] = {
        "mre": np.float32(1.5),
        "gain": np.int64(2),
        "p95": np.float64("nan"),
    }
    row = dataclasses.replace(table.rows[0], entries={**table.rows[0].entries, **entries})
    (read,) = through_json(dataclasses.replace(table, rows=(row,)))
    found = read["rows"][0]["entries"]
    assert (found["mre"], found["gain"], found["p95"]) == (1.5, 2, None)


def test_published_numbers_stand_apart_from_the_rows(document: dict[str, Any]) -> None:
    by_place = {(t["dataset"]["name"], t["shots"]): t for t in document["tables"]}
    read = by_place["cephalometric", 10]
    expected = published_for("cephalometric", 10)
    assert [entry["method"] for entry in read["published"]] == [r.method for r in expected]
    assert all(entry["source"] and entry["protocol"] for entry in read["published"])
    sdr = next(entry["sdr"] for entry in read["published"] if entry["method"] == "GU2Net")
    assert sdr == {"2": 77.79, "2.5": 84.65, "3": 89.41, "4": 94.93}
    ranked = {row["title"] for row in read["rows"]}
    assert not ranked & {result.method for result in expected}
    assert by_place["phantom-hand", 10]["published"] == []


def test_names_come_back_as_they_were_given(tmp_path: Path) -> None:
    (table,) = strict(JsonLeaderboard().render(hostile_store(tmp_path)))["tables"]
    assert table["dataset"]["title"] == HOSTILE
    assert {row["title"] for row in table["rows"]} == {"From scratch", HOSTILE}


def test_an_empty_store_gives_a_document_without_tables(tmp_path: Path) -> None:
    assert strict(JsonLeaderboard().render(Store(tmp_path)))["tables"] == []
