"""Leaving work in good order: a worker that is told to stop keeps the state of its training."""

from __future__ import annotations

import signal

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
    """Take SIGTERM for a request; SIGINT reaches a whole terminal, and is the parent's alone."""
    global _requested
    _requested = False
    signal.signal(signal.SIGTERM, lambda *_: request())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
