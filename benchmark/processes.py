"""Which process wrote something, as a short text, and whether that process is still there."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import socket
from pathlib import Path

OWNER = re.compile(r"[0-9a-f]{8}-[0-9]+-[0-9]+")
"""What :func:`this_process` gives: the machine, the process id, and when the process started."""


@functools.cache
def _machine() -> str:
    """8 hex digits for the world in which process ids mean something until the next boot."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # Containers on one machine share its boot, but count their processes each for itself.
        world = f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115  (it is no path)
    except OSError:
        world = socket.gethostname()
    return hashlib.sha256(world.encode()).hexdigest()[:8]


def _started(pid: int) -> str | None:
    """When a process was started, in ticks since boot; None where it is gone or a zombie."""
    try:
        # The name of the program, in brackets, may hold spaces.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def this_process() -> str:
    """The owner of what this process writes; no later process has the same."""
    pid = os.getpid()
    return f"{_machine()}-{pid}-{_started(pid) or 0}"


def is_dead(owner: str) -> bool:
    """Whether a process is known to be gone: one of another machine never is.

    Args:
        owner: What :func:`this_process` gave there.
    """
    if OWNER.fullmatch(owner) is None:
        return False
    machine, pid, started = owner.split("-")
    if machine != _machine():
        return False
    if not Path("/proc/self/stat").exists():
        return not _answers(int(pid))
    return _started(int(pid)) != started


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
