"""What a trial costs and gives: pretrain, fine-tune on a part of the labels, score the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np

from benchmark import interruption
from benchmark.cell import fine_tuned
from benchmark.grid import PretrainingSpec
from benchmark.inference import predict
from benchmark.leases import Lease
from benchmark.metrics import radial_errors
from benchmark.prepared import PreparedDataset
from benchmark.pretraining import Machine, run_pretraining
from benchmark.progress import Listener
from benchmark.store import Store
from benchmark.tuning.plans import StudyPlan
from benchmark.tuning.space import with_values
from benchmark.tuning.trainings import Training

Guard = Callable[[str, str], AbstractContextManager[None]]
"""Watches over the pretraining of a key, under the lease of a trial; see
:mod:`benchmark.write_guard`."""

_LOOK_SECONDS = 1.0


@dataclass(frozen=True, eq=False)
class Bench:
    """Where trials are computed.

    Attributes:
        store: Where pretrainings and checkpoints lie.
        machine: The device, and the id of its environment.
        listener: Told of the progress.
        guard: Entered around every pretraining.
    """

    store: Store
    machine: Machine
    listener: Listener
    guard: Guard


def score(
    bench: Bench,
    plan: StudyPlan,
    data: PreparedDataset,
    training: Training,
    values: Mapping[str, float],
    lease: Lease,
) -> list[float]:
    """The error of each held-out image after one fine-tuning under these options.

    An interrupted pretraining or fine-tuning is gone on with.

    Args:
        bench: Where to compute.
        plan: The search.
        data: What :func:`~benchmark.tuning.trainings.development_part` has left of the dataset.
        training: Which images are trained on, and which are held out.
        values: The options, by the names of dimensions.
        lease: Of the trial; its name is part of the checkpoint's.

    Returns:
        Mean radial errors over the known landmarks of an image, in the dataset's unit.
    """
    spec = with_values(plan.cell(training.seed), values)
    if spec.pretraining is not None:
        ensure_pretrained(bench, spec.pretraining, lease)
    checkpoint = bench.store.checkpoint(f"{lease.key}-{training.number}")
    trained = data.rows_of(training.trained)
    detector, _ = fine_tuned(
        bench.store,
        spec,
        data,
        trained,
        bench.machine,
        bench.listener,
        checkpoint,
    )
    rows = data.rows_of(training.scored)
    found = predict(
        detector, data, rows, spec.protocol, bench.machine.device, bench.listener, shots=trained
    )
    checkpoint.unlink(missing_ok=True)
    errors = radial_errors(found, data.points[rows], data.spacing[rows])
    known = ~np.isnan(errors).all(axis=1)
    return [float(value) for value in np.nanmean(errors[known], axis=1)]


def ensure_pretrained(bench: Bench, spec: PretrainingSpec, lease: Lease) -> None:
    """Pretrain, unless the store has it; wait where another process is at it.

    Raises:
        BenchmarkError: The method cannot do its work; one sentence says why.
    """
    store, key = bench.store, spec.key
    title = f"pretrain {spec.method.name} {spec.backbone['name']} for a trial"
    while not store.is_done("pretrained", key):
        holder = store.leases.holder("pretrained", key)
        gone = holder is not None and store.leases.blocked("pretrained", key) is None
        overdue = holder.record.token if holder is not None and gone else ""
        with store.working("pretrained", key, title, overdue) as ours:
            if ours and not store.is_done("pretrained", key):
                with bench.guard(key, f"{lease.kind}-{lease.key}"):
                    run_pretraining(store, spec, bench.machine, bench.listener)
        if not ours:
            interruption.leave_if_requested()
            time.sleep(_LOOK_SECONDS)
