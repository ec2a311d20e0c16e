"""A short campaign of crashes: a few kills, and nothing is lost, doubled or changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.crash_campaign import Campaign, Findings, Grid, descendants


@pytest.mark.slow
def test_a_grid_that_is_killed_a_few_times_ends_as_in_peace(tmp_path: Path) -> None:
    grid = Grid(shots=(5,), seeds=1, steps=60, reports="csv")
    found = Campaign(tmp_path, grid, kills=4, seed=2).run()
    assert sum(found.kills.values()) == 4
    assert found.cells == "2 of 2"
    assert list(found.failures()) == []


def test_every_kind_of_loss_is_found() -> None:
    good = Findings(cells="2 of 2", steps=100, computed=105)
    assert list(good.failures()) == []
    assert good.repeated == 0.05
    bad = Findings(
        cells="1 of 2",
        rewritten=["a"],
        differing=["b"],
        left_over=[".c"],
        steps=100,
        computed=106,
    )
    assert len(list(bad.failures())) == 5
    assert list(Findings(cells="2 of 2", steps=100, computed=99).failures()), "steps are missing"


def test_processes_below_a_process_are_found() -> None:
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    try:
        while len(descendants(process.pid)) < 1:
            assert process.poll() is None
        (child,) = descendants(process.pid)
        assert child != process.pid
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
