"""How jobs are, as their queue tells: one question for all of them at once."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable
from typing import Any

GONE = "GONE"
"""What is said of a job that Slurm no longer knows."""

# Everything else is on its way to one of these.
OVER = frozenset(
    [
        "COMPLETED",
        "FAILED",
        "CANCELLED",
        "TIMEOUT",
        "DEADLINE",
        "OUT_OF_MEMORY",
        "NODE_FAIL",
        "BOOT_FAIL",
        "PREEMPTED",
        "REVOKED",
        "INTERRUPTED",
        "FINISHED",
    ]
) | {GONE}
SECONDS = 60

States = Callable[[Iterable[Any]], dict[str, str] | None]
"""From jobs of submitit to their states by id; None where the queue does not answer now."""


def slurm_states(jobs: Iterable[Any]) -> dict[str, str] | None:
    """States from ``squeue``, which needs no accounting and knows jobs for minutes after their end.

    submitit itself asks ``sacct``, which burdens the accounting and does not work without one.
    """
    program = shutil.which("squeue")
    if program is None:
        return None
    command = [program, "--me", "--noheader", "--array", "--states=all", "--format=%i %T"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if told.returncode:
        return None
    known = dict(line.split(maxsplit=1) for line in told.stdout.splitlines() if " " in line)
    return {job.job_id: known.get(job.job_id, GONE) for job in jobs}


def local_states(jobs: Iterable[Any]) -> dict[str, str]:
    """States of submitit's own processes on this machine."""
    return {job.job_id: str(job.state) for job in jobs}
