"""One search in an Optuna storage: which trial comes next, and how trials have ended."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from benchmark import __version__
from benchmark.errors import StoreError
from benchmark.files import write_record
from benchmark.leases import Lease
from benchmark.processes import is_dead, this_process
from benchmark.store import Store
from benchmark.tuning.plans import StudyPlan
from benchmark.tuning.records import StudyRecord, TrialRecord, TunedDimension
from benchmark.tuning.sampling import pruner, sampler
from benchmark.tuning.storages import open_storage

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

FEW = 3
"""So many failures, and nothing that is finished, end the search for a method; so many deaths of
its worker fail a trial."""

_UNKNOWN_SECONDS = 60.0


@dataclass(frozen=True, eq=False)
class Claim:
    """A trial that this process alone is at work on.

    Attributes:
        trial: Optuna's.
        lease: Held as long as the work goes on.
    """

    trial: Trial
    lease: Lease

    @property
    def is_default(self) -> bool:
        """Whether it is the trial of the default options, which is never pruned."""
        return bool(self.trial.user_attrs.get("default"))


class Search:
    """The trials of one plan, shared by all processes that open the same storage.

    Args:
        store: Where leases and the record lie, and the journal unless a URL is given.
        plan: What is searched.
        trainings: Fine-tunings of a whole trial.
        unit: Of the scores.
        url: Of an Optuna storage; None: a journal in the store.
    """

    def __init__(
        self, store: Store, plan: StudyPlan, trainings: int, unit: str, url: str | None = None
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.store, self.plan, self.trainings, self.unit = store, plan, trainings, unit
        with self._alone():
            self._make_folder()
            self.study = optuna.create_study(
                storage=open_storage(store.root / "tuning" / plan.key, url),
                sampler=sampler(plan.seed, plan.trials),
                pruner=pruner(plan.trials),
                study_name=f"landmarks-{plan.key}",
                direction="minimize",
                load_if_exists=True,
            )
            if not self.study.get_trials(deepcopy=False):
                values = {dimension.name: dimension.default for dimension in plan.dimensions}
                self.study.enqueue_trial(values, user_attrs={"default": True})

    def trials(self, *states: str) -> list[FrozenTrial]:
        """The trials in some states of Optuna's, by their numbers; in all states where none."""
        from optuna.trial import TrialState

        wanted = [TrialState[name] for name in states] or None
        found = self.study.get_trials(deepcopy=False, states=wanted)
        return [trial for trial in found if not trial.user_attrs.get("surplus")]

    @property
    def counted(self) -> int:
        """Trials that were finished or pruned."""
        return len(self.trials("COMPLETE", "PRUNED"))

    def taken(self, run: str) -> int:
        """Trials that one command has begun or gone on with."""
        return sum(trial.user_attrs.get("run") == run for trial in self.trials())

    def given_up(self, run: str) -> bool:
        """Whether trial after trial of one command failed, and none was ever finished."""
        failed = sum(trial.user_attrs.get("run") == run for trial in self.trials("FAIL"))
        return failed >= FEW and not self.counted

    def begun(self) -> int:
        """Trials that are finished, pruned or at work."""
        return len(self.trials("COMPLETE", "PRUNED", "RUNNING"))

    def turns(self) -> int:
        """Trials that were ever begun."""
        return len(self.trials("COMPLETE", "PRUNED", "RUNNING", "FAIL"))

    def has_work(self, run: str, budget: int) -> bool:
        """Whether a trial could be begun or gone on with now."""
        if self.given_up(run):
            return False
        if any(self._is_open_to(trial, run, budget) for trial in self.left()):
            return True
        return self.taken(run) < budget and self.begun() < self.plan.trials

    def left(self) -> list[FrozenTrial]:
        """Trials that nobody is at work on any more, although they were begun."""
        return [trial for trial in self.trials("RUNNING") if self._is_free(trial)]

    def claim(self, run: str, budget: int) -> Claim | None:
        """The next trial for this process, or None where there is none.

        Args:
            run: The command for which it is done.
            budget: Trials that the command may begin or go on with.
        """
        if not self.has_work(run, budget):
            return None
        return self._take_up(run, budget) or self._ask(run, budget)

    def _is_open_to(self, trial: FrozenTrial, run: str, budget: int) -> bool:
        """Whether a command may go on with a trial: its own are in its budget already."""
        return trial.user_attrs.get("run") == run or self.taken(run) < budget

    def _take_up(self, run: str, budget: int) -> Claim | None:
        import optuna

        for frozen in self.left():
            lease = self._acquire(frozen.number) if self._is_open_to(frozen, run, budget) else None
            if lease is None:
                continue
            trial = optuna.trial.Trial(self.study, frozen._trial_id)
            died = not frozen.user_attrs.get("left")
            attempts = int(frozen.user_attrs.get("attempts", 1)) + died
            if any(t.number == frozen.number for t in self.trials("RUNNING")):
                if attempts <= FEW:
                    self._mark(trial, run, attempts)
                    return Claim(trial, lease)
                trial.set_user_attr("reason", f"its worker died {FEW} times")
                self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
            lease.give_back()
        return None

    def _ask(self, run: str, budget: int) -> Claim | None:
        import optuna
        from optuna.distributions import FloatDistribution

        if self.begun() >= self.plan.trials or self.taken(run) >= budget:
            return None
        space = {d.name: FloatDistribution(d.low, d.high, log=True) for d in self.plan.dimensions}
        trial = self.study.ask(fixed_distributions=space)  # type: ignore[arg-type]
        earlier = [
            t for t in self.trials("COMPLETE", "PRUNED", "RUNNING") if t.number < trial.number
        ]
        lease = self._acquire(trial.number)
        if lease is None or len(earlier) >= self.plan.trials:  # Others were faster.
            trial.set_user_attr("surplus", value=True)
            self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
            if lease is not None:
                lease.give_back()
            return None
        self._mark(trial, run, 1)
        return Claim(trial, lease)

    def _mark(self, trial: Trial, run: str, attempts: int) -> None:
        marks = {"owner": this_process(), "run": run, "attempts": attempts, "left": False}
        for name, value in marks.items():
            trial.set_user_attr(name, value)

    def _acquire(self, number: int) -> Lease | None:
        key, leases = f"{self.plan.key}-{number}", self.store.leases
        holder = leases.holder("trial", key)
        overdue = holder.record.token if holder is not None else ""
        return leases.acquire("trial", key, f"tune {self.plan.name} trial {number}", overdue)

    def _is_free(self, trial: FrozenTrial) -> bool:
        """Whether nobody is at work on a trial that was begun.

        Of one that shares the storage, but not the store, nobody can tell.
        """
        key = f"{self.plan.key}-{trial.number}"
        if self.store.leases.holder("trial", key) is not None:
            return self.store.leases.blocked("trial", key) is None
        owner = trial.user_attrs.get("owner")
        if trial.user_attrs.get("left") or (owner and is_dead(owner)):
            return True
        # Between Optuna's step and ours there was no owner yet.
        begun = trial.datetime_start or datetime.now()  # noqa: DTZ005  (Optuna's are local)
        age = (datetime.now() - begun).total_seconds()  # noqa: DTZ005
        return not owner and age > _UNKNOWN_SECONDS

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time: what is read here is still so when it is written."""
        leases, key = self.store.leases, self.plan.key
        lease = leases.acquire("study", key, f"tune {self.plan.name}")
        while lease is None:
            time.sleep(0.05)
            holder = leases.holder("study", key)
            gone = holder is not None and leases.blocked("study", key) is None
            token = holder.record.token if holder is not None and gone else ""
            lease = leases.acquire("study", key, f"tune {self.plan.name}", token)
        with lease:
            yield

    def _make_folder(self) -> None:
        """Make the folder of the search with its record, unless it is there.

        Raises:
            StoreError: Its record is damaged.
        """
        key = self.plan.key
        if self.store.is_done("tuning", key):
            return
        folder = self.store.root / "tuning" / key
        if folder.exists():
            raise StoreError(
                f"{folder}/study.json cannot be read: move the folder away to search anew"
            )
        with self.store.folder("tuning", key) as folder:
            write_record(folder / "study.json", self._record([]))

    def publish(self) -> StudyRecord:
        """Write what is known of the trials where reports look for it."""
        with self._alone():
            record = self._record(self.trials("COMPLETE", "PRUNED", "FAIL"))
            write_record(self.store.root / "tuning" / self.plan.key / "study.json", record)
        return record

    def _record(self, trials: Sequence[FrozenTrial]) -> StudyRecord:
        plan, labels = self.plan, self.plan.labels
        kept = tuple(_trial_record(trial) for trial in trials)
        counted = sum(trial.state != "failed" for trial in kept)
        return StudyRecord(
            key=plan.key,
            method=labels.method,
            title=labels.title,
            backbone=labels.backbone,
            transfer=labels.transfer,
            control=labels.control,
            source=plan.source(counted),
            unit=self.unit,
            wanted=plan.trials,
            trainings=self.trainings,
            dimensions=tuple(
                TunedDimension(title=d.title, **d.model_dump()) for d in plan.dimensions
            ),
            trials=kept,
            version=__version__,
            spec=plan.identity(),
        )


def _trial_record(trial: FrozenTrial) -> TrialRecord:
    states: dict[str, Any] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    marks = trial.user_attrs
    parts = marks.get("errors", [])
    errors = tuple(error for part in parts for error in part)
    return TrialRecord(
        number=trial.number,
        state=states[trial.state.name],
        values=trial.params,
        score=sum(errors) / len(errors) if errors else None,
        trainings=len(parts),
        errors=errors,
        reason=marks.get("reason", ""),
        seconds=marks.get("seconds", 0.0),
    )
