"""A Ray cluster as the engine sees it: its room, tasks that are sent there, and what they say."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any

from benchmark.engines.nodes import Assignment, Said, work
from benchmark.engines.options import Resources
from benchmark.errors import UsageError


class NodeLostError(Exception):
    """A task is gone with its node, or with Ray's process there."""


class CancelledError(Exception):
    """A task was cancelled."""


class Cluster:
    """A connection to a Ray cluster; only one at a time in a process.

    Args:
        address: ``HOST:PORT`` of the head, ``auto`` for the cluster that this machine belongs to,
            ``local`` for one of this machine alone, which ends with this process.

    Raises:
        UsageError: Ray is not installed, or there is no cluster.
    """

    def __init__(self, address: str = "auto") -> None:
        # Before Ray is imported: nothing is sent to its makers, and a task without GPUs keeps
        # the variables that it was given.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        if address.startswith("ray://"):
            raise UsageError(
                f"--address {address}: Ray's client protocol does not pass on the progress of "
                "tasks; give this command on a node of the cluster, with --address auto"
            )
        try:
            import ray
        except ImportError as error:
            raise UsageError(
                "--engine ray needs Ray: pip install 'fewshot-landmark-benchmark[ray]'"
            ) from error
        self._ray: Any = ray
        if ray.is_initialized():
            ray.shutdown()
        try:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=False if address == "local" else None,
            )
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UsageError(
                f"--address {address}: no Ray cluster can be reached ({reason}); start one with "
                "`ray start --head`, or give --address local"
            ) from error
        self._remote = ray.remote(max_retries=0, num_returns="streaming")(_on_node)

    def close(self) -> None:
        """Leave the cluster."""
        self._ray.shutdown()

    def room(self, resources: Resources) -> int:
        """How many tasks of this size the nodes hold at the same time."""
        rooms = []
        for node in self._nodes():
            shares = [node.get("CPU", 0.0) // (resources.cpus or 1)]
            if resources.gpus:
                shares.append(node.get("GPU", 0.0) // resources.gpus)
            if resources.memory_gb:
                shares.append(node.get("memory", 0.0) // (resources.memory_gb * 1024**3))
            rooms.append(int(min(shares)))
        return sum(rooms)

    def gpus(self) -> float:
        """GPUs of all nodes."""
        return sum(node.get("GPU", 0.0) for node in self._nodes())

    def nodes(self) -> int:
        """Nodes that are there."""
        return len(self._nodes())

    def _nodes(self) -> list[dict[str, float]]:
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]

    def put(self, parcel: bytes) -> Any:
        """Keep a parcel where all nodes can fetch it, each once."""
        return self._ray.put(parcel)

    def submit(self, assignment: Assignment, parcels: Sequence[Any] | None, on: Resources) -> Any:
        """Send a task; it begins once a node has room.

        Returns:
            A handle for the other methods.
        """
        remote = self._remote.options(
            num_cpus=on.cpus or 1,
            num_gpus=on.gpus or 0,
            memory=int(on.memory_gb * 1024**3) if on.memory_gb else None,
        )
        # In a list, so that they are fetched only by nodes that ask for them.
        return remote.remote(assignment, None if parcels is None else list(parcels))

    def speaking(self, handles: Sequence[Any], seconds: float) -> list[Any]:
        """The handles of tasks that have something to say, or have ended."""
        if not handles:
            return []
        wait = self._ray.wait(
            list(handles), num_returns=len(handles), timeout=seconds, fetch_local=False
        )
        found: list[Any] = wait[0]
        return found

    def hear(self, handle: Any) -> Said | None:
        """The next thing that a task says; None at its end.

        Raises:
            NodeLostError: Its node is gone.
            CancelledError: It was cancelled.
            RuntimeError: Ray could not run it at all.
        """
        errors = self._ray.exceptions
        try:
            said: Said = self._ray.get(next(handle))
        except StopIteration:
            return None
        except errors.TaskCancelledError as error:
            raise CancelledError from error
        except (
            errors.WorkerCrashedError,
            errors.NodeDiedError,
            errors.ObjectLostError,
            errors.LocalRayletDiedError,
        ) as error:
            raise NodeLostError(_first_line(error)) from error
        except errors.RayError as error:
            raise RuntimeError(_first_line(error)) from error
        return said

    def cancel(self, handle: Any, *, force: bool = True) -> None:
        """Kill a task, whatever it is doing; without ``force``, ask it to leave."""
        # There is an error where it has ended by itself.
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.cancel(handle, force=force)


def _on_node(assignment: Assignment, parcels: list[Any] | None) -> Iterator[Said]:
    """What Ray runs; the references in ``parcels`` are fetched when they are asked for."""
    if parcels is None:
        yield from work(assignment, None)
        return
    import ray

    yield from work(assignment, lambda: ray.get(parcels))


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
