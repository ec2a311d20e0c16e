"""Files and keys: digests, and writing that leaves a whole file or none."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from benchmark.publishing import write_whole
from benchmark.schema import Record


def key_of(spec: Any) -> str:
    """16 hex digits of the sha256 over the canonical JSON of ``spec``."""
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_sha256(path: Path) -> str:
    """The hex sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, as :func:`write_file` does."""
    write_file(path, text)


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file that can be made again, such as a report, whole or not at all.

    Raises:
        StoreUnwritableError: The folder cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    write_whole(path, data, durable=False)


def write_record(path: Path, record: Record) -> None:
    """Write a record as indented JSON, whole or not at all, and wait until it is on the disk."""
    write_whole(path, (record.model_dump_json(indent=1) + "\n").encode(), durable=True)
