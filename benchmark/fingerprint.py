"""Digests of files and of whole datasets, so that a changed image never meets an old result."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmark.errors import DataError
from benchmark.records import Sample, points_digest_parts

_SETTLED_NS = 2_000_000_000
"""A file younger than this is not cached: it may still change within one tick of its clock."""

_MAX_ENTRIES = 200_000

Stamp = tuple[int, int, int]


def default_cache_path() -> Path:
    """Where digests are kept between runs: the user's cache folder, never the project or store."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(base) if base else Path.home() / ".cache"
    return folder / "fewshot-landmarks" / "digests.json"


class DigestCache:
    """Digests of files by resolved path, size and times, so that a second run reads no image.

    The times are those of modification and of the last change of the entry (``mtime_ns`` and
    ``ctime_ns``): uncompressed radiographs all have one size, and unpacking can restore old
    modification times. A cache that cannot be read or written does no harm.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path if path is not None else default_cache_path()
        self._known = self._load()
        self._new: dict[str, tuple[Stamp, str]] = {}

    def get(self, path: Path, stamp: Stamp) -> str | None:
        """The digest that was kept for this very state of the file."""
        entry = self._new.get(str(path)) or self._known.get(str(path))
        return entry[1] if entry is not None and entry[0] == stamp else None

    def put(self, path: Path, stamp: Stamp, digest: str) -> None:
        """Keep a digest, unless the file is so young that its times may not tell a change."""
        if time.time_ns() - max(stamp[1:]) > _SETTLED_NS:
            self._new[str(path)] = (stamp, digest)

    def save(self) -> None:
        """Add what is new to the file, atomically; in silence where it cannot be written."""
        if not self._new:
            return
        merged = self._load() | self._new
        if len(merged) > _MAX_ENTRIES:
            merged = self._new
        content = {path: [*stamp, digest] for path, (stamp, digest) in merged.items()}
        temporary: Path | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=self.path.parent, suffix=".tmp", delete=False, encoding="utf-8"
            ) as file:
                temporary = Path(file.name)
                json.dump(content, file)
            temporary.replace(self.path)
        except OSError:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            return
        self._known = merged
        self._new = {}

    def _load(self) -> dict[str, tuple[Stamp, str]]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            return {
                str(path): ((int(size), int(modified), int(changed)), str(digest))
                for path, (size, modified, changed, digest) in content.items()
            }
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


def file_digest(path: Path, cache: DigestCache | None = None) -> str:
    """The sha256 of a file's bytes in hex.

    Args:
        path: The file.
        cache: Asked first and told afterwards; the caller saves it.

    Raises:
        DataError: The file is missing or cannot be read.
    """
    try:
        resolved = path.resolve(strict=True)
        status = resolved.stat()
        stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = cache.get(resolved, stamp) if cache is not None else None
        if known is not None:
            return known
        with resolved.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"{path}: the file cannot be read ({error.strerror}); restore it or its permissions."
        ) from error
    if cache is not None:
        cache.put(resolved, stamp, digest)
    return digest


def content_digest(path: Path) -> str:
    """The sha256 of a file's bytes in hex, read once a process as long as it does not change.

    Raises:
        DataError: The file is missing or cannot be read.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(
            f"{path}: the file cannot be read ({error.strerror}); give the path of one that can"
        ) from error
    return _digest_of_state(path.resolve(), status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@functools.cache
def _digest_of_state(path: Path, *_state: int) -> str:
    return file_digest(path)


def without_leaks(fingerprint: str) -> str:
    """The fingerprint of a dataset from whose test set the leaking images are taken.

    Another test set is another dataset: no table may hold results on both.
    """
    return hashlib.sha256(f"{fingerprint}|without leaking test images".encode()).hexdigest()


def dataset_fingerprint(
    samples: Sequence[Sample], images: Mapping[str, Path], declared: Sequence[str] = ()
) -> str:
    """The digest over everything of a dataset that changes a result.

    Args:
        samples: Their ids, splits, groups, points, sizes and spacing enter.
        images: The image file of each sample id; its bytes enter.
        declared: What else the dataset says, such as unit, thresholds and landmark names.

    Returns:
        64 hex digits.

    Raises:
        DataError: An image is missing or cannot be read.
    """
    cache = DigestCache()
    lines = [*declared, *points_digest_parts(samples)]
    lines += [f"{sample.id}={file_digest(images[sample.id], cache)}" for sample in samples]
    cache.save()
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
