"""Seeing which files below a folder Python opens, through an audit hook."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# What looks at a folder or into a file, with the path as its first argument (sys.audit's table).
_EVENTS = frozenset({"open", "os.listdir", "os.scandir"})

_watched = ""
_seen: list[str] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched or event not in _EVENTS or not arguments:
        return
    try:
        path = os.path.realpath(os.fsdecode(arguments[0]))
    except TypeError:  # a descriptor that is open already, or None for the working folder
        return
    if (path + os.sep).startswith(_watched):
        _seen.append(path)


@functools.cache
def _install() -> None:
    """An audit hook cannot be taken away again, so there is one a process."""
    sys.addaudithook(_hook)


@contextmanager
def watching(folder: Path, seen: list[str]) -> Iterator[None]:
    """See what is opened or listed below a folder while the context is open.

    What compiled code opens by itself (safetensors, pyarrow) raises no audit event and is not
    seen.

    Args:
        folder: The folder.
        seen: Gets the paths, each once.
    """
    global _watched
    _install()
    _seen.clear()
    _watched = os.path.realpath(folder) + os.sep
    try:
        yield
    finally:
        _watched = ""
        seen.extend(dict.fromkeys(_seen))
