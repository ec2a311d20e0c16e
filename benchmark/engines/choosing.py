"""The engine that a run asks for, with its settings."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.config import RunConfig
from benchmark.engines.base import Display, Engine
from benchmark.engines.limits import Limits
from benchmark.engines.local import LocalEngine
from benchmark.engines.local_settings import LocalSettings, local_settings
from benchmark.engines.options import ALL_METHODS, Resources
from benchmark.environment import cores
from benchmark.errors import UsageError
from benchmark.registry import registry
from benchmark.store import Store


@dataclass(frozen=True)
class Choice:
    """An engine before it begins.

    Attributes:
        place: Where tasks will run, as it ends the sentence "3 cells to compute on".
        workers: Tasks at a time.
        threads: Threads of torch in each.
        decoders: Processes that may decode images.
        start: Makes the engine.
    """

    place: str
    workers: int
    threads: int
    decoders: int
    start: Callable[[Store, Display], Engine]


def choose_engine(config: RunConfig) -> Choice:
    """The engine of a run; for Ray this connects to the cluster.

    Raises:
        UsageError: What it needs is not installed or not there, or a setting will not do.
    """
    local = local_settings(
        config.workers,
        config.threads,
        config.device,
        config.protocol.precision,
        config.plugins,
        config.devices,
    )
    local = replace(
        local,
        limits=Limits(config.time_limit, config.silence_limit, config.memory_limit),
        checkpoint_seconds=config.checkpoint_seconds,
    )
    if config.engine == "local":
        threads = f"{local.threads} thread{'s' * (local.threads > 1)} each"
        return Choice(
            f"{local.workers} workers with {threads}",
            local.workers,
            local.threads,
            local.workers,
            lambda store, display: LocalEngine(store, local, display),
        )
    _ensure_methods_known(config)
    if config.threads is not None:
        general = config.resources.get(ALL_METHODS, Resources())
        asked = {ALL_METHODS: general.over(Resources(cpus=config.threads))}
        config = config.model_copy(update={"resources": config.resources | asked})
    return _ray(config, local) if config.engine == "ray" else _slurm(config, local)


def _ensure_methods_known(config: RunConfig) -> None:
    """Refuse resources for a method that there is not: they would be left unused in silence."""
    known = [*registry("method").names(), ALL_METHODS]
    for name in config.resources:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "see `list methods`"
            raise UsageError(f"resources.{name}: there is no method of that name; {hint}")


def _ray(config: RunConfig, local: LocalSettings) -> Choice:
    from benchmark.engines.ray import RayEngine, RaySettings
    from benchmark.engines.ray_cluster import Cluster

    cluster = Cluster(config.address)
    # Datasets are prepared here before anything else runs, one after the other.
    decoders = cores()
    settings = RaySettings(
        config.ray,
        config.resources,
        replace(local, workers=1, gpus=()),
        config.workers,
    )

    def start(store: Store, display: Display) -> Engine:
        return RayEngine(store, settings, display, cluster)

    general = config.resources.get(ALL_METHODS, Resources())
    room = cluster.room(general)
    workers = min(config.workers or room, room) or 1
    nodes = cluster.nodes()
    place = f"Ray, {nodes} node{'s' * (nodes > 1)} with room for {room} tasks at a time"
    return Choice(place, workers, general.cpus or 1, decoders, start)


def _slurm(config: RunConfig, local: LocalSettings) -> Choice:
    from benchmark.engines.slurm import SlurmEngine, SlurmSettings
    from benchmark.engines.slurm_jobs import executor

    general = config.resources.get(ALL_METHODS, Resources())
    options = config.slurm
    if config.workers is not None:
        options = options.model_copy(update={"at_once": config.workers})
    settings = SlurmSettings(options, config.resources, local)
    # Where there is no Slurm, this says so before anything is computed.
    executor(Path(config.output) / "jobs", options.cluster)

    def start(store: Store, display: Display) -> Engine:
        return SlurmEngine(store, settings, display)

    at_once = options.at_once if options.cluster == "slurm" else min(options.at_once, cores())
    place = f"Slurm, arrays of at most {at_once} jobs at a time"
    if options.cluster == "local":
        place = f"{at_once} of submitit's local jobs at a time"
    return Choice(place, at_once, general.cpus or 1, general.cpus or 1, start)
