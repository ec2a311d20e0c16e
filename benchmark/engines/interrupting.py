"""Ctrl-C: once finishes checkpoints and leaves, twice leaves at once."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self

from benchmark.engines.base import Display

GRACE_SECONDS = 30.0
"""How long workers have to keep their state; what has none to keep leaves at once."""


class Interrupting:
    """Listens for SIGINT and SIGTERM in its context.

    Args:
        display: Told what goes on.
    """

    def __init__(self, display: Display) -> None:
        self._display = display
        self._before: dict[int, Any] = {}
        self._asked: float | None = None
        self._told = False

    def __enter__(self) -> Self:
        # Signals come to the main thread; elsewhere there is nothing to listen for.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._asked is not None:
            raise KeyboardInterrupt
        self._asked = time.monotonic()

    @property
    def asked(self) -> bool:
        """Whether the run is to end."""
        if self._asked is not None and not self._told:
            self._told = True
            self._display.told("interrupted: finishing checkpoints; once more leaves at once")
        return self._asked is not None

    @property
    def overdue(self) -> bool:
        """Whether workers have had time enough."""
        return self._asked is not None and time.monotonic() - self._asked > GRACE_SECONDS
