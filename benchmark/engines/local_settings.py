"""How many workers a machine has, with how many threads each, and on which of its GPUs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from benchmark.config import CHECKPOINT_SECONDS
from benchmark.engines.gpus import grouped, visible_gpus
from benchmark.engines.limits import Limits
from benchmark.environment import cores

# More workers than this seldom fit into memory: each takes about 1 GB.
MOST_WORKERS = 8


@dataclass(frozen=True)
class LocalSettings:
    """How many processes, how many threads in each, and where they compute.

    Attributes:
        workers: Processes at a time.
        threads: Threads of torch in each; part of the environment record, because results are
            bit-identical for one thread count only.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: The protocol's setting, for the environment record.
        gpus: Ids of the GPUs that workers are pinned to, in turn; empty on a CPU. Where a training
            has several, an entry names as many.
        plugins: Files with further plugins.
        limits: What a worker may take.
        checkpoint_seconds: Between two checkpoints of a training.
        devices: Processes at one training.
    """

    workers: int
    threads: int
    device: str = "auto"
    precision: str = "auto"
    gpus: tuple[str, ...] = ()
    plugins: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=Limits)
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    devices: int = 1


def local_settings(
    workers: int | None,
    threads: int | None,
    device: str,
    precision: str = "auto",
    plugins: tuple[Path, ...] = (),
    devices: int = 1,
) -> LocalSettings:
    """Fill in what the user left open: two workers a GPU, else a worker a core.

    Two, so that one may train while the other starts, reads or evaluates; a task that fills a GPU
    has it to itself.

    Raises:
        UsageError: A training is to have more GPUs than there are.
    """
    gpus = grouped(visible_gpus() if device != "cpu" else (), devices)
    on_gpus = max(len(gpus), min(2 * len(gpus), cores()))
    count = workers or (on_gpus if gpus else max(1, min(cores(), MOST_WORKERS) // devices))
    return LocalSettings(
        workers=count,
        threads=threads or max(1, cores() // (count * devices)),
        device=device,
        precision=precision,
        gpus=gpus,
        plugins=plugins,
        devices=devices,
    )
