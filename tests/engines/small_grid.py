"""A grid of seconds for the tests of engines: planned, and computed without any report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmark.config import RunConfig
from benchmark.engines.base import Engine, Outcome, Silent
from benchmark.engines.choosing import choose_engine
from benchmark.planning import make_plan
from benchmark.requests import run_config
from benchmark.store import Store
from benchmark.tasks import outstanding


def request(output: Path, repository: Path, **flags: Any) -> RunConfig:
    """One method and its control on ten phantoms, twice fine-tuned."""
    values = {
        "preset": str(repository / "tests" / "conf" / "tiny.toml"),
        "datasets": "phantom-cephalometric[train=10,test=3,size=64]",
        "methods": "ddpm",
        "shots": "3,5",
        "device": "cpu",
        "threads": 1,
        "output": str(output),
    }
    return run_config(values | flags)


def compute(config: RunConfig, display: Silent) -> Outcome:
    """All of a grid, by the engine that the run asks for."""
    store = Store(config.output)
    store.ensure_writable()
    work = outstanding(make_plan(config), store, config.preset, 1, mend=True)
    engine: Engine = choose_engine(config).start(store, display)
    outcome = engine.run(work.tasks)
    assert len(outcome.done) + len(outcome.failed) == len(work.tasks)
    return outcome
