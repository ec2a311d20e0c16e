"""Processes that take turns, so that other load on the machine slows all of them alike.

The parent tells one process at a time to work. A process measures itself, reports in JSON lines
on what was its standard output, and waits, without computing, until it is told again.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, Any


class ContestantError(Exception):
    """A process ended before its turns were over; the text is the last line it wrote."""


@dataclass(frozen=True)
class Contestant:
    """Who takes part.

    Attributes:
        name: For the tables.
        entry: ``module:function``; called with a :class:`Turns` and the settings, it never returns.
        settings: Keyword arguments, as JSON can carry them.
        told: Facts of the first contestant that become settings of this one.
    """

    name: str
    entry: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    told: tuple[str, ...] = ()


class Turns:
    """A process's side: ``begin`` waits for its turn, ``done`` says how much was done in it."""

    def __init__(self, orders: IO[str], reports: IO[str]) -> None:
        self._orders, self._reports = orders, reports
        self._started = 0.0

    def ready(self, **facts: Any) -> None:
        """Say what the parent should know before the first turn."""
        self._send(facts)

    def begin(self) -> None:
        """Wait to be told; the process ends when the parent has heard enough."""
        if not self._orders.readline():
            sys.exit(0)
        self._started = time.perf_counter()

    def elapsed(self) -> float:
        """Seconds of this turn so far."""
        return time.perf_counter() - self._started

    def done(self, items: int, **facts: Any) -> None:
        """End the turn, in which so many items were worked off."""
        self._send({"seconds": self.elapsed(), "items": items, **facts})

    def _send(self, message: Mapping[str, Any]) -> None:
        self._reports.write(json.dumps(message) + "\n")
        self._reports.flush()


class Process:
    """The parent's side of one contestant, from its start to its end.

    Args:
        contestant: Who.
        threads: Threads that its libraries may use.

    Raises:
        ContestantError: It cannot do its work.
    """

    def __init__(self, contestant: Contestant, threads: int) -> None:
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        # Threads that spin while they wait would work through everybody else's turns.
        limits = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.turns"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=os.environ | limits,
        )
        try:
            order = {"entry": contestant.entry, "settings": dict(contestant.settings)}
            self._tell(json.dumps(order | {"threads": threads}))
            self.facts = self._hear()
        except ContestantError:
            self.close()
            raise

    def turn(self) -> dict[str, Any]:
        """Let it work; ``seconds`` and ``items``, and whatever else it says."""
        self._tell("go")
        return self._hear()

    def close(self) -> None:
        """Let it end, and wait until it has."""
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                assert stream is not None
                stream.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise ContestantError(self._last_words()) from error

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ContestantError(self._last_words())
        message: dict[str, Any] = json.loads(line)
        return message

    def _last_words(self) -> str:
        self._process.wait(30)
        self._log.seek(0)
        lines = [line for line in self._log.read().splitlines() if line.strip()]
        return lines[-1] if lines else f"exit status {self._process.returncode}"


@dataclass(frozen=True)
class Speed:
    """Seconds for one item, by round, and what the process said of itself.

    Attributes:
        seconds: One number a round.
        facts: From :meth:`Turns.ready`, then from the last turn.
    """

    seconds: tuple[float, ...]
    facts: Mapping[str, Any]

    @property
    def median(self) -> float:
        """Median of the rounds, seconds."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Ratio:
    """How many times as fast one was as the other: median, lowest and highest of the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, slow: Speed, fast: Speed) -> Ratio:
        """Round by round, because only neighbours in time saw the same machine."""
        ratios = [a / b for a, b in zip(slow.seconds, fast.seconds, strict=True)]
        return cls(statistics.median(ratios), min(ratios), max(ratios))


def take_turns(
    contestants: Sequence[Contestant], rounds: int, threads: int
) -> dict[str, Speed | ContestantError]:
    """Let all work in turn, round after round, after one round that is not counted.

    Returns:
        By name, the speed, or why there is none.
    """
    outcome: dict[str, Speed | ContestantError] = {}
    heard: dict[str, list[dict[str, Any]]] = {}
    with contextlib.ExitStack() as stack:
        started: dict[str, Process] = {}
        for contestant in contestants:
            try:
                first = next(iter(started.values()), None)
                process = Process(_told(contestant, first), threads)
            except ContestantError as error:
                outcome[contestant.name] = error
                continue
            stack.callback(process.close)
            started[contestant.name] = process
        for _ in range(rounds + 1):
            for name, process in started.items():
                if name in outcome:
                    continue
                try:
                    heard.setdefault(name, []).append(process.turn())
                except ContestantError as error:
                    outcome[name] = error
        for name, process in started.items():
            if name not in outcome:
                seconds = tuple(turn["seconds"] / turn["items"] for turn in heard[name][1:])
                outcome[name] = Speed(seconds, process.facts | heard[name][-1])
    return outcome


def _told(contestant: Contestant, first: Process | None) -> Contestant:
    """With the facts it is to know; without a first contestant there is nothing to equal."""
    if not contestant.told:
        return contestant
    if first is None:
        raise ContestantError("there is nothing to compare it with")
    facts = {name: first.facts[name] for name in contestant.told}
    return replace(contestant, settings={**contestant.settings, **facts})


def main() -> None:
    """Work as the first line of standard input says."""
    # Whatever the measured code prints goes to the log; the pipe to the parent is ours alone.
    reports = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    order = json.loads(sys.stdin.readline())
    import torch

    torch.set_num_threads(order["threads"])
    module, function = order["entry"].split(":")
    turns = Turns(sys.stdin, reports)
    getattr(importlib.import_module(module), function)(turns, **order["settings"])


if __name__ == "__main__":
    main()
