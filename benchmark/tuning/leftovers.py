"""Which pretrainings of trials are kept: those that a run will ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmark.publishing import remove
from benchmark.store import Store
from benchmark.tuning.plans import StudyPlan
from benchmark.tuning.search import Search
from benchmark.tuning.space import with_values


def pretraining_keys(plan: StudyPlan, values: Mapping[str, float]) -> set[str]:
    """The pretrainings that a trial rests on, of every seed."""
    specs = (with_values(cell, values).pretraining for cell in plan.cells)
    return {spec.key for spec in specs if spec is not None}


def forget_pretrainings(store: Store, searches: Iterable[Search]) -> None:
    """Remove what trials have pretrained, but for the best and the default options: it adds up.

    What was in the store before a trial stays, as do trials that are not finished.
    """
    made: set[str] = set()
    kept: set[str] = set()
    for search in searches:
        record = search.publish()
        for trial in search.trials():
            own = set(trial.user_attrs.get("made", ()))
            if trial.state.is_finished():
                made |= own
            else:
                kept |= own
        for best in (record.best, record.default):
            if best is not None:
                kept |= pretraining_keys(search.plan, best.values)
    for key in made - kept:
        with store.working("pretrained", key, "tidy up after tuning") as ours:
            if ours:
                remove(store.root / "pretrained" / key)
