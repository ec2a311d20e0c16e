"""Where Optuna keeps a search: a journal in the store, or a database that many machines reach."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.errors import StoreError, UsageError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

JOURNAL = "journal.log"


def open_storage(folder: Path, url: str | None) -> BaseStorage:
    """The storage behind a URL, or the journal in the folder of a search.

    The journal is a file of JSON lines behind a lock that network file systems keep, too.

    Raises:
        UsageError: The URL is none that Optuna knows, or nobody answers there.
        StoreError: The journal is damaged.
    """
    from optuna.storages import JournalStorage, get_storage
    from optuna.storages.journal import JournalFileBackend

    if url is None:
        path = folder / JOURNAL
        try:
            mend(path)
            return JournalStorage(JournalFileBackend(str(path)))
        except ValueError as error:
            raise StoreError(
                f"{path} is damaged ({error}): move its folder away to search anew"
            ) from error
    try:
        return get_storage(url)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            f"--storage {without_password(url)} cannot be opened ({reason}): give the URL of a "
            "database that answers, such as postgresql://USER:PASSWORD@HOST/NAME"
        ) from error


def mend(path: Path) -> None:
    """Cut off a last line that a killed process left without its end; others could not read on."""
    from optuna.storages.journal import JournalFileSymlinkLock

    if not path.exists() or _ends_with_a_line(path):
        return
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()
    try:
        content = path.read_bytes()
        if not content.endswith(b"\n"):
            with path.open("r+b") as stream:
                stream.truncate(content.rfind(b"\n") + 1)
    finally:
        lock.release()


def _ends_with_a_line(path: Path) -> bool:
    with path.open("rb") as stream:
        if not stream.seek(0, 2):
            return True
        stream.seek(-1, 2)
        return stream.read() == b"\n"


def without_password(url: str) -> str:
    """A URL as it may be shown."""
    start, sign, rest = url.rpartition("@")
    if not sign:
        return url
    scheme, slashes, account = start.partition("://")
    user, colon, _ = account.partition(":")
    return f"{scheme}{slashes}{user}{':***' if colon else ''}@{rest}"
