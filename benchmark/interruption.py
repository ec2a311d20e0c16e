"""Leaving work in good order: a worker that is told to stop keeps the state of its training."""

from __future__ import annotations

import os
import signal
import threading
import time

LEAVE_SECONDS = 30.0
"""How long a worker that is told to leave has to keep the state of its training."""

_requested = False


class WorkInterrupted(BaseException):
    """The work was left on request; what was done of it is kept."""


def request() -> None:
    """Ask this process to leave its work at the next place where nothing is lost."""
    global _requested
    _requested = True


def requested() -> bool:
    """Whether the work is to be left."""
    return _requested


def leave_if_requested() -> None:
    """A place where nothing is lost.

    Raises:
        WorkInterrupted: The work is to be left.
    """
    if _requested:
        raise WorkInterrupted


def listen_to_signals() -> None:
    """Take SIGTERM for a request; SIGINT reaches a whole terminal, and is the parent's alone.

    So are SIGUSR1 and SIGUSR2, which queues send to all processes of a job before they end it.
    """
    global _requested
    _requested = False
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, lambda *_: request())
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def leave_with_parent() -> None:
    """Ask this process to leave once nobody holds the other end of its standard input."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    # Not through sys.stdin, whose lock a thread that waits would keep from the interpreter's end.
    while os.read(0, 1):
        pass
    request()
    time.sleep(LEAVE_SECONDS)
    os._exit(1)
