"""Starting a worker process on the machine that is to do a task, and hearing what it says."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import benchmark
from benchmark.engines.agenda import Agenda
from benchmark.engines.limits import Limits, Watchdog, death
from benchmark.engines.local_settings import LocalSettings
from benchmark.interruption import LEAVE_SECONDS
from benchmark.progress import Progress
from benchmark.schema import Failure
from benchmark.store import Store
from benchmark.tasks import Task
from benchmark.worker import Order

# Between two reports of progress that go over a network.
REPORT_SECONDS = 1.0
# Between two looks at what a worker takes that says nothing.
LOOK_SECONDS = 0.5

KEPT_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(4 * 1024**3),
    "MALLOC_TRIM_THRESHOLD_": str(16 * 1024**3),
}
"""Has glibc keep what a step of training frees for the next one.

By default it gives large blocks back and asks for them again, and the system clears every page
anew: up to a fifth of a step on a CPU. Results stay the same, and so does the peak of the memory;
other systems ignore it.
"""


@dataclass(frozen=True)
class Started:
    """A worker has begun, on the node of this name."""

    node: str


@dataclass(frozen=True)
class Ended:
    """A worker has ended.

    Attributes:
        how: ``elsewhere``: another process holds the lease of the work, or has done it;
            ``interrupted``: it was told to leave, and has kept the state of its training.
        failure: Why it failed.
        bad_input: Whether the user has to mend it.
        stops_run: Whether nothing more can be written into the store.
        log: What it printed.
    """

    how: Literal["done", "failed", "elsewhere", "interrupted"]
    failure: Failure | None = None
    bad_input: bool = False
    stops_run: bool = False
    log: str = ""


Event = Started | Progress | Ended


def parse(line: str | bytes) -> Event:
    """One line of what a worker says."""
    event: dict[str, Any] = json.loads(line)
    match event.pop("event"):
        case "started":
            return Started(event["node"])
        case "progress":
            return Progress(event["stage"], event["step"], event["steps"], event["loss"])
        case "failed":
            failure = Failure.model_validate(event.pop("failure"))
            return Ended("failed", failure, **event)
        case how:
            return Ended(how)


def started(node: str) -> str:
    """The line that says where a worker has begun."""
    return json.dumps({"event": "started", "node": node})


def failed(failure: Failure) -> str:
    """The line of a worker that cannot say itself why it ended."""
    return json.dumps(
        {
            "event": "failed",
            "failure": failure.model_dump(),
            "bad_input": False,
            "stops_run": False,
            "log": "",
        }
    )


def conclude(agenda: Agenda, task: Task, end: Ended, seconds: float) -> None:
    """Do with a task what the end of its worker asks for."""
    if end.how == "done":
        agenda.done(task, seconds)
    elif end.failure is None:
        agenda.put_back(task)
    elif end.stops_run:
        agenda.unwritable(task, end.failure)
    else:
        agenda.fail(task, end.failure, log=end.log, bad_input=end.bad_input)


def import_path() -> str:
    """A PYTHONPATH under which this very code is imported."""
    folders = [str(Path(benchmark.__file__).parent.parent), os.environ.get("PYTHONPATH")]
    return os.pathsep.join(filter(None, folders))


def environment(threads: int) -> dict[str, str]:
    """The environment variables of a worker process; what the user has set of memory stays."""
    return (
        KEPT_MEMORY
        | os.environ
        | {
            "OMP_NUM_THREADS": str(threads),
            "OMP_WAIT_POLICY": "PASSIVE",
            "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
            "PYTHONPATH": import_path(),
        }
    )


def order_of(
    task: Task,
    store: Store,
    local: LocalSettings,
    cores: int,
    revision: str | None,
    overdue: str,
) -> Order:
    """What a worker on another machine is told; its cores are shared by a training's processes."""
    return Order(
        task=task,
        store=store.root.resolve(),
        device=local.device,
        precision=local.precision,
        threads=max(1, cores // local.devices),
        plugins=tuple(path.resolve() for path in local.plugins),
        git_revision=revision,
        checkpoint_seconds=local.checkpoint_seconds,
        lease_seconds=store.leases.seconds,
        overdue=overdue,
        devices=local.devices,
    )


def start(order: Order, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a worker on this machine; its standard output carries events, a line each.

    Where the order has a lifeline, standard input stays open: the worker ends when this process
    does, however that may be.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmark.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(variables),
    )
    assert process.stdin is not None
    try:
        process.stdin.write(order.model_dump_json().encode() + b"\n")
        process.stdin.flush()
        if not order.lifeline:
            process.stdin.close()
    except BrokenPipeError:
        pass  # It died at the start; reading its output finds that out.
    return process


@dataclass
class _Watched:
    """A worker under watch."""

    process: subprocess.Popen[bytes]
    started: float
    heard: float

    @property
    def pid(self) -> int:
        return self.process.pid


def at_work(
    order: Order, variables: Mapping[str, str], limits: Limits
) -> Generator[str, None, None]:
    """Do an order in a process of its own, and pass on what it says, the end in any case.

    Whoever closes this lets the worker keep the state of its training first.

    Args:
        order: What to do; it has a lifeline.
        variables: The environment.
        limits: What the worker may take; one that takes more is killed and has failed.

    Yields:
        JSON lines for :func:`parse`; progress about once a second.
    """
    process = start(order, variables)
    now = time.monotonic()
    watched, watchdog = _Watched(process, now, now), Watchdog(limits)
    said, reported, ended = b"", 0.0, False
    try:
        for data in _output(process):
            if data:
                watched.heard = time.monotonic()
            *lines, said = (said + data).split(b"\n")
            for line in map(bytes.decode, lines):
                progress = isinstance(parse(line), Progress)
                if progress and time.monotonic() - reported < REPORT_SECONDS:
                    continue
                reported = time.monotonic()
                ended = ended or not progress
                yield line
            offence = watchdog.offence(watched)
            if offence is not None and not ended:
                process.kill()
                ended = True
                yield failed(offence)
        if not ended:
            yield failed(death(process.wait()))
    finally:
        _leave(process)


def _output(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """What a process writes, until it ends; nothing now and then where it is silent."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(LOOK_SECONDS):
                yield b""
                continue
            data = os.read(process.stdout.fileno(), 1 << 16)
            if not data:
                return
            yield data


def _leave(process: subprocess.Popen[bytes]) -> None:
    """End a worker; one that is at work has some time to keep its state."""
    process.terminate()
    try:
        process.wait(LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
