"""Workers that are forked from a process which has imported what they need: Linux only.

Importing torch and diffusers takes a worker four to ten seconds, and a small cell is computed in
less on a GPU. So the engine starts one process that does nothing but import, and has it forked for
each task. A worker is still a process of its own; only its imports are shared, and their memory.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, Protocol

SWITCH = "LANDMARK_FORK"
"""The environment variable that has every worker started anew where it is 0."""

LATE = ("COLUMNS", "XDG_", "PYTEST_")
"""Beginnings of variables that workers are told anew: what an import reads of them is no matter."""

MESSAGE = 1 << 20
STATUS_UNKNOWN = 1


def supported() -> bool:
    """Whether workers are forked: elsewhere that is not safe with so many libraries loaded."""
    return sys.platform == "linux" and os.environ.get(SWITCH) != "0"


class Process(Protocol):
    """What the engine needs of a worker: a part of ``subprocess.Popen``."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def stdin(self) -> IO[bytes] | None:
        """Where its order is written to."""

    @property
    def stdout(self) -> IO[bytes] | None:
        """Where its events come from."""

    def kill(self) -> None:
        """Stop it at once."""

    def terminate(self) -> None:
        """Ask it to leave."""

    def wait(self) -> int:
        """Wait until it has ended; its exit status, or the signal that ended it as -signal."""


class Zygote:
    """The process that imports for the workers, as its parent sees it.

    Args:
        variables: Its environment, which the workers inherit.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = dict(variables)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmark.engines.zygote", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=dict(variables),
            )
        self._channel = ours
        self._ended: dict[int, int] = {}

    def fork(self, variables: Mapping[str, str], modules: Sequence[str] = ()) -> Fork:
        """Start a worker, which reads its order from ``stdin``.

        Args:
            variables: Environment variables of this worker alone.
            modules: What is imported before, unless an earlier worker has needed it.

        Raises:
            OSError: The process has died.
        """
        order, stdin = os.pipe()
        stdout, events = os.pipe()
        try:
            wanted = {"variables": {**self.variables, **variables}, "modules": list(modules)}
            message = json.dumps(wanted).encode()
            socket.send_fds(self._channel, [message], [order, events])
            while (told := self._read()).get("forked") is None:
                pass
        except OSError:
            os.close(stdin)
            os.close(stdout)
            raise
        finally:
            os.close(order)
            os.close(events)
        return Fork(self, told["forked"], os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb", 0))

    def status(self, pid: int) -> int:
        """Wait for the end of a worker."""
        while pid not in self._ended:
            try:
                self._read()
            except OSError:
                # Nobody can tell how it ended, and nothing speaks against its method.
                return -signal.SIGKILL
        return self._ended.pop(pid)

    def close(self) -> None:
        """End it; workers that are still there go on."""
        self._process.kill()
        self._process.wait()
        self._channel.close()

    def _read(self) -> dict[str, Any]:
        message = self._channel.recv(MESSAGE)
        if not message:
            raise ConnectionResetError("the process that forks workers has died")
        told: dict[str, Any] = json.loads(message)
        if "ended" in told:
            self._ended[told["ended"]] = told["status"]
        return told


class Fork:
    """A worker that was forked.

    Attributes:
        pid: Its process id.
        stdin: Where its order is written to.
        stdout: Where its events come from.
    """

    def __init__(self, zygote: Zygote, pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self._zygote = zygote
        # Unlike its id, this never means another process.
        self._handle: int | None = None
        with contextlib.suppress(ProcessLookupError):
            self._handle = os.pidfd_open(pid)

    def kill(self) -> None:
        """Stop it at once."""
        self._send(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to leave."""
        self._send(signal.SIGTERM)

    def wait(self) -> int:
        """Wait until it has ended; its exit status, or the signal that ended it as -signal."""
        if self._handle is not None:
            select.select([self._handle], [], [])
            os.close(self._handle)
            self._handle = None
        return self._zygote.status(self.pid)

    def _send(self, number: int) -> None:
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)


# Those that wait for another engine; None outside of :func:`kept`.
_waiting: list[Zygote] | None = None


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Within this context, engines that follow one another have their workers of one process."""
    global _waiting
    before, _waiting = _waiting, []
    try:
        yield
    finally:
        for zygote in _waiting:
            zygote.close()
        _waiting = before


def take(variables: Mapping[str, str]) -> Zygote:
    """The process of an earlier engine with this environment, or a new one."""
    while _waiting:
        found = _waiting.pop()
        if _early(found.variables) == _early(variables):
            found.variables = dict(variables)
            return found
        found.close()
    return Zygote(variables)


def give_back(zygote: Zygote) -> None:
    """End it, or let it wait for the next engine within :func:`kept`."""
    if _waiting is None:
        zygote.close()
    else:
        _waiting.append(zygote)


def _early(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that a library may have read while it was imported."""
    return {name: value for name, value in variables.items() if not name.startswith(LATE)}


# --- in the other process ----------------------------------------------------------------------


def _work(variables: dict[str, str], order: int, events: int, not_its_own: Sequence[int]) -> None:
    """Become a worker, and end as one."""
    status = STATUS_UNKNOWN
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(order, 0)
        os.dup2(events, 1)
        for descriptor in (order, events, *not_its_own):
            os.close(descriptor)
        os.environ.update(variables)
        for name in [name for name in os.environ if name.startswith(LATE)]:
            if name not in variables:
                del os.environ[name]
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)

        from benchmark.worker import main as work

        status = work()
        sys.stdout.flush()
    finally:
        os._exit(status)


def _tell_ended(channel: socket.socket) -> None:
    """Tell of all workers that have ended since."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            channel.send(json.dumps({"ended": pid, "status": code}).encode())


def main() -> int:
    """Fork a worker for each message on the socket whose number is the argument, until it closes.

    Signals are for the workers; this process ends with its parent.
    """
    channel = socket.socket(fileno=int(sys.argv[1]))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # A look for GPUs that leaves the driver alone, to which no process may talk that is forked.
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    while True:
        ready, _, _ = select.select([channel.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _tell_ended(channel)
        if channel.fileno() in ready:
            message, descriptors, *_ = socket.recv_fds(channel, MESSAGE, 2)
            if not message:
                return 0
            order, events = descriptors
            wanted = json.loads(message)
            for module in wanted["modules"]:
                importlib.import_module(module)
            pid = os.fork()
            if pid == 0:
                ours = (channel.fileno(), woken, wake)
                _work(wanted["variables"], order, events, ours)
            channel.send(json.dumps({"forked": pid}).encode())
            for descriptor in descriptors:
                os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
