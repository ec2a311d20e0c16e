"""What happens on the node that Ray has chosen: find or unpack the store, work, send back."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import benchmark
from benchmark.engines.launching import at_work, environment, failed, started
from benchmark.engines.limits import Limits
from benchmark.environment import cores
from benchmark.parcels import pack, unpack
from benchmark.schema import Failure
from benchmark.tasks import FOLDER
from benchmark.worker import Order

# Small, and common to all tasks of a store: what was measured of machines, and what they are.
ABOUT_MACHINES = ("machines", "environments")
BLIND = "blind"

Said = str | bytes
"""A line for :func:`benchmark.engines.launching.parse`; the word ``blind``; or a parcel."""


@dataclass(frozen=True)
class Assignment:
    """What a node is told beside its order.

    Attributes:
        order: As JSON; ``store`` is the driver's path.
        code: The driver's :func:`code_digest`.
        mark: Name of a file that the driver has put into its store, to be found by nodes that
            see the same folder; None where results are sent in any case.
        gpus: GPUs that Ray has set aside for this task, or a share of one.
        limits: What its worker may take.
    """

    order: str
    code: str
    mark: str | None
    gpus: float
    limits: Limits


@cache
def code_digest() -> str:
    """12 hex digits over the sources of this package: nodes with others would compute otherwise."""
    root = Path(benchmark.__file__).parent
    digest = hashlib.sha256()
    for folder, names, files in os.walk(root, followlinks=True):
        names[:] = sorted(name for name in names if name != "__pycache__")
        for name in sorted(files):
            if name.endswith((".py", ".toml", ".txt")):
                path = Path(folder, name)
                digest.update(path.relative_to(root).as_posix().encode() + b"\0")
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def work(assignment: Assignment, parcels: Callable[[], Sequence[bytes]] | None) -> Iterator[Said]:
    """Do a task on this node.

    Args:
        assignment: What to do.
        parcels: Fetches what the task needs; None where nothing was sent along.

    Yields:
        Where it runs, its progress, and how it ended. A node that does not see the store says
        that it is blind and does nothing, unless parcels were sent along: then the results
        follow as a parcel, before the end.
    """
    node = platform.node()
    if code_digest() != assignment.code:
        sentence = (
            f"node {node} has another version of this software at "
            f"{Path(benchmark.__file__).parent}: install the same one on all nodes"
        )
        yield failed(Failure(sentence=sentence, type="OtherCode", fault="machine"))
        return
    order = Order.model_validate_json(assignment.order)
    if assignment.mark is not None and (order.store / assignment.mark).is_file():
        yield started(node)
        yield from _at_work(order, assignment)
        return
    if parcels is None:
        yield BLIND
        return
    yield started(node)
    with tempfile.TemporaryDirectory(prefix="landmark-store-") as folder:
        store = Path(folder)
        for parcel in parcels():
            unpack(parcel, store)
        own = order.model_copy(update={"store": store})
        for line in _at_work(own, assignment):
            if json.loads(line)["event"] == "done":
                task = order.task
                yield pack(store, (f"{FOLDER[task.kind]}/{task.key}", *ABOUT_MACHINES))
            yield line


def _at_work(order: Order, assignment: Assignment) -> Iterator[str]:
    variables = environment(order.threads)
    share = assignment.gpus
    if not share:
        # Not set aside for this task: others may have been given them.
        variables["CUDA_VISIBLE_DEVICES"] = ""
    told = order.model_copy(
        update={
            "lifeline": True,
            "device": order.device if share or order.device != "auto" else "cpu",
            # As many as find room: how many there are in fact, only Ray knows.
            "workers": max(1, cores() // order.threads),
            "gpu_workers": max(1, round(1 / share)) if 0 < share < 1 else 1,
        }
    )
    return at_work(told, variables, assignment.limits)
