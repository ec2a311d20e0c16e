"""Several processes at one training: the numbers of one process, whatever the loss compares."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmark import parallel
from benchmark.backbones import parse_backbone
from benchmark.engines.gpus import grouped
from benchmark.errors import UsageError
from benchmark.weights import initial_backbone
from tests import team_training


class Pair:
    """Stands in for a team of two of which this process is the first."""

    rank, size = 0, 2


@pytest.fixture
def of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_team", Pair())


@pytest.mark.slow
def test_two_processes_have_the_losses_and_gradients_of_one(repository: Path) -> None:
    program = Path(team_training.__file__)
    done = subprocess.run(
        [sys.executable, str(program), "2"],
        env=os.environ | {"PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    together = json.loads(done.stdout.splitlines()[-1])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    alone = team_training.numbers()
    torch.set_num_threads(threads)
    assert together.keys() == alone.keys()
    for name in alone:
        assert len(alone[name]) >= team_training.STEPS
        # Biases before a normalisation have no gradient but what rounding leaves of it.
        tolerance = 1e-3 if name == "gradients" else 1e-6
        assert together[name] == pytest.approx(alone[name], rel=1e-4, abs=tolerance), name


@pytest.mark.usefixtures("of_two")
def test_a_batch_that_cannot_be_divided_is_refused() -> None:
    network = initial_backbone(parse_backbone(team_training.NETWORK, {}), 0)
    parallel.ensure_shareable(nn.ModuleList([network]), 8)
    with pytest.raises(UsageError, match="batch of 9 images cannot be divided"):
        parallel.ensure_shareable(nn.ModuleList([network]), 9)


@pytest.mark.usefixtures("of_two")
def test_a_backbone_that_normalises_over_the_batch_is_refused_unless_it_is_frozen() -> None:
    network = initial_backbone(parse_backbone("timm/resnet10t", {}), 0)
    with pytest.raises(UsageError, match="normalises over the batch"):
        parallel.ensure_shareable(nn.ModuleList([network]), 8)
    parallel.ensure_shareable(nn.ModuleList([network.eval()]), 8)


@pytest.mark.usefixtures("of_two")
def test_nothing_is_shared_outside_a_training() -> None:
    network = initial_backbone(parse_backbone(team_training.NETWORK, {}), 0)
    # The stand-in could neither share nor gather.
    assert network.embed(torch.zeros(4, 1, 64, 64)).shape == (4, 16)


def test_gpus_are_given_to_trainings_in_whole_groups() -> None:
    assert grouped(("0", "1", "2", "3", "4"), 2) == ("0,1", "2,3")
    assert grouped(("5",), 1) == ("5",)
    assert grouped((), 2) == ()
    with pytest.raises(UsageError, match="this machine has 1 GPUs"):
        grouped(("0",), 2)
