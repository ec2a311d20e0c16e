"""Starting the processes of one training, and joining them through Lightning Fabric."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.errors import UsageError
from benchmark.schema import EnvironmentRecord, Failure
from benchmark.store import Store

if TYPE_CHECKING:
    import torch

RANK = "LOCAL_RANK"
# After the death of one process the others may find a better reason themselves.
GRACE_SECONDS = 10.0


class FollowerStore(Store):
    """The store for those who do not lead: everything is read, and nothing written is kept."""

    @contextmanager
    def folder(self, kind: str, key: str) -> Iterator[Path]:
        """A folder that is thrown away."""
        folder = Path(tempfile.mkdtemp(prefix=f"landmark-{kind}-{key}-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def working(self, kind: str, key: str, title: str = "", overdue: str = "") -> Iterator[bool]:
        """The leader holds the lease for all."""
        yield True

    def is_done(self, kind: str, key: str) -> bool:
        """The leader has looked."""
        return False

    def write_environment(self, record: EnvironmentRecord) -> None:
        """The leader writes the same."""


def follower_rank() -> int:
    """The rank that this process was started with; 0 for one that trains alone or leads."""
    return int(os.environ.get(RANK, "0"))


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


class Followers:
    """The other processes of a training; they end with the one that has started them.

    Args:
        order: As JSON, the same for all.
        size: Processes, the leader included.
        died: Called with the reason when one has ended before its time.
    """

    def __init__(self, order: str, size: int, died: Callable[[Failure], None]) -> None:
        common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "NODE_RANK": "0"}
        os.environ.update(common | {RANK: "0"})
        self._died, self._stopping = died, False
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmark.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | {RANK: str(rank)},
            )
            for rank in range(1, size)
        ]
        for rank, process in enumerate(self._processes, start=1):
            assert process.stdin is not None
            process.stdin.write(order.encode() + b"\n")
            process.stdin.flush()
            threading.Thread(target=self._watch, args=(rank, process), daemon=True).start()

    def _watch(self, rank: int, process: subprocess.Popen[bytes]) -> None:
        """Wait for the end of a process, and tell where it was no good end."""
        assert process.stdout is not None
        reason = ""
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "failed":
                reason = f": {event['failure']['sentence']}"
        status = process.wait()
        if status and not self._stopping:
            time.sleep(GRACE_SECONDS)
            count = len(self._processes) + 1
            sentence = f"process {rank + 1} of the {count} of this training ended with status "
            failure = Failure(sentence=f"{sentence}{status}{reason}", type="WorkerDied")
            self._died(failure.model_copy(update={"fault": "machine"}))

    def stop(self) -> None:
        """End them; they have nothing to keep."""
        self._stopping = True
        for process in self._processes:
            process.kill()
            process.wait()


@contextmanager
def followed(order: str, size: int, died: Callable[[Failure], None]) -> Iterator[None]:
    """In this context, the other processes of a training are there; see :class:`Followers`."""
    followers = Followers(order, size, died)
    try:
        yield
    finally:
        followers.stop()


def join_team(size: int, device: torch.device) -> torch.device:
    """Join the processes of a training; waits until all have come.

    Args:
        size: How many there are.
        device: A CPU, or the kind of GPU of which each process takes the one of its rank.

    Returns:
        The device of this process.

    Raises:
        UsageError: There are fewer GPUs.
    """
    import torch
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.strategies.ddp import DDPStrategy

    from benchmark.parallel import Team, join

    if device.type == "cuda" and torch.cuda.device_count() < size:
        raise UsageError(
            f"--devices {size}: this worker sees {torch.cuda.device_count()} GPUs; ask for fewer"
        )
    backend = "nccl" if device.type == "cuda" else "gloo"
    fabric = Fabric(
        accelerator=device.type,
        devices=size,
        strategy=DDPStrategy(process_group_backend=backend),
        plugins=[LightningEnvironment()],
    )
    fabric.launch()
    join(Team(fabric))
    own: torch.device = fabric.device
    return own
