"""What a job of a batch system says of itself: a file of JSON lines that the driver reads."""

from __future__ import annotations

import json
import platform
import secrets
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from benchmark.engines.launching import Event, at_work, environment, parse, started
from benchmark.engines.limits import Limits
from benchmark.tasks import Task
from benchmark.worker import Order

# What submitit asks Slurm to send before the time is up, and what Slurm sends itself.
SIGNALS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM)


@dataclass
class JobFile:
    """The file of one job, read from where the reader stopped last.

    Attributes:
        path: Where it lies.
    """

    path: Path
    _read: int = field(default=0, repr=False)

    @classmethod
    def fresh(cls, folder: Path, task: Task) -> Self:
        """A name that no earlier job of the task has had."""
        return cls(folder / f"{task.kind}-{task.key}-{secrets.token_hex(4)}.jsonl")

    def read(self) -> Iterator[Event]:
        """What has been said since; a line that is half written waits for its end."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(self._read)
                data = stream.read()
        except FileNotFoundError:
            return
        *lines, _ = data.split(b"\n")
        for line in lines:
            self._read += len(line) + 1
            yield parse(line)

    def remove(self) -> None:
        """Delete it; there may be none."""
        self.path.unlink(missing_ok=True)


class _TimeIsUpError(Exception):
    """The queue wants the machine back."""


def _time_is_up(*_: object) -> None:
    raise _TimeIsUpError


def do_order(order: str, file: str, limits: Limits) -> None:
    """What a job runs: do an order, and write what its worker says into a file.

    Before Slurm takes the machine back, it sends a signal: the worker then keeps the state of its
    training, and the driver submits the task again.

    Args:
        order: As JSON.
        file: For :class:`JobFile`.
        limits: What its worker may take.
    """
    told = Order.model_validate_json(order)
    for number in SIGNALS:
        signal.signal(number, _time_is_up)
    with Path(file).open("a", encoding="utf-8") as stream:

        def say(line: str) -> None:
            stream.write(line + "\n")
            stream.flush()

        say(started(platform.node()))
        work = at_work(told, environment(told.threads), limits)
        try:
            for line in work:
                say(line)
        except _TimeIsUpError:
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            work.close()
            say(json.dumps({"event": "interrupted"}))
