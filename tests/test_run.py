"""The main job end to end, on phantoms of 64 px: what it writes, and that it is not done twice."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from benchmark.schema import CellRecord
from benchmark.store import Store

if TYPE_CHECKING:
    from tests.conftest import CommandLine


@pytest.fixture(scope="module")
def finished(
    command_line: CommandLine,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """One run with every stage in it: three methods, two numbers of shots, one seed."""
    output = tmp_path_factory.mktemp("finished")
    asked = ("--methods", "ddpm,simclr,moco", "--shots", "3,5", "--reports", "html,csv,markdown")
    request = command_line.tiny_request(output, *asked)
    # What the command imports is told on its standard error, that of its workers nowhere.
    done = command_line.in_a_process(*request, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0, done.stdout + done.stderr
    return output, done


@pytest.fixture(scope="module")
def cells(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> list[CellRecord]:
    """Its cells."""
    return Store(finished[0]).cells()


def test_the_control_is_added_and_every_row_is_printed(
    finished: tuple[Path, subprocess.CompletedProcess[str]], cells: list[CellRecord]
) -> None:
    assert {c.labels.method for c in cells} == {"ddpm", "simclr", "moco", "scratch"}
    assert [c.status for c in cells] == ["done"] * 8
    for title in ("DDPM", "SimCLR", "MoCo v2", "From scratch"):
        assert title in finished[1].stdout
    assert "8 of 8 cells done" in finished[1].stdout


def test_the_command_itself_does_without_torch(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    imported = {line.rpartition("|")[2].strip() for line in finished[1].stderr.splitlines()}
    assert {"benchmark.running", "matplotlib"} <= imported
    assert not {"torch", "torchvision", "diffusers", "timm", "lightly"} & imported


def test_metrics_of_the_cell_equal_pandas_on_its_predictions(
    finished: tuple[Path, subprocess.CompletedProcess[str]], cells: list[CellRecord]
) -> None:
    for cell in cells:
        assert cell.metrics is not None
        frame = pd.read_parquet(finished[0] / "cells" / cell.key / "predictions.parquet")
        dx = (frame["x"] - frame["x_true"]) * frame["spacing_x"]
        dy = (frame["y"] - frame["y_true"]) * frame["spacing_y"]
        error = np.sqrt(dx**2 + dy**2)
        assert error.mean() == pytest.approx(cell.metrics.mre, abs=1e-9)
        assert frame["error"].mean() == pytest.approx(cell.metrics.mre, abs=1e-9)
        assert error.median() == pytest.approx(cell.metrics.median, abs=1e-9)
        for threshold, percent in cell.metrics.sdr.items():
            assert (error <= float(threshold)).mean() * 100 == pytest.approx(percent, abs=1e-9)
        assert len(frame) == 3 * 19 == cell.metrics.n_points


def test_all_methods_of_a_seed_train_on_the_same_ids_and_draws_are_nested(
    cells: list[CellRecord],
) -> None:
    draws = {(c.labels.shots, c.training_ids) for c in cells}
    assert len(draws) == 2
    by_shots = dict(draws)
    assert by_shots[5][:3] == by_shots[3]
    assert len(by_shots[5]) == 5


def test_all_shots_of_a_seed_share_one_pretraining(
    finished: tuple[Path, subprocess.CompletedProcess[str]], cells: list[CellRecord]
) -> None:
    assert len(Store(finished[0]).pretrainings()) == 3
    keys = {(c.labels.method, c.pretraining_key) for c in cells}
    assert len(keys) == 4
    assert ("scratch", None) in keys


def test_every_result_names_its_environment_with_the_thread_count(
    finished: tuple[Path, subprocess.CompletedProcess[str]], cells: list[CellRecord]
) -> None:
    environments = Store(finished[0]).environments()
    for cell in cells:
        record = environments[cell.environment]
        assert record.threads >= 1
        assert record.packages["torch"]


def test_every_account_of_time_begins_with_the_start_of_its_worker(
    finished: tuple[Path, subprocess.CompletedProcess[str]], cells: list[CellRecord]
) -> None:
    accounts = [cell.timings for cell in cells]
    accounts += [pretraining.timings for pretraining in Store(finished[0]).pretrainings()]
    for timings in accounts:
        # Next to nothing where the worker was forked with all its imports, but never nothing.
        assert timings.startup_seconds > 0
        assert timings.overhead is not None


def test_the_same_command_again_computes_nothing(
    command_line: CommandLine,
    finished: tuple[Path, subprocess.CompletedProcess[str]],
    cells: list[CellRecord],
) -> None:
    before = {c.key: (finished[0] / "cells" / c.key / "cell.json").stat().st_mtime for c in cells}
    again = command_line.tiny_run(finished[0], "--methods", "ddpm,simclr,moco", "--shots", "3,5")
    assert again.returncode == 0
    assert "8 of them before" in again.stdout
    assert "to compute" not in again.stdout
    after = {c.key: (finished[0] / "cells" / c.key / "cell.json").stat().st_mtime for c in cells}
    assert after == before


def test_the_reports_that_were_asked_for_are_written_and_the_page_loads_nothing(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    assert f"Report: {finished[0] / 'report.html'}" in finished[1].stdout
    assert not (finished[0] / "figures").exists()
    page = (finished[0] / "report.html").read_text()
    assert "<html" in page
    assert 'src="http' not in page
    assert "DDPM" in (finished[0] / "leaderboard.md").read_text()
    assert len(pd.read_csv(finished[0] / "leaderboard.csv")) >= 8


def test_status_leaderboard_and_dry_run_read_the_store(
    command_line: CommandLine,
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    status = command_line("status", "-o", finished[0]).stdout
    assert "8 cells done, 0 failed" in status
    assert re.search(r"\d+% of the cells' wall time trained no network: harness overhead", status)
    assert "DDPM" in command_line("leaderboard", "-o", finished[0]).stdout
    dry = command_line.tiny_run(finished[0], "--methods", "ddpm", "--shots", "5,6", "--dry-run")
    assert dry.returncode == 0
    assert "To do: 2 cells" in dry.stdout
    assert dry.stdout.count("done ") >= 2


def test_pretraining_notes_its_loss_beside_the_loss_of_knowing_nothing(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    for record in Store(finished[0]).pretrainings():
        assert isinstance(record.metrics["reference_loss"], float)
        assert isinstance(record.metrics["embedding_std"], float)
        assert record.steps == 3
    samples = list((finished[0] / "pretrained").glob("*/samples.png"))
    assert len(samples) == 1


def test_damaged_files_are_said_set_aside_and_computed_again(
    command_line: CommandLine,
    finished: tuple[Path, subprocess.CompletedProcess[str]],
    cells: list[CellRecord],
) -> None:
    output = finished[0]
    victim = next(c for c in cells if c.labels.method == "moco" and c.labels.shots == 5)
    original = (output / "cells" / victim.key / "predictions.parquet").read_bytes()
    (output / "cells" / victim.key / "cell.json").write_text('{"key": "cut off')
    weights = output / "pretrained" / str(victim.pretraining_key) / "backbone.safetensors"
    weights.write_bytes(weights.read_bytes()[:-40])
    again = command_line.tiny_run(output, "--methods", "ddpm,simclr,moco", "--shots", "3,5")
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("set aside as") == 2
    assert "1 of 8 cells to compute" in again.stdout
    record = Store(output).cell(victim.key)
    assert record is not None
    assert record.metrics == victim.metrics
    # The same seed and thread count give the same bytes.
    assert (output / "cells" / victim.key / "predictions.parquet").read_bytes() == original


def test_the_cell_file_holds_its_whole_specification(
    finished: tuple[Path, subprocess.CompletedProcess[str]], cells: list[CellRecord]
) -> None:
    content = json.loads((finished[0] / "cells" / cells[0].key / "cell.json").read_text())
    assert content["spec"]["protocol"]["steps"] == 4
    assert content["spec"]["protocol"]["version"] == 1
    assert content["spec"]["dataset"]["fingerprint"]
    assert content["floor"]["mre"] > 0
