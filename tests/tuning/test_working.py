"""Trials as a worker does them: what is scored, what a kill and a failure cost, what is kept."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmark import interruption
from benchmark.interruption import WorkInterrupted
from benchmark.prepared import load_prepared
from benchmark.progress import Progress
from benchmark.store import Store
from benchmark.training import DivergedError
from benchmark.tuning import working
from benchmark.tuning.leftovers import forget_pretrainings, pretraining_keys
from benchmark.tuning.objective import score as whole_score
from benchmark.tuning.records import StudyRecord
from benchmark.tuning.working import work_on_trials
from tests.tuning.searching import bench, order, plans, prepared, request, searches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmark.config import RunConfig


@pytest.fixture(autouse=True)
def nobody_asks_to_leave() -> Iterator[None]:
    """The request of one test is not that of the next."""
    interruption._requested = False
    yield
    interruption._requested = False


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which the phantoms are prepared, to be copied."""
    return prepared(request(tmp_path_factory.mktemp("prepared") / "runs")).root


def copied(dataset: Path, output: Path) -> Store:
    shutil.copytree(dataset, output)
    return Store(output)


def worked(config: RunConfig, store: Store) -> list[StudyRecord]:
    """Do all trials in this process; the records by the method's name."""
    work_on_trials(order(config), bench(store))
    return sorted(store.studies(), key=lambda record: record.method)


def test_every_method_gets_as_many_trials_on_the_same_images(dataset: Path, tmp_path: Path) -> None:
    config = request(tmp_path / "runs", methods="simclr", trials=2, tuning={"folds": 2})
    store = copied(dataset, config.output)
    scratch, simclr = worked(config, store)
    assert (scratch.method, simclr.method) == ("scratch", "simclr")
    for record in (scratch, simclr):
        assert record.counted == record.wanted == 2
        assert [trial.state for trial in record.trials] == ["complete", "complete"]
        for trial in record.trials:
            assert trial.trainings == record.trainings == 2
            assert len(trial.errors) == 4, "each of the four shots is held out once"
            assert trial.score == pytest.approx(sum(trial.errors) / 4)
            assert trial.seconds > 0
        one, other = record.trials
        assert one.errors != other.errors, "the options change the result"
    assert not list((store.root / "checkpoints").glob("*")), "no checkpoint is left"


def test_pretrainings_of_bad_trials_are_removed_and_those_a_run_needs_are_kept(
    dataset: Path, tmp_path: Path
) -> None:
    config = request(tmp_path / "runs", methods="simclr", trials=3, tuning={"folds": 2})
    store = copied(dataset, config.output)
    worked(config, store)
    made = {record.key for record in store.pretrainings()}
    assert len(made) == 3
    opened = searches(store, config)
    forget_pretrainings(store, opened)
    kept = {record.key for record in store.pretrainings()}
    simclr = next(s for s in opened if s.plan.labels.method == "simclr")
    record = simclr.publish()
    assert record.best is not None
    assert record.default is not None
    assert kept == pretraining_keys(simclr.plan, record.best.values) | pretraining_keys(
        simclr.plan, record.default.values
    )


def test_no_score_changes_when_every_test_image_is_another(dataset: Path, tmp_path: Path) -> None:
    scores = []
    for name in ("true", "false"):
        config = request(tmp_path / name, trials=2)
        store = copied(dataset, config.output)
        key = plans(config)[0].cells[0].dataset.key
        if name == "false":
            folder, rows = store.root / "datasets" / key, load_prepared(store, key).rows("test")
            for file in ("images.npy", "points.npy"):
                values = np.load(folder / file)
                values[rows] = values[rows][:, ::-1] if file == "points.npy" else 255
                np.save(folder / file, values)
        (record,) = worked(config, store)
        scores.append([trial.errors for trial in record.trials])
    assert scores[0] == scores[1]
    assert all(len(errors) == 4 for errors in scores[0])


@pytest.mark.parametrize("score", ["folds", "val"])
def test_an_interrupted_trial_is_gone_on_with_to_the_scores_of_an_undisturbed_one(
    dataset: Path, tmp_path: Path, score: str
) -> None:
    records = []
    for name in ("whole", "broken"):
        flags = {"score": score}
        config = request(tmp_path / name, methods="simclr", trials=2, tuning=flags)
        store = copied(dataset, config.output)
        if name == "broken":
            asked = iter((4, 9, 14, 19))
            stops = 0
            while (after := next(asked, None)) is not None:
                messages = iter(range(after))

                def leave(_: Progress, messages: Iterator[int] = messages) -> None:
                    if next(messages, None) is None:
                        interruption.request()

                interruption._requested = False
                try:
                    work_on_trials(order(config), bench(store, leave))
                except WorkInterrupted:
                    stops += 1
            assert stops, "it was interrupted at least once"
            interruption._requested = False
        records.append(worked(config, store))
    for whole, broken in zip(*records, strict=True):
        assert [t.values for t in whole.trials] == [t.values for t in broken.trials]
        assert [t.errors for t in whole.trials] == [t.errors for t in broken.trials]


def test_a_trial_that_raises_fails_with_its_reason_and_the_others_go_on(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = request(tmp_path / "runs", methods="simclr", trials=2)
    store = copied(dataset, config.output)
    calls: list[object] = []

    def score(bench: object, plan: object, *rest: object) -> list[float]:
        calls.append(plan)
        if plan.labels.method == "simclr" and len(calls) < 3:  # type: ignore[attr-defined]
            raise RuntimeError("a head is missing")
        return whole_score(bench, plan, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(working, "score", score)
    scratch, simclr = worked(config, store)
    assert scratch.counted == 2
    assert [trial.state for trial in simclr.trials] == ["failed", "complete"]
    assert simclr.trials[0].reason == "RuntimeError: a head is missing"
    # The next command makes up for it.
    work_on_trials(order(config, "next"), bench(store))
    again = next(record for record in store.studies() if record.method == "simclr")
    assert again.counted == 2


def test_options_under_which_training_diverges_count_as_a_bad_trial(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = request(tmp_path / "runs", trials=2)
    calls: list[object] = []

    def score(*given: object) -> list[float]:
        calls.append(given)
        if len(calls) == 1:
            raise DivergedError("the loss was not finite at step 3")
        return whole_score(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(working, "score", score)
    (record,) = worked(config, copied(dataset, config.output))
    assert [trial.state for trial in record.trials] == ["pruned", "complete"]
    assert record.trials[0].reason == "the loss was not finite at step 3"
    assert record.trials[0].score is None
    assert record.counted == 2


def test_a_bad_trial_is_ended_after_its_first_training_and_the_default_one_never_is(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = request(tmp_path / "runs", trials=6, tuning={"folds": 2})
    given = iter([9.0, 9.0, 1.0, 1.0, 1.0, 1.0, 8.0, 1.0, 1.0, 1.0, 1.0])
    monkeypatch.setattr(working, "score", lambda *_: [next(given)])
    (record,) = worked(config, copied(dataset, config.output))
    assert [trial.trainings for trial in record.trials] == [2, 2, 2, 1, 2, 2]
    assert record.trials[3].state == "pruned"
    assert record.trials[3].score == 8.0
    assert record.default is not None
    assert record.default.number == 0
