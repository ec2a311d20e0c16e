"""Provenance: the machine and the software behind a result."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.files import key_of
from benchmark.schema import EnvironmentRecord

if TYPE_CHECKING:
    import torch

PACKAGES = (
    "torch",
    "torchvision",
    "lightly",
    "diffusers",
    "timm",
    "segmentation-models-pytorch",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "pillow",
    "pydantic",
)


def package_versions() -> dict[str, str]:
    """Installed versions of the packages that can change a result, and our own."""
    versions = {}
    for name in ("fewshot-landmark-benchmark", *PACKAGES):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    import benchmark

    versions["benchmark"] = benchmark.__version__
    return versions


def cpu_name() -> str:
    """The processor's name as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def git_revision() -> str | None:
    """The commit of the checkout that this code runs from, ``+`` where it has been changed."""
    folder = Path(__file__).parent
    if not (folder.parent / ".git").exists():
        return None

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *arguments],
                capture_output=True,
                text=True,
                timeout=10,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    return commit + ("+" if git("status", "--porcelain") else "") if commit else None


def describe(
    device: str,
    precision: str,
    threads: int,
    gpu: str | None,
    revision: str | None,
    *,
    bfloat16_speedup: float | None = None,
    processes: int = 1,
) -> EnvironmentRecord:
    """The record of this machine; its id follows from its content."""
    content = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cores": cores(),
        "threads": threads,
        "gpu": gpu,
        "device": device,
        "precision": precision,
        "bfloat16_speedup": bfloat16_speedup,
        "git_revision": revision,
        "packages": package_versions(),
    }
    if processes > 1:
        content["processes"] = processes
    return EnvironmentRecord.model_validate({"id": key_of(content), **content})


def peak_memory_mb() -> float:
    """The largest resident memory of this process so far, MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in kilobytes, macOS in bytes.
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def peak_gpu_memory_mb(device: torch.device) -> float | None:
    """The largest allocation of this process on a GPU so far, MB; None on anything else."""
    if device.type != "cuda":
        return None
    import torch

    return torch.cuda.max_memory_allocated(device) / 1024**2
