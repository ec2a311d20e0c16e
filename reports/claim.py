"""The answer to a claim: has one method lower errors than every other on the same network?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.reports.errors import TableErrors, table_errors
from benchmark.reports.tables import Identity, LeaderboardTable

if TYPE_CHECKING:
    from benchmark.statistics.results import Interval
    from benchmark.store import Store

LEVEL = 0.95
"""Of all intervals of a sentence together: each has its share of the rest (Bonferroni)."""


@dataclass(frozen=True)
class Rival:
    """What the method of a claim is compared with.

    Attributes:
        name: Of the other strategy.
        shots: The numbers of labels at which both have finished.
        ratio: The method's mean error over that of the other, with its interval.
    """

    name: str
    shots: tuple[int, ...]
    ratio: Interval


@dataclass(frozen=True)
class ClaimAnswer:
    """A claim's answer on one dataset and one network.

    Attributes:
        question: What is asked.
        sentence: The answer, beside the one that does best.
        detail: The comparisons with all of them.
        holds: True or False; None where the data cannot tell.
        rivals: What the method was compared with.
    """

    question: str
    sentence: str
    detail: str
    holds: bool | None
    rivals: tuple[Rival, ...]


def declared_claim(store: Store) -> str | None:
    """The method whose claim is tested: the caller's, else that of the last run with one."""
    if store.claim is not None:
        return store.claim
    declared = [run.claim for run in store.runs() if run.claim]
    return declared[-1] if declared else None


def claim_answers(store: Store, tables: Sequence[LeaderboardTable]) -> tuple[ClaimAnswer, ...]:
    """The answers to the declared claim, one a dataset, network and transfer.

    Real images come before synthetic ones, then what rests on most comparisons; empty where no
    claim is declared, or nothing was compared yet.
    """
    method = declared_claim(store)
    if method is None:
        return ()
    groups: dict[tuple[str, str], list[LeaderboardTable]] = defaultdict(list)
    for table in tables:
        groups[table.group.identity].append(table)
    ordered = sorted(groups.values(), key=lambda group: group[0].group.synthetic)
    return tuple(found for group in ordered for found in _of_dataset(store, group, method))


def _of_dataset(
    store: Store, tables: Sequence[LeaderboardTable], method: str
) -> Iterator[ClaimAnswer]:
    errors = {
        table.shots: found
        for table in tables
        if (found := table_errors(store, table.ranked, table.group.thresholds)) is not None
    }
    names = {row.identity: row.title for table in tables for row in table.ranked}
    own = [identity for identity in names if identity.method == method]
    compared = {identity: _rivals(identity, names, errors) for identity in own}
    for identity in sorted(own, key=lambda identity: -len(compared[identity][0])):
        rivals, left_out = compared[identity]
        if rivals:
            elsewhere = _elsewhere(identity, names)
            yield _answer(tables[0], identity, names[identity], rivals, left_out, elsewhere)


def _rivals(
    own: Identity, names: Mapping[Identity, str], errors: Mapping[int, TableErrors]
) -> tuple[tuple[Rival, ...], tuple[str, ...]]:
    """The other methods on the same network under the same transfer.

    Returns:
        Those that share a seed at all numbers of labels, lowest ratio first, and the names of the
        others, with which nothing can be compared.
    """
    others = [
        other
        for other in names
        if other.method != own.method
        and (other.backbone, other.transfer) == (own.backbone, own.transfer)
    ]
    level = 1 - (1 - LEVEL) / max(1, len(others))
    found = {other: _rival(own, other, names[other], errors, level) for other in others}
    rivals = sorted(filter(None, found.values()), key=lambda rival: rival.ratio.estimate)
    return tuple(rivals), tuple(names[other] for other, rival in found.items() if rival is None)


def _elsewhere(own: Identity, names: Mapping[Identity, str]) -> tuple[str, ...]:
    """The methods that ran, but on no such network under such a transfer."""
    place = (own.backbone, own.transfer)
    here = {other.method for other in names if (other.backbone, other.transfer) == place}
    return tuple(sorted({names[other] for other in names if other.method not in here}))


def _rival(
    own: Identity, other: Identity, title: str, errors: Mapping[int, TableErrors], level: float
) -> Rival | None:
    """The comparison over all numbers of shots, on the seeds and images that they share."""
    from benchmark.statistics.aggregation import Block
    from benchmark.statistics.ratios import ratio_over

    both = {s: e for s, e in errors.items() if own in e.rows and other in e.rows}
    seeds = [set(e.common_seeds(own, other)) for e in both.values()]
    common = sorted(set.intersection(*seeds)) if seeds else []
    images = {e.images for e in both.values()}
    if not common or len(images) > 1:
        return None
    blocks = [
        Block(e.rows[own].at(common), e.rows[other].at(common), e.weights) for e in both.values()
    ]
    name = f"{title} ({other.variant})" if other.variant else title
    return Rival(name, tuple(sorted(both)), ratio_over(blocks, level))


def _answer(
    table: LeaderboardTable,
    own: Identity,
    title: str,
    rivals: tuple[Rival, ...],
    left_out: tuple[str, ...],
    elsewhere: tuple[str, ...],
) -> ClaimAnswer:
    title = f"{title} ({own.variant})" if own.variant else title
    higher = [rival for rival in rivals if rival.ratio.low > 1]
    undecided = bool(left_out) or any(rival.ratio.high >= 1 for rival in rivals)
    holds = False if higher else None if undecided else True
    # The claim stands and falls with the one that does best.
    strongest = (higher or rivals)[-1]
    shots = tuple(sorted({number for rival in rivals for number in rival.shots}))
    lead, end = {
        True: (f"{title} gives the lowest error", ""),
        False: (f"{title} does not give the lowest error", ""),
        None: (f"Whether {title} gives the lowest error", " cannot be told"),
    }[holds]
    where = _where(strongest, shots)
    sentence = (
        f"{lead} on {table.group.full_title} with {_counted(shots, 'labelled image')}{end}: "
        f"its error beside that of {strongest.name}{where} is "
        f"{_percent(strongest.ratio.estimate)}\u00a0% "
        f"(95\u00a0% interval {_ends(strongest.ratio)}\u00a0%)."
    )
    listed = ", ".join(_told(rival, shots) for rival in reversed(rivals))
    together = " that hold together" if len(rivals) > 1 else ""
    detail = (
        f"Its error beside that of {listed}: geometric mean over the numbers of labels, "
        f"95\u00a0% intervals{together}; {own.backbone}, transfer {own.transfer}."
    )
    if left_out:
        detail += f" Not compared, for want of common seeds or images: {', '.join(left_out)}."
    if elsewhere:
        detail += f" Not on this network under this transfer: {', '.join(elsewhere)}."
    return ClaimAnswer(f"Does {title} give the lowest error?", sentence, detail, holds, rivals)


def _told(rival: Rival, shots: tuple[int, ...]) -> str:
    """``ImageNet +21 % (+15 to +27 %)``."""
    estimate = _percent(rival.ratio.estimate)
    return f"{rival.name}{_where(rival, shots)} {estimate}\u00a0% ({_ends(rival.ratio)}\u00a0%)"


def _where(rival: Rival, shots: tuple[int, ...]) -> str:
    return "" if rival.shots == shots else f" at {_counted(rival.shots, 'label')}"


def _ends(ratio: Interval) -> str:
    return f"{_percent(ratio.low)} to {_percent(ratio.high)}"


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.0f}".replace("-", "\u2212")


def _counted(numbers: Sequence[int], noun: str) -> str:
    """``1 label``, ``5 and 25 labels``."""
    *most, last = (str(number) for number in numbers)
    listed = f"{', '.join(most)} and {last}" if most else last
    return f"{listed} {noun}{'' if tuple(numbers) == (1,) else 's'}"
