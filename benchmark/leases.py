"""Leases: who is at work on what in a store, so that several runs share it and none writes twice.

A lease is a file ``leases/<kind>-<key>.<generation>`` that its holder makes longer every few
seconds. Others take the work over when the holder's process is known to be dead, or when the file
has not changed for long enough *by their own clock*: no two clocks are ever compared, so that one
that is set back or wrong does no harm. Taking over makes the next generation; making a file that
must not be there yet is one step on local and on network file systems, and only one can do it. A
holder that was suspended finds the next generation, or its file gone, before it writes anything
that counts (:meth:`Lease.ensure_held`).
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Self

from pydantic import Field, ValidationError

from benchmark.errors import LeaseLostError
from benchmark.processes import is_dead, this_process
from benchmark.publishing import write_new
from benchmark.schema import Record

LEASE_SECONDS = 60.0
_NAME = re.compile(r"(?P<kind>[a-z]+)-(?P<key>[^.]+)\.(?P<generation>[0-9]+)")
_ATTEMPTS = 20


class LeaseRecord(Record):
    """The first line of ``leases/<kind>-<key>.<generation>``: who is at work on something."""

    token: str
    owner: str = Field(description="Machine, process id and start, for that machine to ask.")
    host: str = ""
    since: str = ""
    title: str = ""


@dataclass(frozen=True)
class Holder:
    """A lease as others see it.

    Attributes:
        kind: The folder of the store in which the work will lie.
        key: Its key.
        generation: How often the work was taken over, plus one.
        record: Who holds it, and since when.
        latest: What the holder has said of itself last.
        sign: Changes whenever the holder gives a sign of life.
        seconds_ago: Since that sign, by the clocks of the file system and of this machine: only
            to be shown.
    """

    kind: str
    key: str
    generation: int
    record: LeaseRecord
    latest: str
    sign: tuple[str, int, int]
    seconds_ago: float

    @property
    def dead(self) -> bool:
        """Whether the process that holds it is known to be gone."""
        return is_dead(self.record.owner)

    @property
    def where(self) -> str:
        """For a sentence: machine and process."""
        return f"{self.record.host}, process {self.record.owner.split('-')[1]}"


class Leases:
    """The leases of a store.

    Args:
        root: The store's folder.
        seconds: Without a sign for so long, a holder has lost its lease to whoever takes it; a
            sign is given six times as often.
    """

    def __init__(self, root: Path, seconds: float = LEASE_SECONDS) -> None:
        self.folder, self.seconds = root / "leases", seconds
        self._watched: dict[str, tuple[tuple[str, int, int], float]] = {}

    def holders(self) -> dict[tuple[str, str], Holder]:
        """All that is under lease, by kind and key; dead holders too."""
        found: dict[tuple[str, str], tuple[int, Path]] = {}
        for generation, kind, key, path in self._files():
            if generation > found.get((kind, key), (0, path))[0]:
                found[kind, key] = (generation, path)
        read = {name: self._read(*name, *value) for name, value in found.items()}
        return {name: holder for name, holder in read.items() if holder is not None}

    def holder(self, kind: str, key: str) -> Holder | None:
        """Who holds the lease of one piece of work, dead or alive."""
        newest = max(self._generations(kind, key), default=None)
        return None if newest is None else self._read(kind, key, *newest)

    def blocked(self, kind: str, key: str) -> Holder | None:
        """Who is at work on it, if anybody: ask again and again to notice one that is gone.

        A holder counts until its process is known to be dead, or this object has seen no sign of
        it for the time of a lease.
        """
        holder = self.holder(kind, key)
        name = f"{kind}-{key}"
        if holder is None or holder.dead:
            self._watched.pop(name, None)
            return None
        sign, since = self._watched.setdefault(name, (holder.sign, time.monotonic()))
        if sign != holder.sign:
            self._watched[name] = (holder.sign, time.monotonic())
            return holder
        return None if time.monotonic() - since >= self.seconds else holder

    def acquire(self, kind: str, key: str, title: str = "", overdue: str = "") -> Lease | None:
        """Take a lease, or None where somebody holds it.

        Args:
            kind: The folder of the store in which the work will lie.
            key: Its key.
            title: What the work is, for those who ask.
            overdue: The token of a holder that has given no sign for too long, and loses it.

        Raises:
            StoreUnwritableError: The store cannot be written.
        """
        for _ in range(_ATTEMPTS):
            holder = self.holder(kind, key)
            if holder is not None and not holder.dead and holder.record.token != overdue:
                return None
            lease = self._make(kind, key, holder.generation + 1 if holder else 1, title)
            if lease is None:
                continue  # Somebody was faster.
            newest = self.holder(kind, key)
            if newest is not None and newest.record.token == lease.record.token:
                return lease
            lease.path.unlink(missing_ok=True)
        return None

    def forget_dead(self) -> None:
        """Remove the leases of processes that are known to be gone."""
        for (kind, key), holder in self.holders().items():
            if holder.dead:
                # Lower generations first: a lease that is left alone must not come to life.
                for _, path in sorted(self._generations(kind, key)):
                    path.unlink(missing_ok=True)

    def _make(self, kind: str, key: str, generation: int, title: str) -> Lease | None:
        """Make the file of a generation; None where it is there already."""
        record = LeaseRecord(
            token=token_hex(8),
            owner=this_process(),
            host=socket.gethostname(),
            since=datetime.now(UTC).isoformat(timespec="seconds"),
            title=title,
        )
        text = (record.model_dump_json() + "\n").encode()
        path = self.folder / f"{kind}-{key}.{generation}"
        return Lease(self, kind, key, generation, record) if write_new(path, text) else None

    def _files(self) -> Iterator[tuple[int, str, str, Path]]:
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    match = _NAME.fullmatch(entry.name)
                    if match is not None:
                        generation = int(match["generation"])
                        yield generation, match["kind"], match["key"], Path(entry.path)
        except FileNotFoundError:
            return

    def _generations(self, kind: str, key: str) -> list[tuple[int, Path]]:
        wanted = (kind, key)
        return [(number, path) for number, *name, path in self._files() if (*name,) == wanted]

    def _read(self, kind: str, key: str, generation: int, path: Path) -> Holder | None:
        """What a file says; None where it has gone."""
        try:
            # Opening it makes network file systems ask the server.
            with path.open("rb") as stream:
                status = os.fstat(stream.fileno())
                first = stream.readline()
                stream.seek(max(len(first), status.st_size - 200))
                last = stream.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
        except FileNotFoundError:
            return None
        try:
            record = LeaseRecord.model_validate_json(first)
        except ValidationError:
            # Just being written, where there are no links, or damaged: overdue after a while.
            record = LeaseRecord(token=f"unreadable {status.st_ino}", owner="0-0-0")
        sign = (record.token, status.st_size, status.st_mtime_ns)
        ago = max(0.0, time.time() - status.st_mtime)
        return Holder(kind, key, generation, record, last, sign, ago)


class Lease:
    """A lease that this process holds; as a context, it gives signs of life and is given back.

    Attributes:
        state: What the holder says of itself at each sign.
        lost: Whether a sign found that somebody has taken the lease.

    Args:
        leases: Those of the store.
        kind: The folder of the store in which the work will lie.
        key: Its key.
        generation: How often the work was taken over, plus one.
        record: What the file says.
    """

    def __init__(
        self, leases: Leases, kind: str, key: str, generation: int, record: LeaseRecord
    ) -> None:
        self.kind, self.key, self.generation, self.record = kind, key, generation, record
        self.path = leases.folder / f"{kind}-{key}.{generation}"
        self.state = ""
        self.lost = False
        self._leases = leases
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.give_back()

    def held(self) -> bool:
        """Whether nobody has taken it."""
        newest = self._leases.holder(self.kind, self.key)
        return newest is not None and newest.record.token == self.record.token

    def ensure_held(self) -> None:
        """Ask before anything is written that counts.

        Raises:
            LeaseLostError: Another process has taken the work over, or the file is gone.
        """
        if not self.held():
            raise LeaseLostError(
                f"the lease {self.path} is lost, because this process gave no sign for longer "
                f"than {self._leases.seconds:g} s: whoever took it goes on with the work"
            )

    def give_back(self) -> None:
        """Remove the file, and those of the generations before."""
        if self.held():
            for _, path in sorted(self._leases._generations(self.kind, self.key)):
                path.unlink(missing_ok=True)

    def sign(self) -> bool:
        """Give a sign of life; False where the file is gone."""
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(descriptor, (self.state[:150] + "\n").encode())
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return False
        except OSError:
            # A full disk takes no line, but a time.
            try:
                os.utime(self.path)
            except OSError:
                return False
        return True

    def _beat(self) -> None:
        while not self._ended.wait(min(10.0, self._leases.seconds / 6)):
            if not self.sign() or not self.held():
                self.lost = True
                return
