"""The Markdown of a comparison with the paper's code: a line a ratio, and the circumstances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from benchmarks.comparisons import Measurement
from benchmarks.stand_ins import IDLE
from benchmarks.turns import ContestantError, Ratio, Speed

Outcome = Mapping[str, "Speed | ContestantError"]

HEADING = (
    "| measured | the paper's code | ours | times as fast | lowest to highest | asked | reached |\n"
    "| --- | --: | --: | --: | --- | --: | --- |"
)


class Measured(NamedTuple):
    """A measurement, its name, and what came of it."""

    name: str
    measurement: Measurement
    outcome: Outcome


def table(done: Sequence[Measured]) -> Iterator[str]:
    """Lines with a target, then those that explain them."""
    yield HEADING
    for explains in (False, True):
        for _, measurement, outcome in done:
            for row in measurement.rows:
                if (row.target is None) is not explains:
                    continue
                slow, fast = outcome[row.slow], outcome[row.fast]
                if isinstance(slow, Speed) and isinstance(fast, Speed):
                    cells = _cells(measurement, slow, fast, row.target)
                else:
                    reason = next(s for s in (slow, fast) if isinstance(s, ContestantError))
                    cells = ["not measured", str(reason).replace("|", "/"), "", "", "", ""]
                yield f"| {' | '.join([row.what, *cells])} |"


def _cells(measurement: Measurement, slow: Speed, fast: Speed, target: float | None) -> list[str]:
    ratio = Ratio.of(slow, fast)
    bound = is_bound(measurement, slow)
    at_least, at_most = ("at least ", "at most ") if bound else ("", "")
    # A stand-in that does less makes times too short and rates too high.
    side = at_most if measurement.unit.endswith("/s") else at_least
    return [
        f"{side}{_number(measurement.amount(slow.median))} {measurement.unit}",
        f"{_number(measurement.amount(fast.median))} {measurement.unit}",
        f"{at_least}{_number(ratio.median)}",
        f"{_number(ratio.low)} to {_number(ratio.high)}",
        "" if target is None else f"{target:g}",
        "" if target is None else _verdict(ratio.median, target, bound=bound),
    ]


def is_bound(measurement: Measurement, slow: Speed) -> bool:
    """Whether the paper's code was spared work by stand-ins for libraries that matter here."""
    return bool(IDLE & measurement.libraries & set(slow.facts.get("replaced", ())))


def _verdict(ratio: float, target: float, *, bound: bool) -> str:
    if ratio >= target:
        return "yes"
    return "not shown" if bound else "no"


def _number(value: float) -> str:
    """Two digits at least, and no false ones."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


class Machine(NamedTuple):
    """Where, when and with what it was measured."""

    date: str
    cpu: str
    cores: int
    threads: int
    torch: str
    revision: str | None
    paper_revision: str | None


def circumstances(machine: Machine, remarks: Sequence[str], done: Sequence[Measured]) -> list[str]:
    """What a reader has to know of the table, an item a line."""
    hardware = f"{machine.cpu}, {machine.cores} cores, {machine.threads} thread(s) a process"
    lines = [
        f"{machine.date}; {hardware}; torch {machine.torch}.",
        f"This project at {machine.revision}, the paper's code at {machine.paper_revision}.",
        *remarks,
    ]
    for name, _, outcome in done:
        speeds = {who: speed for who, speed in outcome.items() if isinstance(speed, Speed)}
        networks = "; ".join(
            _network(who, s) for who, s in speeds.items() if "parameters" in s.facts
        )
        if networks:
            lines.append(f"Parameters in {name}: {networks}.")
        # Points that a stand-in has not looked for are at no distance worth a word.
        errors = "; ".join(
            f"{who} {s.facts['mre']:.2f} mm"
            for who, s in speeds.items()
            if "mre" in s.facts and not IDLE & set(s.facts.get("replaced", ()))
        )
        if errors:
            lines.append(f"MRE of the heatmaps in {name}: {errors}.")
    replaced = _replaced(done)
    if replaced:
        lines.append(f"Not installed, hence replaced: {', '.join(sorted(replaced))}.")
    idle = IDLE & replaced & frozenset().union(*(m.libraries for _, m, _ in done))
    if idle:
        lines.append(f"Bounds are bounds because {', '.join(sorted(idle))} did next to nothing.")
    return [f"- {line}" for line in lines]


def _network(who: str, speed: Speed) -> str:
    precision = speed.facts.get("precision", "float32")
    return f"{who} {speed.facts['parameters'] / 1e6:.2f} M ({precision})"


def _replaced(done: Sequence[Measured]) -> set[str]:
    return {
        library
        for _, _, outcome in done
        for speed in outcome.values()
        if isinstance(speed, Speed)
        for library in speed.facts.get("replaced", ())
    }
