"""The GPUs of this machine, and how the local engine gives them to its workers."""

from __future__ import annotations

import os
import shutil
import subprocess

from benchmark.errors import UsageError


def visible_gpus() -> tuple[str, ...]:
    """The ids of the GPUs, without importing torch."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return tuple(part for part in chosen.split(",") if part and part != "-1")
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        listed = subprocess.run(
            [program, "-L"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    count = sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    return tuple(str(number) for number in range(count)) if listed.returncode == 0 else ()


def grouped(gpus: tuple[str, ...], devices: int) -> tuple[str, ...]:
    """The GPUs in groups of as many as a training has; what is left over stays idle.

    Raises:
        UsageError: They do not make one group.
    """
    if gpus and len(gpus) < devices:
        raise UsageError(f"--devices {devices}: this machine has {len(gpus)} GPUs; ask for fewer")
    count = len(gpus) // devices
    return tuple(",".join(gpus[n * devices : (n + 1) * devices]) for n in range(count))


def workers_on_gpu(slot: int, busy: int, gpus: int) -> int:
    """How many of ``busy`` workers are on the GPU of a slot: GPUs are given to slots in turn."""
    return max(1, len(range(slot % gpus, busy, gpus))) if gpus else 1
