"""The folder of cards: one a method and one a dataset, under names that files can bear."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from benchmark.files import key_of, write_record
from benchmark.reports.cards import card_name
from benchmark.reports.leaderboard import EMPTY
from benchmark.store import Store
from tests.reports.card_reading import (
    cards_of,
    small_store,
    table_lines,
)
from tests.reports.judged_tables import HOSTILE, hostile_store

SAFE = re.compile(r"[a-z0-9._-]+")


@pytest.fixture(scope="module")
def cards(store: Store) -> dict[str, str]:
    return cards_of(store)


def test_there_is_a_card_for_every_method_and_dataset_and_a_list_that_links_to_them(
    cards: dict[str, str],
) -> None:
    assert set(cards) == {
        "README.md",
        *(f"method-{name}.md" for name in ("scratch", "ddpm", "simclr", "imagenet")),
        *(f"dataset-{name}.md" for name in ("phantom-hand", "cephalometric")),
    }
    links = re.findall(r"^- \[(.+)\]\((.+)\)$", cards["README.md"], flags=re.MULTILINE)
    assert {target for _, target in links} == set(cards) - {"README.md"}
    for title, target in links:
        assert f"\n# {title}\n" in cards[target]


def test_data_that_no_cell_used_has_a_datasheet_too(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    (record,) = store.datasets()
    unused = record.model_copy(update={"key": "f" * 16, "name": "spare", "fingerprint": "9" * 64})
    (tmp_path / "datasets" / unused.key).mkdir()
    write_record(tmp_path / "datasets" / unused.key / "dataset.json", unused)
    assert "used in this store?** for nothing" in cards_of(store)["dataset-spare.md"]


def test_contents_of_one_name_have_a_datasheet_each_and_working_sizes_share_one(
    tmp_path: Path,
) -> None:
    store = small_store(tmp_path)
    (record,) = store.datasets()
    for key, change in (
        ("e" * 16, {"working_size": (320, 256)}),
        ("f" * 16, {"fingerprint": "9" * 64, "options": {"size": 64}}),
    ):
        (tmp_path / "datasets" / key).mkdir()
        changed = record.model_copy(update={"key": key, **change})
        write_record(tmp_path / "datasets" / key / "dataset.json", changed)
    sheets = {name: text for name, text in cards_of(store).items() if name.startswith("dataset")}
    assert len(sheets) == 2
    assert all(re.fullmatch(r"dataset-phantom-hand-\w{8}-\w{12}\.md", name) for name in sheets)
    first, other = sorted(sheets.values(), key=lambda text: "size=64" in text)
    assert "128 x 160 px and 256 x 320 px" in first
    assert "128 x 160 px," in other


@given(st.text(), st.text())
def test_two_names_never_share_a_file_even_where_case_is_ignored(first: str, second: str) -> None:
    assume(first != second)
    one, other = card_name("method", first), card_name("method", second)
    assert one.casefold() != other.casefold()
    assert SAFE.fullmatch(one)
    assert len(one) < 120


@pytest.mark.parametrize("name", ["A", "a b", "a/b", "../a", "", ".", "-", "ä", "a" * 300])
def test_a_name_that_files_cannot_bear_is_replaced_and_meets_no_other(name: str) -> None:
    found = card_name("method", name)
    assert re.fullmatch(r"method-[a-z0-9._-]*[0-9a-f]{12}\.md", found)
    # Nor does the name that was chosen meet it, where it is a method's name itself.
    taken = found.removeprefix("method-").removesuffix(".md")
    assert card_name("method", taken) != found


def test_names_of_methods_are_kept_where_they_can_be() -> None:
    assert card_name("method", "scratch-long") == "method-scratch-long.md"
    assert card_name("dataset", "v1.2_x") == "dataset-v1.2_x.md"
    assert card_name("dataset", "x") != card_name("dataset", "x", key_of("content"))


def test_hostile_names_are_text_in_markdown_and_in_the_front_matter(tmp_path: Path) -> None:
    yaml: Any = pytest.importorskip("yaml", reason="comes with diffusers' hub client")
    cards = cards_of(hostile_store(tmp_path))
    assert len(cards) == 4
    for name, text in cards.items():
        assert SAFE.fullmatch(name.casefold())
        head, body = ("", text) if name == "README.md" else text[4:].split("\n---\n", 1)
        assert "<script" not in body
        assert "\n---" not in body
        if name.startswith("dataset-"):
            assert yaml.safe_load(head)["pretty_name"] == HOSTILE
        elif head:
            (index,) = yaml.safe_load(head)["model-index"]
            assert index["name"] in ("From scratch", HOSTILE)
            assert index["results"][0]["dataset"]["name"] == HOSTILE
            assert table_lines(body, "Results")


def test_an_empty_store_has_a_list_that_says_so(tmp_path: Path) -> None:
    cards = cards_of(Store(tmp_path))
    assert set(cards) == {"README.md"}
    assert EMPTY in cards["README.md"]
