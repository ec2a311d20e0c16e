"""Files and folders that appear whole or not at all, and stay when the power fails."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from benchmark.errors import LeaseLostError, StoreUnwritableError
from benchmark.processes import OWNER, is_dead, this_process

_TEMPORARY = re.compile(rf"\..+\.(?P<owner>{OWNER.pattern})\.[0-9a-f]+")
# What a disk says that is full, read-only, over its quota, broken, or no longer there.
_FAULTS = (
    errno.ENOSPC,
    errno.EROFS,
    errno.EDQUOT,
    errno.EIO,
    errno.ESTALE,
    errno.ENOTCONN,
    errno.ENODEV,
)
# What a file system says that has no links; there, a file that must be new is nearly as good.
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)
_NEARLY_FULL = 1 << 20
_ATTEMPTS = 10


def temporary_name(path: Path) -> Path:
    """A name beside ``path`` for what shall become it; it tells which process it belongs to."""
    return path.with_name(f".{path.name}.{this_process()}.{token_hex(4)}")


def is_left_over(path: Path) -> bool:
    """Whether a temporary name belongs to a process that is known to be gone."""
    match = _TEMPORARY.fullmatch(path.name)
    return match is not None and is_dead(match["owner"])


def remove(path: Path) -> None:
    """Remove a file or a folder as far as that can be done."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        # Where that cannot be done, the next run tries again.
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def unwritable(path: Path, error: BaseException) -> StoreUnwritableError:
    """The sentence about a place that cannot be written."""
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())
    return StoreUnwritableError(
        f"cannot write {path} ({reason}): free or mend the disk and run again, which goes on from "
        "what is finished; or give another folder with --output"
    )


def disk_fault(error: BaseException, path: Path) -> bool:
    """Whether an error that came up while writing is the disk's, whichever library raised it.

    Args:
        error: What was raised; libraries that are not written in Python tell of the disk in
            words, ``(os error 28)``, or of nothing but a number of bytes.
        path: A folder on that disk.
    """
    number = getattr(error, "errno", None)
    if number is None:
        told = re.search(r"\(os error (\d+)\)", str(error))
        number = int(told[1]) if told else None
    if number is not None:
        gone = number == errno.ENOENT and not path.parent.exists()
        return number in _FAULTS or gone
    if not isinstance(error, OSError):
        return False
    try:
        return shutil.disk_usage(path).free < _NEARLY_FULL
    except OSError:
        return True


@contextmanager
def whole_file(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A temporary path beside ``path``, renamed to it when the block ends without an error.

    Args:
        path: The place; folders on the way there are made.
        durable: Whether to wait until it is on the disk; not for what can be made again.

    Raises:
        StoreUnwritableError: It cannot be written.
    """
    temporary = temporary_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if durable:
            _sync(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
        if durable:
            _sync(path.parent)
    except Exception as error:
        remove(temporary)
        if isinstance(error, OSError) or disk_fault(error, path.parent):
            raise unwritable(path, error) from error
        raise


@contextmanager
def draft_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside ``path`` for a library's drafts, gone after the block."""
    folder = temporary_name(path)
    folder.mkdir()
    try:
        yield folder
    finally:
        remove(folder)


def write_whole(path: Path, data: bytes, *, durable: bool) -> None:
    """Write a file as :func:`whole_file` does.

    Raises:
        StoreUnwritableError: It cannot be written.
    """
    with whole_file(path, durable=durable) as temporary:
        temporary.write_bytes(data)


def write_new(path: Path, data: bytes) -> bool:
    """Write a file that must not be there yet, whole and in one step; whether it was not.

    Of many processes, on network file systems too, one alone can.

    Raises:
        StoreUnwritableError: It cannot be written.
    """
    draft = temporary_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(data)
        try:
            os.link(draft, path)
        except FileExistsError:
            # Network file systems may repeat a call whose answer was lost.
            return draft.stat().st_nlink == 2
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return _write_exclusively(path, data)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        remove(draft)
    return True


def _write_exclusively(path: Path, data: bytes) -> bool:
    try:
        with path.open("xb") as stream:
            stream.write(data)
    except FileExistsError:
        return False
    return True


@contextmanager
def whole_folder(
    target: Path, *, final: Callable[[Path], bool], ready: Callable[[Path], None]
) -> Iterator[Path]:
    """A temporary folder that becomes ``target`` when the block ends without an error.

    Whoever gets there first stays: a folder that is final is never replaced, and what this
    process has made is then dropped. Any other folder there gives way.

    Args:
        target: The place.
        final: Whether a folder, here ``target``, holds finished work.
        ready: Called with the temporary folder just before it is renamed; what it raises
            prevents that.

    Raises:
        StoreUnwritableError: It cannot be written.
        LeaseLostError: Somebody has removed the temporary folder.
    """
    temporary = temporary_name(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
    except OSError as error:
        raise unwritable(target, error) from error
    try:
        yield temporary
        ready(temporary)
        _sync_tree(temporary)
        _settle(temporary, target, final)
        _sync(target.parent)
    except Exception as error:
        if disk_fault(error, target.parent):
            raise unwritable(target, error) from error
        if isinstance(error, FileNotFoundError) and not temporary.exists():
            raise LeaseLostError(
                f"{temporary} was removed by another process: whoever did goes on with the work"
            ) from error
        raise
    finally:
        remove(temporary)


def _settle(temporary: Path, target: Path, final: Callable[[Path], bool]) -> None:
    """Rename, where no finished work lies; a rename onto a folder with files in it is refused."""
    for _ in range(_ATTEMPTS):
        try:
            temporary.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
        else:
            return
        if final(target):
            return
        old = temporary_name(target)
        try:
            target.rename(old)
        except FileNotFoundError:
            continue
        if final(old):
            # It was finished between the look and the step; nobody can have taken the place for
            # more than an unfinished attempt.
            old.rename(target)
            return
        remove(old)
    raise OSError(errno.EBUSY, "others keep writing there")


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # Some file systems keep folders their own way.
            raise
    finally:
        os.close(descriptor)


def _sync_tree(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            _sync(Path(parent, name))
        _sync(Path(parent))
