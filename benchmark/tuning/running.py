"""``tune``: plan the searches, have workers do their trials, and write what was found."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex

from rich.console import Console

from benchmark.config import RunConfig
from benchmark.display import human_seconds, make_display
from benchmark.engines.base import Outcome
from benchmark.engines.choosing import Choice, choose_engine
from benchmark.errors import StoreUnwritableError
from benchmark.estimates import Estimator
from benchmark.files import key_of
from benchmark.housekeeping import tidy
from benchmark.looking import Looker
from benchmark.planning import Plan
from benchmark.rendering import write_reports
from benchmark.store import Store
from benchmark.tasks import Task, reading_tasks
from benchmark.tuning.display import LOOK_SECONDS, TuningDisplay
from benchmark.tuning.leftovers import forget_pretrainings
from benchmark.tuning.orders import TuningOrder, open_searches
from benchmark.tuning.plans import StudyPlan, plan_studies
from benchmark.tuning.records import StudyRecord
from benchmark.tuning.results import print_results
from benchmark.tuning.search import Search
from benchmark.tuning.tuned_file import tuned_options, write_tuned

EXIT_DONE, EXIT_BAD_INPUT, EXIT_SOME_FAILED = 0, 2, 3
TUNED_FILE = "tuned.toml"


def tune(config: RunConfig, command: str, save: Path | None, console: Console) -> int:
    """Do the trials that are missing, and write the best options into a file.

    Args:
        config: The run whose methods are tuned.
        command: As it was given, for the file.
        save: Where the file goes; None: into the store.
        console: Where to print.

    Returns:
        The exit status: 0 all trials done, 2 bad input, 3 some trials failed.

    Raises:
        BenchmarkError: The request cannot be carried out; nothing has been computed.
    """
    started = time.monotonic()
    plan, studies = plan_studies(config)
    store = Store(config.output, config.lease_seconds)
    store.ensure_writable()
    choice = choose_engine(config)
    for note in (*plan.notes, *tidy(store)):
        _say(f"note: {note}", console)
    outcome = _prepare(store, plan, choice, console)
    if outcome.failed or outcome.bad_input:
        for failure in outcome.bad_input or [failure for _, failure in outcome.failed]:
            _say(f"error: {failure.sentence}", console)
        return EXIT_BAD_INPUT
    order = TuningOrder(plans=studies, budgets={}, run=token_hex(8), storage=config.tuning.storage)
    searches = open_searches(store, order)
    budgets = {s.plan.key: max(0, s.plan.trials - s.counted) for s in searches}
    order = order.model_copy(update={"budgets": budgets})
    _say(forecast(studies, searches, store, choice), console)
    try:
        outcome = _do_trials(store, order, searches, choice, console)
    finally:
        # Also after an interruption: what has been found so far is read by the reports.
        records = [search.publish() for search in searches]
    for failure in outcome.bad_input or [failure for _, failure in outcome.failed]:
        _say(f"error: {failure.sentence}", console)
    forget_pretrainings(store, searches)
    _write(store, records, save or store.root / TUNED_FILE, command, console)
    _say(
        f"{sum(record.counted for record in records)} of {sum(r.wanted for r in records)} trials "
        f"done; {human_seconds(time.monotonic() - started)}.",
        console,
    )
    if outcome.bad_input:
        return EXIT_BAD_INPUT
    whole = all(record.counted >= record.wanted for record in records)
    return EXIT_DONE if whole and not outcome.failed else EXIT_SOME_FAILED


def dry_run(config: RunConfig, console: Console) -> int:
    """Print the searches and what they are expected to take; compute nothing."""
    from rich.markup import escape
    from rich.table import Table

    plan, studies = plan_studies(config)
    for note in plan.notes:
        _say(f"note: {note}", console)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("search", "option", "from", "default", "to"):
        table.add_column(name, overflow="fold")
    for study in studies:
        for number, d in enumerate(study.dimensions):
            name = "" if number else escape(study.name)
            table.add_row(
                escape(name), d.title, f"{d.low:.3g}", f"{d.default:.3g}", f"{d.high:.3g}"
            )
    console.print(table)
    _say(forecast(studies, (), Store(config.output), choose_engine(config)), console)
    return EXIT_DONE


def forecast(
    studies: Sequence[StudyPlan], searches: Sequence[Search], store: Store, choice: Choice
) -> str:
    """How many trials are to do, and about how long they take; the same for all methods."""
    estimator = Estimator.from_store(store)
    done = {search.plan.key: search.counted for search in searches}
    seconds, left = 0.0, 0
    for study in studies:
        trainings = len(study.cells) * (study.folds if study.score == "folds" else 1)
        trial = trainings * estimator.cell(study.cells[0])
        for cell in study.cells:
            trial += estimator.pretraining(cell.pretraining) if cell.pretraining else 0.0
        missing = max(0, study.trials - done.get(study.key, 0))
        left += missing
        seconds += missing * trial
    if not left:
        return "All trials are done."
    first = studies[0]
    how = f"{first.folds} folds within" if first.score == "folds" else "the validation images after"
    draws = f", {len(first.cells)} seeds" if len(first.cells) > 1 else ""
    about = human_seconds(seconds / (choice.workers * choice.threads))
    return (
        f"{left} trials to do for {len(studies)} methods and controls, {first.trials} each, scored "
        f"on {how} {first.labels.shots} labelled images of {first.labels.dataset}{draws}; "
        f"at most about {about} on {choice.place}"
    )


def _prepare(store: Store, plan: Plan, choice: Choice, console: Console) -> Outcome:
    """Read the images, unless the store has them."""
    looker = Looker(store, mend=True)
    tasks = tuple(reading_tasks(plan, looker, Estimator.from_store(store), choice.decoders))
    for note in looker.notes:
        _say(f"note: {note}", console)
    if not tasks:
        return Outcome()
    display = make_display(console, tasks, choice.workers)
    return choice.start(store, display).run(tasks)


def _do_trials(
    store: Store, order: TuningOrder, searches: Sequence[Search], choice: Choice, console: Console
) -> Outcome:
    """Have workers do trials until none is left to do here or under way elsewhere."""
    display = TuningDisplay(console, searches)
    whole = Outcome()
    while True:
        work = [s for s in searches if s.has_work(order.run, order.budgets[s.plan.key])]
        if not work:
            if not any(search.trials("RUNNING") for search in searches if _is_waited_for(search)):
                break
            time.sleep(LOOK_SECONDS)
            display.tick()
            continue
        before = sum(search.taken(order.run) for search in searches)
        missing = sum(order.budgets[s.plan.key] - s.taken(order.run) for s in work)
        tasks = _workers(order, min(choice.workers, missing))
        outcome = choice.start(store, display).run(tasks)
        display.look()
        whole.failed += outcome.failed
        whole.bad_input += outcome.bad_input
        stuck = before == sum(search.taken(order.run) for search in searches)
        if outcome.failed or outcome.bad_input or stuck:
            break
    return whole


def _is_waited_for(search: Search) -> bool:
    """Whether another process that shares this store is at work on trials that are asked for."""
    holders = search.store.leases.holders()
    return search.counted < search.plan.trials and any(
        kind == "trial" and key.startswith(f"{search.plan.key}-") for kind, key in holders
    )


def _workers(order: TuningOrder, count: int) -> tuple[Task, ...]:
    """One task a worker; each does trials until none is left."""
    payload = order.model_dump(mode="json")
    return tuple(
        Task(
            kind="tune",
            key=key_of([order.run, number, token_hex(4)]),
            title=f"tuning worker {number + 1}",
            payload=payload,
        )
        for number in range(count)
    )


def _write(
    store: Store, records: Sequence[StudyRecord], path: Path, command: str, console: Console
) -> None:
    """The table, the file of tuned options, and the reports with their figures."""
    print_results(records, console)
    tuned = [options for record in records if (options := tuned_options(record)) is not None]
    if tuned:
        write_tuned(path, tuned, command, store.root)
        _say(f"Tuned options: {path} (python -m benchmark run --tuned {path} ...)", console)
    try:
        write_reports(store, console)
    except StoreUnwritableError as error:
        _say(f"note: {error}", console)
        return
    _say(f"Sensitivity: {store.root / 'figures'} and {store.root / 'report.html'}", console)


def _say(line: str, console: Console) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
