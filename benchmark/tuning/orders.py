"""What workers of a tuning are told, and the searches that follow from it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from benchmark.prepared import PreparedDataset, load_prepared
from benchmark.store import Store
from benchmark.tuning.plans import StudyPlan
from benchmark.tuning.search import Search
from benchmark.tuning.trainings import Training, trainings_of


class TuningOrder(BaseModel):
    """What a worker is told.

    Attributes:
        plans: The searches, all on one dataset.
        budgets: By the key of a search, the trials that this command may begin.
        run: The command.
        storage: URL of the Optuna storage; None: journals in the store.
    """

    model_config = ConfigDict(frozen=True)

    plans: tuple[StudyPlan, ...]
    budgets: dict[str, int]
    run: str
    storage: str | None = None


def open_searches(store: Store, order: TuningOrder) -> list[Search]:
    """The searches of an order; the dataset has been prepared.

    Raises:
        UsageError: A draw cannot be scored, or the storage cannot be opened.
        StoreError: What lies in the store is damaged.
    """
    found = []
    for plan in order.plans:
        data = load_prepared(store, plan.cells[0].dataset.key)
        count = len(trainings(plan, data))
        found.append(Search(store, plan, count, data.record.unit, order.storage))
    return found


def trainings(plan: StudyPlan, data: PreparedDataset) -> tuple[Training, ...]:
    """The fine-tunings of a trial."""
    return trainings_of(data, plan.labels.shots, plan.seeds, plan.score, plan.folds)
