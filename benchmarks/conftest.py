"""The devices that the benchmarks run on."""

from __future__ import annotations

import os

import pytest

# One thread, which gives the same order of work on every machine, and is what a worker has.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="this torch sees no GPU")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=GPU)])
def device(request: pytest.FixtureRequest) -> torch.device:
    """The CPU, and a GPU where there is one."""
    return torch.device(request.param)
