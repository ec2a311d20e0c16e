"""The first screen: which pretraining gave the best landmarks, and how far to trust it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmark.reports.columns import format_error, format_percent, threshold_key
from benchmark.reports.evidence import SIGNIFICANCE
from benchmark.reports.tables import WHOLE, LeaderboardTable, Pair, Row

NAMED = 4
"""So many rows that cannot be told apart are named."""


@dataclass(frozen=True)
class Figure:
    """One number of the first screen, with its meaning."""

    value: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class Answer:
    """The answer of the first screen.

    Attributes:
        sentence: Which pretraining had the lowest error where.
        caveats: What a reader must know before believing it, one sentence each.
        figures: Numbers beside the sentence.
        table: The table that it rests on.
    """

    sentence: str
    caveats: tuple[str, ...]
    figures: tuple[Figure, ...]
    table: LeaderboardTable


def main_table(tables: Sequence[LeaderboardTable]) -> LeaderboardTable | None:
    """The table that the first screen is about.

    Real images before synthetic ones, then the most finished pretrainings, then the most seeds,
    then the most labels.
    """
    candidates = [table for table in tables if table.ranked]
    return max(
        candidates,
        key=lambda table: (
            not table.group.synthetic,
            sum(not row.control for row in table.ranked),
            sum(len(row.done) for row in table.ranked),
            table.shots,
        ),
        default=None,
    )


def answer(tables: Sequence[LeaderboardTable]) -> Answer | None:
    """The answer of the first screen, or None where no cell has finished."""
    table = main_table(tables)
    if table is None:
        return None
    pretrainings = [row for row in table.ranked if not row.control]
    controls = [row for row in table.ranked if row.control]
    best = table.ranked[0]
    if pretrainings and controls and best.control:
        sentence = _no_gain(table, best, pretrainings[0])
        best = pretrainings[0]
    elif pretrainings:
        best = pretrainings[0]
        sentence = _gain(table, best, table.control_of(best))
    else:
        sentence = (
            f"{_where(table)}, only controls have finished so far: {best.title} reaches a mean "
            f"radial error of {_error(table, best)}."
        )
    return Answer(sentence, tuple(_caveats(table, tables)), tuple(_figures(table, best)), table)


def _where(table: LeaderboardTable) -> str:
    return f"On {table.group.full_title} with {table.labelled_images}"


def _error(table: LeaderboardTable, row: Row) -> str:
    # A number and its unit stay on one line.
    return f"{format_error(row.number('mre') or 0.0)}\u00a0{table.group.unit}".strip()


def _name(table: LeaderboardTable, row: Row) -> str:
    alike = [other for other in table.ranked if other.title == row.title]
    return row.title if len(alike) == 1 else row.name


def _random(control: Row) -> str:
    frozen = control.identity.transfer != WHOLE
    return "the same network frozen as it began" if frozen else "the same network from scratch"


def _gain(table: LeaderboardTable, best: Row, control: Row | None) -> str:
    sentence = (
        f"{_where(table)}, {_name(table, best)} gave the lowest error: "
        f"{_error(table, best)} on average"
    )
    if control is None:
        return sentence + "."
    if {c.labels.seed for c in best.done} != {c.labels.seed for c in control.done}:
        # The gain rests on the seeds that both have, so it does not follow from these two means.
        return f"{sentence}; {_random(control)} reaches {_error(table, control)}."
    gain = best.number("gain") or 0.0
    less = f"{abs(gain):.0f}\u00a0% {'less' if gain >= 0 else 'more'}"
    interval = best.intervals.get("gain")
    if interval is not None and gain >= 0:
        less += f" (95\u00a0% interval {interval.low:.0f} to {interval.high:.0f}\u00a0%)"
    return f"{sentence}, {less} than the {_error(table, control)} of {_random(control)}."


def _no_gain(table: LeaderboardTable, control: Row, best: Row) -> str:
    return (
        f"{_where(table)}, no pretraining beat the control: {_name(table, control)} reaches "
        f"{_error(table, control)} on average, and the best pretraining, {_name(table, best)}, "
        f"{_error(table, best)}."
    )


def _certainty(table: LeaderboardTable) -> Iterator[str]:
    """Whether the first row is better than scratch, and which rows may be as good as it."""
    best = table.ranked[0]
    name = _name(table, best)
    control = table.control_of(best)
    pair = table.pair(best.identity, control.identity) if control else None
    if pair is not None and control is not best:
        p_value, count = _p_among_controls(table, pair)
        p = f"p = {p_value:.3f}" if p_value >= 0.001 else "p below 0.001"
        p += f" after Holm over {count} comparisons with scratch" if count > 1 else ""
        if pair.comparison.verdict == "equivalent":
            yield f"{name} against scratch: equal within the declared margin ({_margin(table)})."
        elif p_value < SIGNIFICANCE:
            yield f"{name} against scratch: more than chance ({p})."
        else:
            yield f"{name} against scratch: the data cannot tell ({p})."
    pairs = {row.identity: table.pair(best.identity, row.identity) for row in table.ranked[1:]}
    known = {identity: pair for identity, pair in pairs.items() if pair is not None}
    tied = [
        row
        for row in table.ranked[1:]
        if row.identity in known and known[row.identity].adjusted_p >= SIGNIFICANCE
    ]
    if tied:
        names = [_name(table, row) for row in tied[:NAMED]]
        more = len(tied) - len(names)
        others = ", ".join(names) + (f" and {more} more" if more else "")
        yield f"Cannot be told apart from {name}: {others}."
    elif known:
        yield f"{name} differs from every other row by more than chance."


def _p_among_controls(table: LeaderboardTable, pair: Pair) -> tuple[float, int]:
    """The p value of a comparison with scratch after Holm over all of them, and their number.

    That question comes first, so that it does not pay for the pairs of methods.
    """
    from benchmark.statistics.comparison import holm

    found = []
    for row in table.ranked:
        control = table.control_of(row)
        own = table.pair(row.identity, control.identity) if control and control is not row else None
        if own is not None and own not in found:
            found.append(own)
    adjusted = holm([other.comparison.p_value for other in found])
    return float(adjusted[found.index(pair)]), len(found)


def _margin(table: LeaderboardTable) -> str:
    return f"{table.margin or 0:g}\u00a0{table.group.unit}".strip()


def _caveats(table: LeaderboardTable, tables: Sequence[LeaderboardTable]) -> Iterator[str]:
    seeds = {len(row.done) for row in table.ranked}
    floor, lowest = table.reference("floor"), table.ranked[0].number("mre")
    if floor is not None and lowest is not None and lowest >= floor:
        yield (
            "Even the lowest error is no better than that of the mean shape, which does not look "
            "at the image: nothing useful has been learnt, so the order means nothing."
        )
    yield from table.warnings
    yield from _certainty(table)
    if seeds == {1}:
        yield (
            "One seed: all of this holds for one draw of the labelled images and one training; "
            "another can change the order."
        )
    else:
        count = f"{min(seeds)}" if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
        yield f"{count} seeds: intervals and p values are for new seeds and new images."
    yield from _advice(table)
    if table.group.synthetic:
        yield (
            "Synthetic images: the order of the methods need not be the same on radiographs of "
            "patients."
        )
    if len(table.backbones()) > 1:
        yield (
            "More than one network: compare methods within a network; between networks the "
            "architecture differs as well."
        )
    if len(table.transfers()) > 1:
        yield (
            "More than one transfer: compare methods within a transfer; between transfers, what "
            "was taken over and what was trained differ as well."
        )
    failed = sum(len(row.failed) for t in tables for row in t.rows)
    if failed:
        total = failed + sum(len(row.done) for t in tables for row in t.rows)
        yield f"{failed} of {total} cells failed; the reasons are listed below."


def _advice(table: LeaderboardTable) -> Iterator[str]:
    """What would have to be run to tell the best row from the next."""
    if len(table.ranked) < 2:
        return
    pair = table.pair(table.ranked[0].identity, table.ranked[1].identity)
    if pair is not None and pair.adjusted_p >= SIGNIFICANCE:
        from benchmark.statistics.power import advice

        told = advice(pair.comparison.components).text(table.group.unit)
        yield f"The smallest difference of first and second that would be found: {told}."


def _figures(table: LeaderboardTable, best: Row) -> list[Figure]:
    unit = table.group.unit
    figures = [Figure(format_error(best.number("mre") or 0.0), unit, f"mean error, {best.title}")]
    if table.group.thresholds:
        threshold = table.group.thresholds[0]
        share = best.number(threshold_key(threshold))
        if share is not None:
            figures.append(
                Figure(format_percent(share), "%", f"of landmarks within {threshold:g} {unit}")
            )
    floor, mre = table.reference("floor"), best.number("mre")
    if floor is not None and mre and mre < floor:
        figures.append(Figure(f"{floor / mre:.1f}", "times", "closer than the mean shape"))
    return figures
