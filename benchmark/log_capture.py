"""What libraries print in a worker goes into a log of bounded size that no kill leaves behind."""

from __future__ import annotations

import ctypes
import fcntl
import os
import sys
import tempfile
import threading
from types import TracebackType
from typing import Self

# A method that prints without end may fill no disk: beyond this the log is cut, now and then.
MOST_BYTES = 8 << 20
KEPT_BYTES = 100_000
_LOOK_SECONDS = 0.25

_KEEP_SIZE, _PUNCH_HOLE = 1, 2  # of Linux's fallocate


class LogCapture:
    """Sends standard output and standard error, also of compiled code, into a file without a name.

    Args:
        descriptors: What is redirected.
    """

    def __init__(self, descriptors: tuple[int, ...] = (1, 2)) -> None:
        self._descriptors = descriptors
        self._file = tempfile.TemporaryFile("w+b")  # noqa: SIM115  (lives as long as the worker)
        # Everything is appended: after a cut, writing goes on at the new end.
        flags = fcntl.fcntl(self._file, fcntl.F_GETFL)
        fcntl.fcntl(self._file, fcntl.F_SETFL, flags | os.O_APPEND)
        self._cut = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="log", daemon=True)

    def __enter__(self) -> Self:
        for descriptor in self._descriptors:
            os.dup2(self._file.fileno(), descriptor)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def text(self) -> str:
        """The last of what was printed, and how much is left out before."""
        sys.stdout.flush()
        sys.stderr.flush()
        size = os.fstat(self._file.fileno()).st_size
        start = max(0, size - KEPT_BYTES)
        data = os.pread(self._file.fileno(), KEPT_BYTES, start)
        left_out = self._cut + start
        head = f"[{left_out} bytes before this are left out]\n" if left_out else ""
        return head + data.decode("utf-8", "replace")

    def _watch(self) -> None:
        freed = 0
        while not self._ended.wait(_LOOK_SECONDS):
            number = self._file.fileno()
            size = os.fstat(number).st_size
            if size - freed > MOST_BYTES:
                if _punched(number, size - KEPT_BYTES):
                    freed = size - KEPT_BYTES
                else:
                    self._cut_off(number, size)

    def _cut_off(self, number: int, size: int) -> None:
        """Where a file cannot have holes; what is printed at this very moment is lost."""
        last = os.pread(number, KEPT_BYTES, size - KEPT_BYTES)
        os.ftruncate(number, 0)
        os.write(number, last)
        self._cut += size - len(last)


def _punched(number: int, end: int) -> bool:
    """Give the first bytes of a file back to the disk, so that zeros seem to stand there.

    Whoever prints meanwhile loses nothing, as the end of the file stays where it is.

    Returns:
        Whether the system can do that.
    """
    fallocate = getattr(ctypes.CDLL(None), "fallocate", None)
    if sys.platform != "linux" or fallocate is None:
        return False
    offset, length = ctypes.c_int64(0), ctypes.c_int64(end)
    done: int = fallocate(number, _KEEP_SIZE | _PUNCH_HOLE, offset, length)
    return done == 0
