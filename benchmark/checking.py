"""The command ``check``: runs the conformance suite on methods and prints a line a check."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.text import Text

from benchmark.display import human_seconds
from benchmark.errors import PluginError, UsageError
from benchmark.plugin_discovery import find_in_file
from benchmark.plugin_specs import parse_spec
from benchmark.registry import add_plugin_files, registry

Verdict = Literal["passes", "fails", "does not apply"]
STYLES: dict[Verdict, str] = {"passes": "green", "fails": "red", "does not apply": "dim"}
FAILED = 3


@dataclass(frozen=True)
class Outcome:
    """How one check ended.

    Attributes:
        check: What was checked, in words.
        verdict: How it ended.
        reason: Why it fails or does not apply.
        seconds: How long it took; trainings are shared, and the first check to need one pays.
    """

    check: str
    verdict: Verdict
    reason: str
    seconds: float


def check(target: str, plugins: Sequence[Path], console: Console) -> int:
    """Check a method, or all methods of a file.

    Args:
        target: ``name``, ``name[option=value]``, or the path of a Python file.
        plugins: Further files to look for the name in.
        console: Where to print.

    Returns:
        The exit status: 0 where nothing fails, 3 where something does.

    Raises:
        UsageError: There is no such method or file, or an option will not do.
    """
    add_plugin_files(plugins)
    failed = 0
    methods = _methods(target)
    for number, method in enumerate(methods):
        if number:
            console.print()
        outcomes = check_method(method, lambda done: _print(done, console), console)
        failed += any(outcome.verdict == "fails" for outcome in outcomes)
        _print_summary(method, outcomes, console)
    return FAILED if failed else 0


def _methods(target: str) -> list[str]:
    """The methods that are meant, as ``name[option=value]``."""
    if target.endswith(".py"):
        add_plugin_files([target])
        found = find_in_file("method", Path(target).expanduser().resolve())
        names = [entry.name for entry in found]
        if not names:
            raise UsageError(f"{target} holds no method, and only methods are checked so far")
        return names
    name = parse_spec(target).name
    if name not in registry("method").names():
        for kind in ("dataset", "report"):
            if name in registry(kind).names():
                raise UsageError(f"{name!r} is a {kind}, and only methods are checked so far")
        registry("method").load(name)  # refuses with the names that there are
    return [target]


def check_method(method: str, told: Callable[[Outcome], None], console: Console) -> list[Outcome]:
    """Run every check on one method.

    Args:
        method: ``name[option=value]``, known to the registry.
        told: Called with each outcome when it is there.
        console: Where to print the traceback of a check that is broken itself.

    Raises:
        UsageError: An option will not do.
    """
    from benchmark.testing import DoesNotApply, MethodConformance
    from benchmark.testing.subject import subject_of

    with contextlib.suppress(PluginError):  # the check of the metadata tells of it
        subject_of(method).options()
    entry = next(e for e in registry("method").entries() if e.name == parse_spec(method).name)
    files = {"plugin_file": entry.path} if entry.path else {}
    suite = type("Check", (MethodConformance,), {"method": method, **files})()
    outcomes = []
    for name in suite.checks():
        started = time.monotonic()
        verdict: Verdict = "passes"
        reason = ""
        try:
            getattr(suite, name)()
        except AssertionError as error:
            verdict, reason = "fails", str(error)
        except DoesNotApply as error:
            verdict, reason = "does not apply", str(error)
        except Exception as error:
            verdict, reason = "fails", f"{type(error).__name__}: {error}"
            console.print(traceback.format_exc(), markup=False, highlight=False)
        words = name.removeprefix("test_").replace("_", " ")
        outcomes.append(Outcome(words, verdict, reason, time.monotonic() - started))
        told(outcomes[-1])
    return outcomes


def _print(outcome: Outcome, console: Console) -> None:
    reason = f": {outcome.reason}" if outcome.reason else ""
    line = Text.assemble(
        (outcome.verdict, STYLES[outcome.verdict]),
        f"  {outcome.check}{reason}",
        (f"  ({human_seconds(outcome.seconds)})", "dim"),
    )
    console.print(line, soft_wrap=True)


def _print_summary(method: str, outcomes: Sequence[Outcome], console: Console) -> None:
    count = dict.fromkeys(STYLES, 0)
    for outcome in outcomes:
        count[outcome.verdict] += 1
    seconds = human_seconds(sum(outcome.seconds for outcome in outcomes))
    parts = [f"{number} {_plural(verdict, number)}" for verdict, number in count.items() if number]
    console.print(
        f"{method}: {', '.join(parts)}, in {seconds}", markup=False, highlight=False, soft_wrap=True
    )


def _plural(verdict: Verdict, number: int) -> str:
    one: dict[Verdict, str] = {
        "passes": "check passes",
        "fails": "fails",
        "does not apply": "does not apply",
    }
    many: dict[Verdict, str] = {
        "passes": "checks pass",
        "fails": "fail",
        "does not apply": "do not apply",
    }
    return (one if number == 1 else many)[verdict]
