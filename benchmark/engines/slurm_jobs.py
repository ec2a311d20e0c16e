"""What submitit, and through it Slurm, is told of the jobs of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmark.engines.options import Resources, SlurmOptions
from benchmark.errors import UsageError

DAY_MINUTES = 24 * 60


def executor(folder: Path, cluster: str) -> Any:
    """submitit's executor.

    Raises:
        UsageError: submitit is not installed, or there is no Slurm.
    """
    try:
        import submitit
    except ImportError as error:
        raise UsageError(
            "--engine slurm needs submitit: pip install 'fewshot-landmark-benchmark[slurm]'"
        ) from error
    try:
        return submitit.AutoExecutor(folder=folder, cluster=cluster)
    except RuntimeError as error:
        raise UsageError(
            f"--engine slurm: there is no Slurm on this machine ({error}); give the command on a "
            "login node, or try things out with --set slurm.cluster=local"
        ) from error


def parameters(resources: Resources, options: SlurmOptions) -> dict[str, Any]:
    """What submitit is told; names that it passes on to Slurm carry its prefix."""
    gpus = resources.gpus or 0.0
    if gpus != int(gpus):
        raise UsageError(
            f"resources: {gpus:g} GPUs: Slurm gives whole ones; shares are for --engine ray"
        )
    told: dict[str, Any] = {
        "name": "landmarks",
        "tasks_per_node": 1,
        "cpus_per_task": resources.cpus or 1,
        "timeout_min": resources.minutes or DAY_MINUTES,
    }
    if resources.memory_gb is not None:
        told["mem_gb"] = resources.memory_gb
    if options.cluster == "local":
        told["gpus_per_node"] = int(gpus)
        return told
    if options.gres is None and gpus:
        told["gpus_per_node"] = int(gpus)
    told["slurm_array_parallelism"] = options.at_once
    for name in ("partition", "account", "qos", "constraint"):
        value = getattr(options, name)
        if value is not None:
            told[f"slurm_{name}"] = value
    if options.gres is not None and gpus:
        told["slurm_gres"] = options.gres
    return told
