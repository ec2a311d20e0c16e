"""One tiny pretraining in a worker process, the way that a run does it."""

from __future__ import annotations

from benchmark.engines.base import Silent
from benchmark.engines.local import LocalEngine
from benchmark.engines.local_settings import LocalSettings
from benchmark.schema import Failure, PretrainingRecord
from benchmark.store import Store
from benchmark.tasks import Task
from benchmark.testing.pretrainings import ShortRun, pretraining_spec
from benchmark.testing.subject import Subject


def pretrain_in_a_worker(
    subject: Subject, run: ShortRun, store: Store
) -> PretrainingRecord | Failure:
    """Pretrain in a process of its own, which knows of the method only its name and options.

    Returns:
        The record that the worker has written into the store, or why there is none.
    """
    spec = pretraining_spec(subject, run)
    task = Task(
        kind="pretrain",
        key=spec.key,
        title=f"pretrain {subject.name}",
        payload={"spec": spec.model_dump(mode="json")},
    )
    settings = LocalSettings(workers=1, threads=1, device="cpu", plugins=subject.plugins)
    outcome = LocalEngine(store, settings, Silent()).run((task,))
    if outcome.failed:
        return outcome.failed[0][1]
    record = store.pretraining(spec.key)
    return record or Failure(sentence="the worker wrote no record")
