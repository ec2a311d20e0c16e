"""``run``: plan, look into the store, compute what is missing, and render."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmark.config import RunConfig
from benchmark.display import RichDisplay, human_seconds, make_display, ranges
from benchmark.engines.base import Outcome
from benchmark.engines.choosing import Choice, choose_engine
from benchmark.errors import BenchmarkError, StoreUnwritableError, UsageError
from benchmark.estimates import Estimator
from benchmark.files import write_record
from benchmark.housekeeping import tidy
from benchmark.planning import Plan, PlannedCell, make_plan
from benchmark.rendering import (
    are_current,
    choose_reports,
    print_leaderboard,
    print_published_metric,
    write_reports,
)
from benchmark.schema import Failure, RunRecord
from benchmark.store import Store
from benchmark.tasks import Work, outstanding

# The report that the end of a run points to.
PAGE = "report.html"
EXIT_DONE, EXIT_BAD_INPUT, EXIT_SOME_FAILED, EXIT_INTERRUPTED = 0, 2, 3, 130


def run(config: RunConfig, console: Console) -> int:
    """Compute the cells that the store lacks, and print the leaderboard.

    Returns:
        The exit status: 0 all done, 2 bad input, 3 some cells failed.

    Raises:
        BenchmarkError: The request cannot be carried out; nothing has been computed.
    """
    started = time.monotonic()
    store = Store(config.output, config.lease_seconds)
    store.ensure_writable()
    plan = make_plan(config)
    _ensure_claim_can_be_tested(plan, config.claim)
    choose_reports(config.reports)  # What will not do is told before anything is computed.
    choice = choose_engine(config)
    tidied = tidy(store)
    work = outstanding(plan, store, config.preset, choice.decoders, mend=True, retry=config.retry)
    for note in (*plan.notes, *tidied, *work.notes, *_declaration_notes(store, config, work)):
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    outcome = Outcome()
    if work.tasks:
        outcome = _compute(store, plan, work, choice, config, console)
    for failure in outcome.bad_input:
        console.print(f"error: {failure.sentence}", markup=False, highlight=False, soft_wrap=True)
    _render(store, plan, console, config.reports)
    seconds = human_seconds(time.monotonic() - started)
    console.print(
        f"{_summary(plan, store, work, outcome)}; {seconds}. {_where(store, config.reports)}",
        highlight=False,
        soft_wrap=True,
    )
    if outcome.bad_input:
        return EXIT_BAD_INPUT
    return EXIT_SOME_FAILED if outcome.failed or work.given_up else EXIT_DONE


def _summary(plan: Plan, store: Store, work: Work, outcome: Outcome) -> str:
    """How many cells are done and failed, and by whom."""
    done = {task.key for task in (*outcome.done, *outcome.elsewhere) if task.kind == "cell"}
    failed = sum(task.kind == "cell" for task, _ in outcome.failed) + len(work.given_up)
    total = len(plan.cells)
    parts = [f"{len(work.done) + len(done)} of {total} cells done"]
    if failed:
        parts.append(f"{failed} failed")
    if work.given_up:
        parts.append(f"{len(work.given_up)} of them before, which --retry failed tries again")
    left = total - len(work.done) - len(done) - failed
    if left:
        parts.append(f"{left} left to do")
    if work.done:
        parts.append(f"{len(work.done)} of them before")
    elsewhere = sum(task.kind == "cell" for task in outcome.elsewhere)
    if elsewhere:
        parts.append(f"{elsewhere} by another run")
    return ", ".join(parts)


def _where(store: Store, reports: Sequence[str]) -> str:
    """Where the reports are that this run was to write."""
    files = [str(plugin.filename) for plugin in choose_reports(reports)]
    if PAGE in files:
        return f"Report: {store.root / PAGE}"
    return f"Reports: {store.root}" if files else "No report written: `report` makes them"


def _declaration_notes(store: Store, config: RunConfig, work: Work) -> Iterator[str]:
    """What is said of a margin or a claim that is new to a store with results in it."""
    claim, margin = config.claim, config.margin
    if claim and not work.tasks and claim not in [run.claim for run in store.runs()][-1:]:
        yield (
            f"the claim of {claim} is not recorded, because every cell was done before; to read "
            f"the results with it: report --claim {claim}"
        )
    declared = [run.margin for run in store.runs() if run.margin is not None]
    if margin is None or margin in declared[-1:]:
        return
    if not work.tasks:
        yield (
            f"the margin {margin:g} is not recorded, because every cell was done before it was "
            f"declared; to read the results with it: report --margin {margin:g}"
        )
    elif declared:
        yield f"the margin {margin:g} takes the place of {declared[-1]:g}, declared before"


def _ensure_claim_can_be_tested(plan: Plan, claim: str | None) -> None:
    methods = dict.fromkeys(cell.labels.method for cell in plan.cells)
    if claim is not None and claim not in methods:
        raise UsageError(
            f"--claim {claim}: the run has no such method, but {', '.join(methods)}; add it to "
            "--methods"
        )


def _compute(
    store: Store,
    plan: Plan,
    work: Work,
    choice: Choice,
    config: RunConfig,
    console: Console,
) -> Outcome:
    to_do = sum(task.kind == "cell" for task in work.tasks)
    console.print(
        f"{to_do} of {len(plan.cells)} cells to compute on {choice.place}, into {store.root}",
        highlight=False,
        soft_wrap=True,
    )
    begun = datetime.now(UTC)
    record = RunRecord(
        started=begun.isoformat(timespec="seconds"),
        command=("python", "-m", "benchmark", *sys.argv[1:]),
        preset=config.preset,
        cells=tuple(cell.key for cell in plan.cells),
        engine=config.engine,
        workers=choice.workers,
        margin=config.margin,
        claim=config.claim,
    )
    path = store.root / "runs" / f"{begun.strftime('%Y%m%dT%H%M%S%fZ')}.json"
    write_record(path, record)
    display = make_display(console, work.tasks, choice.workers)
    with ExitStack() as stack:
        if isinstance(display, RichDisplay):
            stack.enter_context(display)
        try:
            outcome = choice.start(store, display).run(work.tasks)
        except KeyboardInterrupt:
            display.told("interrupted: what is finished is kept; run again to go on")
            raise
    ended = datetime.now(UTC)
    seconds = (ended - begun).total_seconds()
    change = {
        "finished": ended.isoformat(timespec="seconds"),
        "seconds": seconds,
        "idle": idle_share(outcome.busy_seconds, choice.workers, seconds),
    }
    try:
        write_record(path, record.model_copy(update=change))
    except StoreUnwritableError as error:
        if not outcome.bad_input:
            outcome.bad_input.append(Failure(sentence=str(error), fault="machine"))
    return outcome


def idle_share(busy: float, workers: int, seconds: float) -> float | None:
    """Share of the workers' time without a task; None for engines that do not count theirs."""
    if not busy or not seconds:
        return None
    return min(1.0, max(0.0, 1 - busy / (workers * seconds)))


def _render(store: Store, plan: Plan, console: Console, reports: Sequence[str]) -> None:
    """Print this run's leaderboard and write the reports; neither may cost finished work."""
    try:
        if not are_current(store, reports):
            write_reports(store, console, reports)
        print_leaderboard(store, console, {cell.key for cell in plan.cells})
        theirs = {c.key for c in plan.cells if c.spec.protocol.takes_from_the_published}
        if theirs:
            print_published_metric(store, console, theirs)
    except BenchmarkError as error:
        console.print(f"note: {error}", markup=False, highlight=False, soft_wrap=True)


def dry_run(config: RunConfig, console: Console) -> int:
    """Print the cells, done, failed and to do, with an estimate of the time."""
    store = Store(config.output)
    plan = make_plan(config)
    _ensure_claim_can_be_tested(plan, config.claim)
    choice = choose_engine(config)
    work = outstanding(plan, store, config.preset, choice.decoders, mend=False, retry=config.retry)
    for note in (*plan.notes, *work.notes):
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    console.print(_plan_table(plan, set(work.done), store))
    console.print(_forecast(work, store, choice), highlight=False, soft_wrap=True)
    return EXIT_DONE


def _plan_table(plan: Plan, done: set[str], store: Store) -> Table:
    """The cells by state and name, one line for all seeds of a kind."""
    names = ["dataset", "method", "backbone", "transfer", "options", "shots"]
    for name, usual in (("transfer", "whole"), ("options", "default")):
        if all(getattr(cell.labels, name) == usual for cell in plan.cells):
            names.remove(name)
    kinds: dict[tuple[str, ...], list[PlannedCell]] = defaultdict(list)
    for cell in plan.cells:
        record = None if cell.key in done else store.cell(cell.key)
        state = "done" if cell.key in done else "failed" if record else "to do"
        kinds[state, *(str(getattr(cell.labels, name)) for name in names)].append(cell)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("state", *names, "seeds", "key"):
        # A long name that does not fit goes on in the next line: cut off, it could not be typed.
        table.add_column(name, overflow="fold", no_wrap=name not in ("dataset", "backbone"))
    for kind, cells in kinds.items():
        seeds = ranges(cell.labels.seed for cell in cells)
        # Names hold brackets, which rich would take for its own.
        texts = map(escape, kind)
        table.add_row(*texts, seeds, cells[0].key if len(cells) == 1 else f"{len(cells)} cells")
    return table


def _forecast(work: Work, store: Store, choice: Choice) -> str:
    if not work.tasks:
        return "Everything is done: nothing would be computed."
    kinds = [task.kind for task in work.tasks]
    cost = sum(task.cost for task in work.tasks)
    longest = max(task.cost for task in work.tasks)
    seconds = max(cost / (choice.workers * choice.threads), longest / choice.threads)
    estimator = Estimator.from_store(store)
    basis = (
        f"from {estimator.measured} cells measured in this store"
        if estimator.measured
        else "a first guess: nothing has been measured here yet"
    )
    return (
        f"To do: {kinds.count('cell')} cells, {kinds.count('pretrain')} pretrainings, "
        f"{kinds.count('prepare')} datasets to prepare; about {human_seconds(seconds)} on "
        f"{choice.workers} workers ({basis})."
    )
