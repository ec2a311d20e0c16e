"""Parts of a store in one block of bytes, for machines that share no file system."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from benchmark.errors import StoreError

MOST_BYTES = 64 * 1024**3
MOST_FILES = 200_000


def pack(root: Path, folders: Iterable[str]) -> bytes:
    """The files below some folders of a store, by their path in it; what is not there is left out.

    Hidden files are unfinished work of others and are left out; images and weights do not shrink,
    so that nothing is compressed.
    """
    block = io.BytesIO()
    with zipfile.ZipFile(block, "w", strict_timestamps=False) as archive:
        for folder in folders:
            for path in sorted((root / folder).rglob("*")):
                name = path.relative_to(root).as_posix()
                hidden = any(part.startswith(".") for part in PurePosixPath(name).parts)
                if path.is_file() and not path.is_symlink() and not hidden:
                    archive.write(path, name)
    return block.getvalue()


def unpack(parcel: bytes, root: Path) -> None:
    """Write what :func:`pack` has packed below a folder.

    Raises:
        StoreError: It is no such parcel: a name leads out of the folder, an entry is no plain
            file, or it says that it holds more than can be true.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(parcel)) as archive:
            entries = archive.infolist()
            ensure_harmless(entries, len(parcel))
            for entry in entries:
                target = root / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(entry))
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise StoreError(
            f"a parcel from another machine is damaged ({error}): run again"
        ) from error


def ensure_harmless(
    entries: Iterable[zipfile.ZipInfo], most_bytes: int = MOST_BYTES, most_files: int = MOST_FILES
) -> None:
    """Refuse an archive whose entries could do harm, before anything of it is written.

    Args:
        entries: All entries of the archive.
        most_bytes: How much they may hold together, unpacked.
        most_files: How many there may be.

    Raises:
        StoreError: The sentence names the entry.
    """
    names: set[str] = set()
    total = 0
    for entry in entries:
        name = entry.filename
        path = PurePosixPath(name)
        total += entry.file_size
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0]:
            raise StoreError(f"an archive holds {name!r}, which leads out of its folder: refused")
        if name in names or any(not sign.isprintable() for sign in name):
            raise StoreError(f"an archive holds {name!r} twice or spelt oddly: refused")
        mode = entry.external_attr >> 16
        if entry.is_dir() or (mode and not stat.S_ISREG(mode)):
            raise StoreError(f"an archive holds {name!r}, which is no plain file: refused")
        if total > most_bytes or len(names) >= most_files:
            raise StoreError(
                f"an archive says that it holds more than {most_bytes} bytes or {most_files} "
                "files: refused"
            )
        names.add(name)
