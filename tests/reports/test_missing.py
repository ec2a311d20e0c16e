"""What an interrupted run has done and what is left: by name where the store tells it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.grid import CellSpec
from benchmark.reports.building import build_tables
from benchmark.reports.html import HtmlReport
from benchmark.reports.missing import MissingCells, Outstanding, identity, outstanding
from benchmark.reports.missing import table_progress as progress_of
from benchmark.schema import CellRecord
from benchmark.store import Store
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS, STRATEGIES

HAND, HEAD = DATASETS
SCRATCH, DDPM, SIMCLR = STRATEGIES[:3]


def interrupted(root: Path, lost: Callable[[CellRecord], bool]) -> Store:
    """Two datasets, two strategies, two shots and two seeds, without the cells that are lost."""
    store = build_store(root, strategies=[SCRATCH, DDPM], shots=[10, 50], seeds=[0, 1], failed=())
    for cell in store.cells():
        if lost(cell):
            shutil.rmtree(root / "cells" / cell.key)
    return store


def missing_in(store: Store) -> Outstanding:
    return outstanding(store, store.cells(), build_tables(store))


def test_a_finished_run_misses_nothing(tmp_path: Path) -> None:
    found = missing_in(interrupted(tmp_path, lambda cell: False))
    assert found == Outstanding((), 0, "")


def test_missing_cells_are_named_by_dataset_shots_strategy_and_seeds(tmp_path: Path) -> None:
    store = interrupted(
        tmp_path,
        lambda cell: (
            cell.labels.method == "ddpm"
            and (cell.labels.dataset == HAND.name or cell.labels.seed == 1)
        ),
    )
    found = missing_in(store)
    assert found.unnamed == 0
    # DDPM has no cell on the hand: its spec is that on the heads with the data of the hand.
    assert set(found.groups) == {
        MissingCells(HAND.title, 10, "DDPM on unet", (0, 1)),
        MissingCells(HAND.title, 50, "DDPM on unet", (0, 1)),
        MissingCells(HEAD.title, 10, "DDPM on unet", (1,)),
        MissingCells(HEAD.title, 50, "DDPM on unet", (1,)),
    }
    assert found.command == "python -m benchmark run --shots 10,50"


def test_shots_that_only_the_command_names_are_found(tmp_path: Path) -> None:
    store = interrupted(tmp_path, lambda cell: cell.labels.shots == 10)
    found = missing_in(store)
    assert found.unnamed == 0
    assert {group.shots for group in found.groups} == {10}
    lines = {(line.dataset, line.shots): line for line in progress_of(build_tables(store), found)}
    assert (lines[HAND.title, 10].done, lines[HAND.title, 10].missing) == (0, 4)
    assert (lines[HAND.title, 50].done, lines[HAND.title, 50].missing) == (4, 0)


def test_a_method_of_which_nothing_has_finished_is_counted_and_not_guessed(tmp_path: Path) -> None:
    store = interrupted(tmp_path, lambda cell: cell.labels.method == "ddpm")
    found = missing_in(store)
    assert found.groups == ()
    assert found.unnamed == found.total == 8


def test_a_cell_whose_spec_does_not_give_its_key_names_nothing(tmp_path: Path) -> None:
    store = interrupted(tmp_path, lambda cell: cell.labels.seed == 1)
    for cell in store.cells():
        path = tmp_path / "cells" / cell.key / "cell.json"
        path.write_text(path.read_text().replace('"learning_rate": 0.002', '"learning_rate": 0.1'))
    assert missing_in(store).unnamed == 8


@pytest.mark.parametrize("transfer", ["whole", "frozen"])
def test_identity_is_what_the_key_of_a_cell_covers(transfer: str) -> None:
    choice = {
        "name": "weights",
        "version": 1,
        "options": {"file": "/data/a.safetensors", "strict": True},
        "files": {"file": "ab" * 32},
    }
    data = {
        "dataset": {"name": "hand", "version": 1, "options": {}},
        "title": "Hand",
        "fingerprint": "0" * 16,
        "working_size": (160, 128),
    }
    backbone = {"name": "unet", "options": {}}
    spec = CellSpec.model_validate(
        {
            "dataset": data,
            "method": choice,
            "backbone": backbone,
            "shots": 10,
            "seed": 0,
            "protocol": {},
            "finetuning_steps": 200,
            "pretraining": {
                "dataset": data,
                "method": choice,
                "backbone": backbone,
                "steps": 10,
                "batch_size": 4,
                "precision": "float32",
                "seed": 0,
            },
            "transfer": transfer,
        }
    )
    assert identity(spec.model_dump(mode="json") | {"preset": "quick"}) == spec.identity()


def test_the_first_screen_says_what_is_done_and_lists_what_is_missing(tmp_path: Path) -> None:
    store = interrupted(
        tmp_path,
        lambda cell: (
            (cell.labels.dataset, cell.labels.method, cell.labels.seed) == (HEAD.name, "ddpm", 1)
        ),
    )
    page = HtmlReport().render(store)
    first_screen = page[page.index('id="answer"') : page.index('id="leaderboard"')]
    assert "14 of 16 cells finished, 2 not computed yet." in first_screen
    assert f"{HEAD.title}, 10 labelled images: DDPM on unet, seed 1" in first_screen
    assert "python -m benchmark run --shots 10,50" in first_screen


def test_a_run_stopped_before_its_first_cell_says_so(tmp_path: Path) -> None:
    page = HtmlReport().render(interrupted(tmp_path, lambda cell: True))
    assert "0 of 16 cells finished, 16 not computed yet." in page
    assert "16 cells of methods" in page
