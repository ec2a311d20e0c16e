"""What a task needs of a store, sent to a machine that does not see it, and what comes back."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark.errors import StoreError
from benchmark.grid import CellSpec, PretrainingSpec
from benchmark.merging import merge
from benchmark.parcels import pack, unpack
from benchmark.store import Store
from benchmark.tasks import FOLDER, Task


class Inputs:
    """Parcels with prepared datasets and pretrained weights, each made and kept once.

    Args:
        store: What they are taken from.
        keep: Puts a parcel where other machines can fetch it, and gives a reference to it.
    """

    def __init__(self, store: Store, keep: Callable[[bytes], Any]) -> None:
        self._store, self._keep = store, keep
        self._kept: dict[str, Any] = {}

    def of(self, task: Task) -> list[Any]:
        """References to parcels of all that a task reads."""
        for folder in needs(task):
            if folder not in self._kept:
                self._kept[folder] = self._keep(pack(self._store.root, (folder,)))
        return [self._kept[folder] for folder in needs(task)]


def needs(task: Task) -> list[str]:
    """The folders of the store that a pretraining or a cell reads."""
    folders = ["machines"]
    spec: CellSpec | PretrainingSpec
    if task.kind == "cell":
        spec = CellSpec.model_validate(task.payload["spec"])
        if spec.pretraining is not None:
            folders.append(f"pretrained/{spec.pretraining.key}")
    else:
        spec = PretrainingSpec.model_validate(task.payload["spec"])
    if spec.dataset is not None:
        folders.append(f"datasets/{spec.dataset.key}")
    if isinstance(spec, PretrainingSpec) and spec.extra_pool is not None:
        folders.append(f"unlabelled/{spec.extra_pool.key}")
    return folders


def take_results(store: Store, task: Task, parcel: bytes) -> None:
    """Put what a task has written elsewhere into the store.

    Raises:
        StoreError: The parcel is damaged or holds something else, or the store cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="landmark-results-") as folder:
        unpack(parcel, Path(folder))
        merged = merge(store, Store(Path(folder)))
    if not store.is_done(FOLDER[task.kind], task.key):
        reason = "; ".join(merged.notes) or "no result is in it"
        raise StoreError(f"what another machine has sent for {task.title} will not do: {reason}")
