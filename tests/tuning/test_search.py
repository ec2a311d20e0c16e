"""Searches: which trial comes next, in one process and in several, after a kill and a failure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from benchmark.config import RunConfig
from benchmark.errors import StoreError, UsageError
from benchmark.processes import this_process
from benchmark.store import Store
from benchmark.tuning.search import FEW, Claim, Search
from benchmark.tuning.storages import mend, open_storage, without_password
from tests.tuning.searching import plans, request

DEAD = "-".join([this_process().split("-")[0], "999999999", "1"])
"""A process of this machine that is gone."""


def opened(config: RunConfig, number: int = 0) -> Search:
    """A search as a process opens it: with a store of its own, and nothing in memory."""
    plan = plans(config)[number]
    return Search(Store(config.output), plan, 3, "mm", config.tuning.storage)


def ends(search: Search, claim: Claim, value: float = 1.0, state: str = "") -> None:
    """The trial is over."""
    with claim.lease:
        claim.trial.set_user_attr("errors", [[value]])
        if state:
            search.study.tell(claim.trial, state=optuna.trial.TrialState[state])
        else:
            search.study.tell(claim.trial, value)


def all_done(search: Search, run: str = "run", budget: int = 99) -> list[int]:
    """Do what is left; the numbers of the trials."""
    numbers = []
    while (claim := search.claim(run, budget)) is not None:
        numbers.append(claim.trial.number)
        ends(search, claim, 10.0 - claim.trial.number)
    return numbers


def test_the_default_options_are_the_first_trial_and_the_record_tells_them(tmp_path: Path) -> None:
    search = opened(request(tmp_path))
    claim = search.claim("run", 3)
    assert claim is not None
    assert claim.is_default
    assert claim.trial.params == {d.name: d.default for d in search.plan.dimensions}
    ends(search, claim, 9.5)
    all_done(search)
    record = search.publish()
    assert record.default is not None
    assert (record.default.number, record.default.score) == (0, 9.5)
    assert record.best is not None
    assert record.best.number == 2
    assert Store(tmp_path).studies() == [record]


def test_a_search_ends_after_as_many_trials_as_were_asked_for(tmp_path: Path) -> None:
    assert all_done(opened(request(tmp_path))) == [0, 1, 2]
    assert all_done(opened(request(tmp_path))) == []
    assert all_done(opened(request(tmp_path, trials=5))) == [3, 4]


def test_pruned_trials_count_and_failed_ones_do_not(tmp_path: Path) -> None:
    search = opened(request(tmp_path))
    for state in ("PRUNED", "FAIL", ""):
        claim = search.claim("run", 3)
        assert claim is not None
        ends(search, claim, state=state)
    assert search.counted == 2
    # This command has had its three; the next one makes up for the failure.
    assert search.claim("run", 3) is None
    assert all_done(search, "next", 1) == [3]
    states = [trial.state for trial in search.publish().trials]
    assert states == ["pruned", "failed", "complete", "complete"]


def test_a_method_that_only_fails_is_given_up(tmp_path: Path) -> None:
    search = opened(request(tmp_path, trials=10))
    for _ in range(FEW):
        claim = search.claim("run", 10)
        assert claim is not None
        ends(search, claim, state="FAIL")
    assert search.given_up("run")
    assert search.claim("run", 10) is None
    assert search.claim("next", 10) is not None


def test_two_processes_share_a_search_and_do_no_trial_twice_or_too_many(tmp_path: Path) -> None:
    config = request(tmp_path, trials=5)
    first, second = opened(config), opened(config)
    held: list[tuple[Search, Claim]] = []
    for search in (first, second, first, second, first, second):
        claim = search.claim("one" if search is first else "two", 5)
        if claim is not None:
            held.append((search, claim))
    assert [claim.trial.number for _, claim in held] == [0, 1, 2, 3, 4]
    assert not second.has_work("two", 5)
    for search, claim in held:
        ends(search, claim, float(claim.trial.number))
    assert first.counted == second.counted == 5
    assert second.publish().trials == first.publish().trials


def killed(search: Search) -> Claim:
    """A trial whose process has died: its lease was cleared away, its owner is gone."""
    claim = search.claim("killed", 99)
    assert claim is not None
    claim.trial.set_user_attr("errors", [[3.0, 4.0]])
    claim.trial.set_user_attr("owner", DEAD)
    claim.lease.give_back()
    return claim


def test_a_trial_of_a_killed_process_is_gone_on_with_where_it_stood(tmp_path: Path) -> None:
    config = request(tmp_path, trials=2)
    before = killed(opened(config))
    search = opened(config)
    claim = search.claim("next", 2)
    assert claim is not None
    assert claim.trial.number == before.trial.number
    assert claim.trial.params == before.trial.params
    assert claim.trial.user_attrs["errors"] == [[3.0, 4.0]]
    ends(search, claim)
    assert all_done(search, "next", 2) == [1]


def test_a_command_goes_on_with_its_own_last_trial_although_its_budget_is_used_up(
    tmp_path: Path,
) -> None:
    config = request(tmp_path, trials=2)
    assert all_done(opened(config), "run", 1) == [0]
    search = opened(config)
    claim = search.claim("run", 2)
    assert claim is not None
    claim.trial.set_user_attr("owner", DEAD)
    claim.lease.give_back()
    assert opened(config).claim("another", 0) is None
    again = opened(config).claim("run", 2)
    assert again is not None
    assert again.trial.number == claim.trial.number == 1


def test_a_trial_at_which_a_process_is_at_work_is_left_to_it(tmp_path: Path) -> None:
    config = request(tmp_path, trials=1)
    claim = opened(config).claim("run", 1)
    assert claim is not None
    other = opened(config)
    assert other.left() == []
    assert other.claim("other", 1) is None
    # Its process is alive, but has left the work.
    claim.trial.set_user_attr("left", value=True)
    claim.lease.give_back()
    assert other.claim("other", 1) is not None


def test_a_trial_that_kills_its_worker_each_time_fails(tmp_path: Path) -> None:
    config = request(tmp_path, trials=1)
    for _ in range(FEW):
        killed(opened(config))
    search = opened(config)
    claim = search.claim("run", 1)
    assert claim is not None
    assert claim.trial.number == 1
    (failed,) = [t for t in search.publish().trials if t.state == "failed"]
    assert failed.reason == f"its worker died {FEW} times"


def test_the_random_trials_of_all_methods_stand_at_the_same_places(tmp_path: Path) -> None:
    config = request(tmp_path, methods="simclr")
    places = []
    for number in (0, 1):
        search = opened(config, number)
        all_done(search)
        low = {d.name: (d.low, d.default) for d in search.plan.dimensions}
        trial = search.trials()[1]
        places.append([trial.params[n] / default for n, (_, default) in low.items()][:2])
    assert places[0] == pytest.approx(places[1])


def test_a_search_repeats_and_another_seed_is_another_search(tmp_path: Path) -> None:
    found = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        search = opened(request(tmp_path / name, trials=6, tuning={"seed": seed}))
        all_done(search)
        found.append([trial.params for trial in search.trials()])
    assert found[0] == found[1]
    assert found[0][1:] != found[2][1:]


def test_a_trial_above_the_median_of_the_others_is_ended_early(tmp_path: Path) -> None:
    search = opened(request(tmp_path, trials=8))
    for _ in range(4):
        claim = search.claim("run", 8)
        assert claim is not None
        claim.trial.report(1.0, 0)
        ends(search, claim, 1.0)
    bad, good = search.claim("run", 8), search.claim("run", 8)
    assert bad is not None
    assert good is not None
    bad.trial.report(9.0, 0)
    good.trial.report(0.5, 0)
    assert bad.trial.should_prune()
    assert not good.trial.should_prune()


def test_a_database_serves_stores_that_see_nothing_of_one_another(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/studies.db"
    configs = [
        request(tmp_path / name, trials=2, tuning={"storage": storage}) for name in ("a", "b")
    ]
    first, second = (opened(config) for config in configs)
    claim = first.claim("one", 2)
    assert claim is not None
    # Nobody can tell whether the other machine is at it: it is left alone, and counts.
    assert all_done(second, "two", 2) == [1]
    ends(first, claim)
    assert second.counted == 2
    for search in (first, second):
        search.study._storage.remove_session()


def damaged(change: Callable[[Path], None], tmp_path: Path) -> Search:
    """A search of one trial whose journal was changed before it was opened again."""
    config = request(tmp_path, trials=2)
    search = opened(config)
    claim = search.claim("run", 1)
    assert claim is not None
    ends(search, claim)
    change(tmp_path / "tuning" / search.plan.key / "journal.log")
    return opened(config)


def test_a_line_that_a_kill_cut_short_is_cut_off(tmp_path: Path) -> None:
    def cut(path: Path) -> None:
        with path.open("ab") as stream:
            stream.write(b'{"op_code": 4, "wor')

    assert all_done(damaged(cut, tmp_path)) == [1]


def test_a_journal_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    def spoil(path: Path) -> None:
        path.write_text("no JSON\nat all\n")

    with pytest.raises(StoreError, match=r"journal\.log is damaged .* move its folder away"):
        damaged(spoil, tmp_path)


def test_mending_leaves_a_whole_journal_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    mend(path)
    assert not path.exists()
    for text in ("", "one\n", "one\ntwo\n"):
        path.write_text(text)
        mend(path)
        assert path.read_text() == text


def test_a_storage_that_cannot_be_opened_is_one_sentence_without_the_password(
    tmp_path: Path,
) -> None:
    url = "nosuch://me:secret@host/name"
    with pytest.raises(UsageError, match=r"nosuch://me:\*\*\*@host/name cannot be") as told:
        open_storage(tmp_path, url)
    assert "secret" not in str(told.value)
    assert without_password("sqlite:///a.db") == "sqlite:///a.db"


def test_a_record_that_cannot_be_read_stops_the_search(tmp_path: Path) -> None:
    config = request(tmp_path)
    search = opened(config)
    (tmp_path / "tuning" / search.plan.key / "study.json").write_text("{")
    with pytest.raises(StoreError, match=r"study\.json cannot be read"):
        opened(config)
