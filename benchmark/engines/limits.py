"""What a worker may take: time, silence and memory; who takes more is stopped, with the reason."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from benchmark.engines.agenda import KILLED
from benchmark.schema import Failure

# With less of the machine's memory left, the largest worker is stopped before the system stops
# any process that it likes.
RESERVE = 0.03
_LOOK_SECONDS = 0.5
_GROUP = Path("/sys/fs/cgroup")
# Signals that a process brings upon itself.
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGSYS})


@dataclass(frozen=True)
class Limits:
    """What a worker may take.

    Attributes:
        seconds: From its start; None: any number.
        silence: Seconds without a sign of progress.
        gigabytes: Of main memory; None: what the machine has.
    """

    seconds: float | None = None
    silence: float = 3600.0
    gigabytes: float | None = None


class Watched(Protocol):
    """A worker under watch: its process, and when it started and was heard of last, monotonic."""

    started: float
    heard: float

    @property
    def pid(self) -> int:
        """The id of its process."""


W = TypeVar("W", bound=Watched)


class Watchdog:
    """Finds workers that have to be stopped.

    Args:
        limits: What each may take.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._looked = 0.0

    def offence(self, worker: Watched) -> Failure | None:
        """Why a worker has to be stopped, if it has to."""
        now, limits = time.monotonic(), self.limits
        if limits.seconds is not None and now - worker.started > limits.seconds:
            return _over(f"it took longer than --time-limit {limits.seconds:g} s", "TimeLimit")
        if now - worker.heard > limits.silence:
            return _over(
                f"it showed no progress for {limits.silence:g} s: if that is to be expected, raise "
                "silence_limit with --set",
                "SilenceLimit",
            )
        if limits.gigabytes is not None:
            taken = resident_bytes(worker.pid)
            if taken > limits.gigabytes * 1e9:
                return _over(
                    f"it took {taken / 1e9:.1f} GB, more than --memory-limit "
                    f"{limits.gigabytes:g} GB",
                    "MemoryLimit",
                )
        return None

    def too_large(self, workers: list[W]) -> W | None:
        """The largest worker, where the memory of the machine is about to run out."""
        now = time.monotonic()
        if not workers or now - self._looked < _LOOK_SECONDS:
            return None
        self._looked = now
        available = available_share()
        if available is None or available > RESERVE:
            return None
        return max(workers, key=lambda worker: resident_bytes(worker.pid))


def _over(sentence: str, kind: str) -> Failure:
    return Failure(sentence=sentence, type=kind, fault="method")


def no_memory_left(worker: Watched) -> Failure:
    """Why the largest worker was stopped."""
    taken = resident_bytes(worker.pid) / 1e9
    return Failure(
        sentence=f"the machine's memory ran out, and this worker had the most of it ({taken:.1f} "
        "GB): fewer --workers leave more to each",
        type=KILLED,
        fault="machine",
    )


def death(status: int) -> Failure:
    """Why there is no result of a worker that ended with this status without a word."""
    if status == -signal.SIGKILL:
        return Failure(
            sentence="the worker was killed (signal 9): perhaps it ran out of memory; try "
            "--workers 1",
            type=KILLED,
            fault="machine",
        )
    what = f"signal {-status}" if status < 0 else f"exit status {status}"
    own = status >= 0 or -status in _CRASHES
    return Failure(
        sentence=f"the worker ended without a word ({what}): see the log of the system",
        type="WorkerDied" if own else KILLED,
        fault="method" if own else "machine",
    )


def resident_bytes(pid: int) -> int:
    """Main memory of a process; 0 where it is gone or the system does not tell."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * 4096


def available_share(meminfo: Path = Path("/proc/meminfo"), group: Path = _GROUP) -> float | None:
    """The share of memory that is left, of the machine or of the container, whichever is less."""
    shares = []
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
        values = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.split()[1:]}
        shares.append(values["MemAvailable"] / values["MemTotal"])
    except (OSError, KeyError, ValueError):
        pass
    try:
        most = int((group / "memory.max").read_text(encoding="ascii"))
        used = int((group / "memory.current").read_text(encoding="ascii"))
        # Pages of files are counted as used, and are given up when they are needed.
        status = (group / "memory.stat").read_text(encoding="ascii").splitlines()
        files = sum(int(line.split()[1]) for line in status if line.startswith("inactive_file "))
        shares.append((most - used + files) / most)
    except (OSError, ValueError):
        pass
    return min(shares, default=None)
