"""What a worker process of a tuning does: one trial after the other, until there are enough."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import optuna

from benchmark import interruption
from benchmark.errors import LeaseLostError, StoreUnwritableError
from benchmark.faults import failure_of
from benchmark.interruption import WorkInterrupted
from benchmark.prepared import load_prepared
from benchmark.training import DivergedError
from benchmark.tuning.leftovers import pretraining_keys
from benchmark.tuning.objective import Bench, score
from benchmark.tuning.orders import TuningOrder, open_searches, trainings
from benchmark.tuning.search import Claim, Search
from benchmark.tuning.trainings import development_part


def work_on_trials(order: TuningOrder, bench: Bench) -> None:
    """Do trials until none is left for this command; methods take turns.

    A trial that fails costs itself alone, and its reason is kept.

    Raises:
        StoreUnwritableError: Nothing can be written any more.
        WorkInterrupted: The work is to be left; the trial is gone on with later.
    """
    searches = open_searches(bench.store, order)
    while True:
        interruption.leave_if_requested()
        claim = None
        # Whoever has begun the fewest comes first, so that all are as far when time runs out.
        for search in sorted(searches, key=Search.turns):
            claim = search.claim(order.run, order.budgets[search.plan.key])
            if claim is not None:
                break
        if claim is None:
            return
        with claim.lease:
            _do(search, claim, bench)
        search.publish()


def _do(search: Search, claim: Claim, bench: Bench) -> None:
    """One trial, and how it ended."""
    trial, states = claim.trial, optuna.trial.TrialState
    started, earlier = time.monotonic(), float(trial.user_attrs.get("seconds", 0.0))

    def keep(**marks: Any) -> None:
        marks["seconds"] = earlier + time.monotonic() - started
        for name, value in marks.items():
            trial.set_user_attr(name, value)

    try:
        errors, pruned = _parts(search, claim, bench)
    except (WorkInterrupted, LeaseLostError, StoreUnwritableError):
        keep(left=True)
        raise
    except DivergedError as error:
        # It is what these options give, and would give again: it counts, and the sampler learns it.
        keep(reason=str(error))
        search.study.tell(trial, state=states.PRUNED)
    except Exception as error:
        keep(reason=failure_of(error).sentence)
        search.study.tell(trial, state=states.FAIL)
    else:
        keep()
        if pruned:
            search.study.tell(trial, state=states.PRUNED)
        elif not errors:
            keep(reason="no landmark of the held-out images is known")
            search.study.tell(trial, state=states.FAIL)
        else:
            search.study.tell(trial, mean(errors))


def _parts(search: Search, claim: Claim, bench: Bench) -> tuple[list[float], bool]:
    """All fine-tunings of a trial, or as many as it takes to see that it is a bad one.

    Returns:
        The errors by held-out image, and whether the trial was pruned.
    """
    trial, plan, store = claim.trial, search.plan, bench.store
    values: Mapping[str, float] = trial.params
    data = load_prepared(store, plan.cells[0].dataset.key)
    parts = trainings(plan, data)
    data = development_part(data, parts)
    done: list[list[float]] = [list(part) for part in trial.user_attrs.get("errors", [])]
    if "made" not in trial.user_attrs:
        keys = pretraining_keys(plan, values)
        made = sorted(key for key in keys if not store.is_done("pretrained", key))
        trial.set_user_attr("made", made)
    for number in range(len(done), len(parts)):
        claim.lease.state = f"training {number + 1}/{len(parts)}"
        if claim.lease.lost:
            claim.lease.ensure_held()
        done.append(score(bench, plan, data, parts[number], values, claim.lease))
        trial.set_user_attr("errors", done)
        so_far = [error for part in done for error in part]
        if so_far and number not in trial.storage.get_trial(trial._trial_id).intermediate_values:
            trial.report(mean(so_far), number)
        last = number + 1 == len(parts)
        if so_far and not last and not claim.is_default and trial.should_prune():
            return so_far, True
    return [error for part in done for error in part], False


def mean(values: list[float]) -> float:
    """The mean of some numbers."""
    return sum(values) / len(values)
