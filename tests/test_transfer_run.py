"""All transfers in one run on phantoms of 64 px, and twice the same predictions."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from rich.console import Console

from benchmark.cell import run_cell
from benchmark.planning import Plan, make_plan
from benchmark.preparation import prepare
from benchmark.pretraining import Machine, run_pretraining
from benchmark.rendering import print_leaderboard
from benchmark.requests import run_config
from benchmark.store import Store

MACHINE = Machine(torch.device("cpu"), "none")


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Two methods under four transfers, with their controls."""
    return make_plan(
        run_config(
            {
                "preset": str(Path(__file__).parent / "conf" / "tiny.toml"),
                "datasets": "phantom-cephalometric[train=10,test=3,size=64]",
                "shots": "5",
                "methods": "ddpm,simclr",
                "transfer": "whole,encoder,frozen,frozen@10",
            }
        )
    )


@pytest.fixture(scope="module")
def store(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The plan, done in this process."""
    store = Store(tmp_path_factory.mktemp("runs"))
    prepare(store, plan.cells[0].spec.dataset, None)
    wanted = {c.spec.pretraining.key: c.spec.pretraining for c in plan.cells if c.spec.pretraining}
    for pretraining in wanted.values():
        run_pretraining(store, pretraining, MACHINE)
    for cell in plan.cells:
        run_cell(store, cell.spec, cell.labels, "tiny", MACHINE)
    return store


def test_all_transfers_stand_in_one_leaderboard_over_one_pretraining_a_method(store: Store) -> None:
    cells = {(c.labels.method, c.labels.transfer): c for c in store.cells()}
    ddpm = {("ddpm", name) for name in ("whole", "encoder", "frozen", "frozen@10")}
    others = {(m, name) for m in ("simclr", "scratch") for name in ("whole", "frozen")}
    assert set(cells) == ddpm | others
    assert len(store.pretrainings()) == 2
    errors = {cell.metrics.mre for cell in cells.values() if cell.metrics}
    assert len(errors) == len(cells)

    console = Console(width=80, file=io.StringIO(), color_system=None)
    print_leaderboard(store, console)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    titles = {"ddpm": "DDPM", "simclr": "SimCLR", "scratch": "From scratch"}
    for method, transfer in cells:
        assert any(x.startswith(titles[method]) and f" {transfer} " in x for x in lines), transfer


def test_a_cell_at_a_time_step_repeats_to_the_bit(plan: Plan, store: Store) -> None:
    cell = next(c for c in plan.cells if c.labels.transfer == "frozen@10")
    path = store.root / "cells" / cell.key / "predictions.parquet"
    first = pd.read_parquet(path)
    shutil.rmtree(path.parent)  # Finished work would not be replaced.
    run_cell(store, cell.spec, cell.labels, "again", MACHINE)
    pd.testing.assert_frame_equal(pd.read_parquet(path), first, check_exact=True)
    assert path.with_name("cell.json").read_text().count('"again"') == 1
