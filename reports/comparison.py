"""Two strategies against each other: how far apart, how sure, and where they differ most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmark.errors import UsageError
from benchmark.reports.building import build_tables
from benchmark.reports.errors import TableErrors, table_errors
from benchmark.reports.tables import WHOLE, LeaderboardTable, Row
from benchmark.suggestions import did_you_mean

if TYPE_CHECKING:
    from benchmark.predictions import LandmarkErrors
    from benchmark.statistics.results import Comparison, Interval
    from benchmark.store import Store

LISTED_IMAGES = 6

DEFAULT = "default"
"""Names a row without a variant, where another has tuned options."""


@dataclass(frozen=True)
class LandmarkDifference:
    """The difference at one landmark, A minus B.

    Attributes:
        name: The landmark.
        difference: In the dataset's unit, with its interval.
        adjusted_p: After Holm over the landmarks.
    """

    name: str
    difference: Interval
    adjusted_p: float


@dataclass(frozen=True)
class ImageDifference:
    """The mean errors on one image, over the seeds that both have.

    Attributes:
        image_id: The test image.
        first: The error of A in the dataset's unit.
        second: The error of B.
    """

    image_id: str
    first: float
    second: float

    @property
    def difference(self) -> float:
        """A minus B."""
        return self.first - self.second


@dataclass(frozen=True, eq=False)
class Duel:
    """Two rows of one table, on the seeds and images that both have.

    Attributes:
        table: The table.
        first: Row A.
        second: Row B.
        seeds: The seeds that both have.
        comparison: Of the errors of A minus those of B.
        landmarks: The landmarks, the greatest difference first.
        images: All images, the one on which A is most ahead first.
    """

    table: LeaderboardTable
    first: Row
    second: Row
    seeds: tuple[int, ...]
    comparison: Comparison
    landmarks: tuple[LandmarkDifference, ...]
    images: tuple[ImageDifference, ...]

    def extremes(self, count: int = LISTED_IMAGES) -> tuple[ImageDifference, ...]:
        """Images where they differ most: half where A is ahead, half where B is, as there are."""
        ahead = [image for image in self.images if image.difference < 0][: count // 2]
        behind = [image for image in reversed(self.images) if image.difference > 0]
        return (*ahead, *behind[: count - len(ahead)])

    def same(self) -> bool:
        """Whether they have the same error on every image, as where tuning chose the default."""
        return all(image.difference == 0 for image in self.images)


def duels(
    store: Store,
    names: tuple[str, str],
    *,
    datasets: Sequence[str] = (),
    shots: Sequence[int] = (),
) -> list[Duel]:
    """Compare two strategies in every table that has both, on each backbone that has both.

    Args:
        store: The store to read.
        names: What A and B are called: ``method``, or ``method@backbone``, and after a comma a
            transfer or a variant, as the leaderboard writes them; ``default`` for the row that
            has none.
        datasets: Only these, by name; all where empty.
        shots: Only these; all where empty.

    Raises:
        UsageError: No row is called so, a name fits several rows, or no table has both rows with
            a seed in common.
    """
    tables = [
        table
        for table in build_tables(store)
        if (not datasets or table.group.name in datasets) and (not shots or table.shots in shots)
    ]
    if not any(table.ranked for table in tables):
        raise UsageError("nothing to compare: no finished cell of these datasets and shots")
    for name in names:
        _check_known(name, tables)
    found = [
        duel
        for table in tables
        for first, second in _matching(table, names)
        if (duel := _duel(store, table, first, second)) is not None
    ]
    if not found:
        raise UsageError(
            f"no table has finished cells of both {names[0]!r} and {names[1]!r} with a seed in "
            "common: `python -m benchmark leaderboard` shows what there is"
        )
    return found


def _check_known(name: str, tables: Sequence[LeaderboardTable]) -> None:
    rows = [row for table in tables for row in table.ranked]
    if not any(_fits(row, name) for row in rows):
        every = sorted({called(row) for row in rows})
        hint = did_you_mean(name, [*{row.identity.method for row in rows}, *every])
        raise UsageError(f"no row is called {name!r}{hint}; there are: {', '.join(every)}")


def _matching(table: LeaderboardTable, names: tuple[str, str]) -> list[tuple[Row, Row]]:
    """The pairs of finished rows that two names mean in a table.

    A name without a backbone means the method on each; then rows under like conditions (backbone,
    transfer, variant) are compared.
    """
    firsts, seconds = ([row for row in table.ranked if _fits(row, name)] for name in names)
    pairs = [(a, b) for a in firsts for b in seconds if a is not b]
    if len(pairs) < 2:
        if firsts and firsts == seconds:
            raise UsageError(f"{names[0]!r} and {names[1]!r} are the same row: {firsts[0].name}")
        return pairs
    for alike in (slice(1, None), slice(1, 3), slice(1, 2)):
        fair = [(a, b) for a, b in pairs if a.identity[alike] == b.identity[alike]]
        if fair and len({a.identity for a, _ in fair}) == len(fair):
            return fair
    choices = sorted({_called_apart(row) for pair in pairs for row in pair})
    raise UsageError(
        f"{names[0]!r} and {names[1]!r} fit several rows of {table.title}: say which of "
        f"{', '.join(choices)}"
    )


def called(row: Row) -> str:
    """The name that means this row and no other."""
    identity = row.identity
    parts = [f"{identity.method}@{identity.backbone}"]
    if identity.transfer != WHOLE:
        parts.append(identity.transfer)
    if identity.variant:
        parts.append(identity.variant)
    return ",".join(parts)


def _called_apart(row: Row) -> str:
    """The name that also tells a row without a variant from one with tuned options."""
    return called(row) + ("" if row.identity.variant else f",{DEFAULT}")


def _fits(row: Row, name: str) -> bool:
    strategy, _, rest = name.partition(",")
    method, _, backbone = strategy.partition("@")
    identity = row.identity
    if method.lower() not in (identity.method.lower(), row.title.lower()):
        return False
    if backbone and backbone != identity.backbone:
        return False
    wanted = rest.strip()
    transfer = identity.transfer
    variants = (identity.variant, identity.variant or DEFAULT)
    return wanted in ("", transfer, *variants, *(f"{transfer},{name}" for name in variants))


def _duel(store: Store, table: LeaderboardTable, first: Row, second: Row) -> Duel | None:
    from benchmark.statistics.comparison import compare

    errors = table_errors(store, (first, second), ())
    if errors is None or len(errors.rows) < 2:
        return None
    seeds = errors.common_seeds(first.identity, second.identity)
    if not seeds:
        return None
    one, other = (errors.rows[row.identity].at(seeds) for row in (first, second))
    images = [
        ImageDifference(name, float(a), float(b))
        for name, a, b in zip(errors.images, one.mean(0), other.mean(0), strict=True)
    ]
    return Duel(
        table=table,
        first=first,
        second=second,
        seeds=seeds,
        comparison=compare(one, other, errors.weights, table.margin),
        landmarks=tuple(_landmarks(store, (first, second), seeds, errors)),
        images=tuple(sorted(images, key=lambda image: image.difference)),
    )


def _landmarks(
    store: Store, rows: tuple[Row, Row], seeds: Sequence[int], errors: TableErrors
) -> Iterator[LandmarkDifference]:
    """One difference a landmark, over the images in which it is known."""
    from benchmark.statistics.comparison import compare, holm

    cells = [{cell.labels.seed: store.errors(cell.key) for cell in row.done} for row in rows]
    names = cells[0][seeds[0]].landmarks
    stacked = [
        np.stack([_ordered(cell[seed], errors.images, names) for seed in seeds]) for cell in cells
    ]
    found = []
    for place, name in enumerate(names):
        one, other = (values[:, :, place] for values in stacked)
        known = np.isfinite(one).all(0) & np.isfinite(other).all(0)
        if known.any():
            found.append((name, compare(one[:, known], other[:, known])))
    adjusted = holm([comparison.p_value for _, comparison in found])
    differences = [
        LandmarkDifference(name, comparison.difference, float(p_value))
        for (name, comparison), p_value in zip(found, adjusted, strict=True)
    ]
    yield from sorted(differences, key=lambda d: -abs(d.difference.estimate))


def _ordered(cell: LandmarkErrors, images: Sequence[str], landmarks: Sequence[str]) -> np.ndarray:
    """(images, landmarks) the errors of a cell in the given order."""
    row: Mapping[str, int] = {name: place for place, name in enumerate(cell.image_ids)}
    column = {name: place for place, name in enumerate(cell.landmarks)}
    return cell.values[np.ix_([row[i] for i in images], [column[n] for n in landmarks])]


def sentence(duel: Duel) -> str:
    """What the comparison says, in one sentence about A and B."""
    comparison, unit = duel.comparison, duel.table.group.unit
    difference = comparison.difference
    size = f"{abs(difference.estimate):.3g} {unit}".strip()
    if duel.same():
        return "A and B have the same error on every image."
    if comparison.verdict == "equivalent":
        margin = f"the declared margin of {comparison.margin:g} {unit}".strip()
        return f"A and B are equal within {margin}: they differ by {size} on average."
    if comparison.verdict == "undecided":
        return f"The data cannot tell A from B: they differ by {size} on average."
    better, worse = ("A", "B") if difference.estimate < 0 else ("B", "A")
    return f"{better} has the lower error, by {size} on average, than {worse}."
