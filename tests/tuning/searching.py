"""Searches of seconds for the tests of tuning: planned, prepared and worked on in this process."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch

from benchmark.config import RunConfig
from benchmark.preparation import prepare
from benchmark.pretraining import Machine
from benchmark.progress import Listener, silent
from benchmark.requests import run_config
from benchmark.store import Store
from benchmark.tuning.objective import Bench
from benchmark.tuning.orders import TuningOrder, open_searches
from benchmark.tuning.plans import StudyPlan, plan_studies
from benchmark.tuning.search import Search

TINY = Path(__file__).parent.parent / "conf" / "tiny.toml"
PHANTOM = "phantom-cephalometric[train=12,test=3,size=64]"


def request(output: Path, *settings: str, trials: int = 3, **flags: Any) -> RunConfig:
    """Scratch alone, unless methods are named, on twelve phantoms."""
    tuning = {"trials": trials, **flags.pop("tuning", {})}
    values = {
        "preset": str(TINY),
        "datasets": PHANTOM,
        "methods": "scratch",
        "shots": "4",
        "device": "cpu",
        "threads": 1,
        "output": str(output),
        "tuning": tuning,
    }
    return run_config(values | flags, None, settings)


def plans(config: RunConfig) -> tuple[StudyPlan, ...]:
    """The searches of a run."""
    return plan_studies(config)[1]


def prepared(config: RunConfig) -> Store:
    """A store in which the dataset of a run lies."""
    store = Store(config.output)
    dataset = plans(config)[0].cells[0].dataset
    if not store.is_done("datasets", dataset.key):
        prepare(store, dataset, None)
    return store


def unguarded(key: str, lease: str) -> AbstractContextManager[None]:
    """No watch over pretrainings."""
    return nullcontext()


def bench(store: Store, listener: Listener = silent) -> Bench:
    """This process, on its CPU."""
    return Bench(store, Machine(torch.device("cpu"), ""), listener, unguarded)


def order(config: RunConfig, run: str = "run") -> TuningOrder:
    """What the workers of a command are told, when nothing has been done yet."""
    made = plans(config)
    budgets = {plan.key: plan.trials for plan in made}
    return TuningOrder(plans=made, budgets=budgets, run=run, storage=config.tuning.storage)


def searches(store: Store, config: RunConfig) -> list[Search]:
    """The searches as another process would open them."""
    return open_searches(store, order(config))
