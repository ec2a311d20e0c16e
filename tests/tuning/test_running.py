"""The command `tune` as a whole: workers, the table, the file, and starting it again."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmark.planning import make_plan
from benchmark.store import Store
from benchmark.tuning.running import dry_run, tune
from benchmark.tuning.tuned_file import read_tuned
from tests.tuning.searching import plans, request


def console() -> Console:
    return Console(file=io.StringIO(), width=160)


def text(printed: Console) -> str:
    assert isinstance(printed.file, io.StringIO)
    return printed.file.getvalue()


@pytest.mark.slow
def test_a_tuning_ends_in_a_file_that_a_run_takes_and_started_again_has_nothing_to_do(
    tmp_path: Path,
) -> None:
    flags = {"methods": "simclr", "trials": 2, "workers": 2, "tuning": {"folds": 2}}
    config = request(tmp_path / "runs", **flags)  # type: ignore[arg-type]
    first = console()
    assert tune(config, "python -m benchmark tune", None, first) == 0
    told = text(first)
    for name in ("simclr unet", "scratch unet"):
        assert sum(f"done    {name} trial" in line for line in told.splitlines()) == 2
    assert "4 trials to do for 2 methods and controls, 2 each, scored on 2 folds" in told
    store = Store(config.output)
    assert [record.counted for record in store.studies()] == [2, 2]
    assert not store.leases.holders()
    file = config.output / "tuned.toml"
    assert {options.method for options in read_tuned(file)} == {"simclr", "scratch"}
    assert "How much options matter" in (config.output / "report.html").read_text()
    assert list((config.output / "figures").glob("tuning-simclr-*-protocol-learning-rate.png"))

    again = console()
    assert tune(config, "python -m benchmark tune", tmp_path / "other.toml", again) == 0
    assert "All trials are done." in text(again)
    assert "trial 0:" not in text(again)
    assert read_tuned(tmp_path / "other.toml") == read_tuned(file)

    run = config.model_copy(update={"tuned": file})
    made = [(cell.labels.method, cell.labels.options) for cell in make_plan(run).cells]
    assert made == [
        ("simclr", "default"),
        ("simclr", "tuned"),
        ("scratch", "default"),
        ("scratch", "tuned"),
    ]


def test_a_dry_run_shows_the_spaces_and_computes_nothing(tmp_path: Path) -> None:
    config = request(tmp_path / "runs", methods="simclr", trials=5)
    printed = console()
    assert dry_run(config, printed) == 0
    for study in plans(config):
        assert study.name in text(printed)
    assert "learning rate of the pretraining" in text(printed)
    assert "10 trials to do for 2 methods and controls, 5 each" in text(printed)
    assert not config.output.exists()
