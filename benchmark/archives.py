"""A store in one file, for another machine: what it says of itself is checked before it is taken.

The file is a tar archive that begins with ``manifest.json``: the size and sha256 of every file
behind it. Nothing is unpacked that the manifest does not name, that has another name than files of
a store have, or that is larger than it says.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn, cast

from pydantic import ValidationError
from rich.console import Console

from benchmark.errors import DataError, UsageError
from benchmark.files import file_sha256
from benchmark.merging import SINGLE, merge, print_merged
from benchmark.overview import existing_store
from benchmark.publishing import remove, temporary_name, unwritable, whole_file
from benchmark.schema import Record
from benchmark.store import RECORDS, Store

FORMAT = 1
MANIFEST = "manifest.json"
MOST_FILES = 1_000_000
# More than this is never read into memory at once.
_MOST_AT_ONCE = 1 << 28
# What the libraries raise that read archives.
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError, OverflowError)
_PART = r"[A-Za-z0-9_][A-Za-z0-9_. ()+=@,-]{0,99}"
_NAME = re.compile(
    rf"(?:{'|'.join(RECORDS)})/[0-9a-f]{{16}}(?:/{_PART}){{1,3}}|(?:{'|'.join(SINGLE)})/{_PART}\.json"
)


class Entry(Record):
    """What a manifest says of a file."""

    size: int
    sha256: str


class Manifest(Record):
    """The first file of an archive."""

    format: int
    files: dict[str, Entry]


def export_archive(output: Path, archive: Path, console: Console) -> None:
    """Write all finished and failed work of a store into one file.

    Raises:
        UsageError: There is no store, or the file's name has another ending.
        StoreUnwritableError: The file cannot be written.
    """
    store = existing_store(output)
    if not archive.name.endswith((".tar", ".tar.gz")):
        raise UsageError(f"{archive} should end with .tar or .tar.gz")
    paths = dict(_files(store))
    left_out = [name for name in paths if _NAME.fullmatch(name) is None]
    for name in left_out:
        console.print(
            f"note: {name} has signs in its name that archives do not take: left out",
            markup=False,
            soft_wrap=True,
        )
        del paths[name]
    entries = {
        name: Entry(size=path.stat().st_size, sha256=file_sha256(path))
        for name, path in paths.items()
    }
    text = Manifest(format=FORMAT, files=entries).model_dump_json().encode()
    with (
        whole_file(archive) as temporary,
        _writing(temporary, archive.name) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        tar.addfile(_header(MANIFEST, len(text)), io.BytesIO(text))
        for name, path in paths.items():
            with path.open("rb") as content:
                tar.addfile(_header(name, entries[name].size), content)
    size = archive.stat().st_size / 1e6
    console.print(f"{archive}: {len(paths)} files, {size:.1f} MB", markup=False, soft_wrap=True)


def _files(store: Store) -> Iterator[tuple[str, Path]]:
    """What belongs into an archive: no drafts, checkpoints, leases or reports."""
    for kind in (*RECORDS, *SINGLE):
        for path in sorted((store.root / kind).rglob("*")):
            name = path.relative_to(store.root)
            hidden = any(part.startswith(".") for part in name.parts)
            if path.is_file() and not path.is_symlink() and not hidden:
                yield name.as_posix(), path


def _header(name: str, size: int) -> tarfile.TarInfo:
    """The same for the same content, whoever exports it and when."""
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o644
    return header


@contextmanager
def _writing(path: Path, name: str) -> Iterator[IO[bytes]]:
    with path.open("wb") as raw:
        if not name.endswith(".gz"):
            yield raw
            return
        with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=1, mtime=0) as packed:
            yield cast("IO[bytes]", packed)


def import_archive(output: Path, archive: Path, most_gigabytes: float, console: Console) -> None:
    """Check an archive whole, and merge what it holds into a store.

    Raises:
        DataError: It is damaged, or not what `export` writes; nothing has been taken.
        StoreUnwritableError: The store cannot be written.
    """
    store = Store(output)
    store.ensure_writable()
    unpacked = temporary_name(output / "import")
    try:
        unpacked.mkdir()
        try:
            _unpack(archive, unpacked, most_gigabytes)
        except _DAMAGED as error:
            _refuse(archive, f"it is damaged: {error}", error)
        merged = merge(store, Store(unpacked))
    finally:
        remove(unpacked)
    # It lay here only while it was looked at.
    merged.notes = [note.replace(str(unpacked), str(archive)) for note in merged.notes]
    print_merged(archive, merged, console)


def _refuse(archive: Path, reason: str, cause: Exception | None = None) -> NoReturn:
    raise DataError(
        f"{archive} cannot be imported, {reason}: export it again, and compare the files' checksums"
    ) from cause


class _Bounded(io.RawIOBase):
    """A file of which no part is read at once that would fill the memory."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MOST_AT_ONCE:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _unpack(archive: Path, folder: Path, most_gigabytes: float) -> None:
    """Write what the manifest names into a folder, or refuse."""
    try:
        raw = archive.open("rb")
    except OSError as error:
        raise DataError(f"cannot read {archive} ({error.strerror}): name a file that is") from error
    with raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if packed else raw
        with tarfile.open(
            fileobj=cast("IO[bytes]", _Bounded(stream)), mode="r:", errorlevel=2
        ) as tar:
            first = tar.next()
            if first is None or first.name != MANIFEST or not first.isreg():
                _refuse(archive, "it does not begin with a manifest")
            manifest = _manifest(archive, tar, first)
            _ensure_harmless(archive, manifest, most_gigabytes, folder)
            missing = dict(manifest.files)
            for header in iter(tar.next, None):
                entry = missing.pop(header.name, None)
                if entry is None or not header.isreg() or header.size != entry.size:
                    _refuse(archive, f"{header.name!r} is not as its manifest says")
                _extract(archive, tar, header, entry, folder / header.name)
            if missing:
                _refuse(archive, f"{next(iter(missing))} is missing")


def _manifest(archive: Path, tar: tarfile.TarFile, header: tarfile.TarInfo) -> Manifest:
    stream = tar.extractfile(header)
    if stream is None or header.size > _MOST_AT_ONCE:
        _refuse(archive, "its manifest is too large")
    try:
        manifest = Manifest.model_validate(json.loads(stream.read()))
    except (ValidationError, ValueError) as error:
        _refuse(archive, "its manifest cannot be read", error)
    if manifest.format != FORMAT:
        _refuse(archive, f"it has format {manifest.format}, and this version reads {FORMAT}")
    return manifest


def _ensure_harmless(
    archive: Path, manifest: Manifest, most_gigabytes: float, folder: Path
) -> None:
    if len(manifest.files) > MOST_FILES:
        _refuse(archive, f"it holds more than {MOST_FILES} files")
    for name, entry in manifest.files.items():
        if _NAME.fullmatch(name) is None or entry.size < 0:
            _refuse(archive, f"{name!r} is no file of a store")
    total = sum(entry.size for entry in manifest.files.values())
    if total > most_gigabytes * 1e9:
        _refuse(archive, f"it holds {total / 1e9:.1f} GB, more than --max-gb {most_gigabytes:g}")
    free = shutil.disk_usage(folder).free
    # Everything lies here twice until it is merged.
    if 2 * total > free:
        raise unwritable(
            folder.parent, OSError(f"{2 * total / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free")
        )


def _extract(
    archive: Path, tar: tarfile.TarFile, header: tarfile.TarInfo, entry: Entry, path: Path
) -> None:
    stream = tar.extractfile(header)
    assert stream is not None
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as target:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
                target.write(chunk)
    except OSError as error:
        raise unwritable(path, error) from error
    if digest.hexdigest() != entry.sha256:
        _refuse(archive, f"{header.name} is damaged")
