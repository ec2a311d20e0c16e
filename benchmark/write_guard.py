"""Keeps a worker's hands off the work of others: it may write nothing else into the store.

This guards against accidents of methods, not against malice: a plugin is code with the user's
rights. It sees what Python opens, moves and removes; libraries that write from compiled code are
not seen, and what they spoil is found by its checksum at the next run.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from benchmark.errors import PluginError

if TYPE_CHECKING:
    from benchmark.log_capture import LogCapture
    from benchmark.store import Store

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Audit events by the place of the paths that they change, each with that of its folder's
# descriptor, where there is one (sys.audit's table).
_EVENTS: dict[str, tuple[tuple[int, int | None], ...]] = {
    "open": ((0, None),),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.mkdir": ((0, 2),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.chmod": ((0, 2),),
    "shutil.rmtree": ((0, 1),),
}
# What all workers share.
_SHARED = ("environments", "machines", "set-aside")

_guard: WriteGuard | None = None


class WriteGuard:
    """What one piece of work may write.

    Args:
        root: The store's folder.
        kind: The folder in which the work will lie.
        key: Its key.
        leases: ``<kind>-<key>`` of further leases that this process holds and gives signs of.

    Attributes:
        refused: Sentences about what was tried all the same.
    """

    def __init__(self, root: Path, kind: str, key: str, leases: tuple[str, ...] = ()) -> None:
        self.root, self.kind, self.key = root.resolve(), kind, key
        self._leases = tuple(f"{lease}." for lease in (f"{kind}-{key}", *leases))
        self.refused: list[str] = []

    def __enter__(self) -> Self:
        global _guard
        _install()
        _guard = self
        return self

    def __exit__(self, *_: object) -> None:
        global _guard
        _guard = None

    def ensure_clean(self) -> None:
        """Fail work that tried to write elsewhere, also where it has swallowed the error.

        Raises:
            PluginError: It tried.
        """
        if self.refused:
            raise PluginError(self.refused[0])

    def check(self, path: Path) -> None:
        """Refuse a path that belongs to others.

        Raises:
            PluginError: It does.
        """
        real = path.parent.resolve() / path.name
        if not real.is_relative_to(self.root) or real == self.root:
            return
        parts = real.relative_to(self.root).parts
        if not self._is_own(*parts):
            self.refused.append(
                f"{self.kind}/{self.key} may not write {'/'.join(parts)} in the store: a method "
                "may write into trainer.folder, and nowhere else in it"
            )
            raise PluginError(self.refused[-1])

    def _is_own(self, top: str, *below: str) -> bool:
        if not below:
            return top in (self.kind, "leases", "checkpoints", *_SHARED)
        name = below[0]
        if top == self.kind:
            return name == self.key or name.startswith(f".{self.key}.")
        if top == "checkpoints":
            return name.lstrip(".").startswith(f"{self.key}.")
        if top == "leases":
            return name.lstrip(".").startswith(self._leases)
        return top in _SHARED


@contextmanager
def guarded(
    store: Store, kind: str, key: str, log: LogCapture, leases: tuple[str, ...] = ()
) -> Iterator[None]:
    """Let nothing but one piece of work be written, and put the log into its folder.

    Args:
        store: The store.
        kind: The folder in which the work will lie.
        key: Its key.
        log: What was printed.
        leases: As for :class:`WriteGuard`.
    """
    with WriteGuard(store.root, kind, key, leases) as guard:

        def finish(folder: Path) -> None:
            guard.ensure_clean()
            (folder / "log.txt").write_text(log.text(), encoding="utf-8")

        store.finish = finish
        try:
            yield
        finally:
            store.finish = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    guard = _guard
    if guard is None or event not in _EVENTS:
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITING):
        return
    for place, folder in _EVENTS[event]:
        path = _path(arguments, place, folder)
        if path is not None:
            guard.check(path)


def _path(arguments: tuple[Any, ...], place: int, folder: int | None) -> Path | None:
    """The absolute path that an event speaks of; None for a descriptor that is open already."""
    try:
        path = Path(os.fsdecode(arguments[place]))
    except TypeError:
        return None
    descriptor = arguments[folder] if folder is not None and folder < len(arguments) else -1
    if isinstance(descriptor, int) and descriptor >= 0:
        return Path(f"/proc/self/fd/{descriptor}").resolve() / path
    return Path.cwd() / path


@functools.cache
def _install() -> None:
    """An audit hook cannot be taken away again, so there is one a process."""
    sys.addaudithook(_hook)
