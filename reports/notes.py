"""What stands under a table: lines that are not ranked, and what a reader must know of it."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from benchmark.annotators import describe_pair
from benchmark.reports.columns import Value, format_error, threshold_key
from benchmark.reports.published_rows import chosen_on_validation, published_note
from benchmark.reports.recipes import shares_pretraining
from benchmark.reports.tables import WHOLE, DatasetGroup, LeaderboardTable, Reference
from benchmark.transfer import explain

if TYPE_CHECKING:
    from benchmark.schema import CellRecord

SHOWN_PAIRS = 3
"""Pairs of annotators that are named; all of them count in the mean."""


def references(group: DatasetGroup, cells: Sequence[CellRecord]) -> tuple[Reference, ...]:
    """The lines under a table: the mean shape as the floor, and the annotators' distance."""
    # The mean shape depends on the draw alone, so each seed counts once.
    floors = {cell.labels.seed: cell.floor for cell in cells if cell.floor}
    references = []
    if floors:
        values: dict[str, Value] = {"mre": statistics.fmean(floor.mre for floor in floors.values())}
        for threshold in group.thresholds:
            known = [
                f.sdr[str(float(threshold))]
                for f in floors.values()
                if str(float(threshold)) in f.sdr
            ]
            values[threshold_key(threshold)] = statistics.fmean(known) if known else None
        references.append(
            Reference(
                "floor",
                "Mean shape (floor)",
                "Predicts the average of the labelled shots for every image, without looking.",
                values,
            )
        )
    distance = group.record.annotator_distance if group.record else None
    if distance is not None:
        references.append(
            Reference(
                "annotators",
                "Between annotators",
                "Mean distance between two people who annotated the same test images.",
                {"mre": float(distance)},
            )
        )
    return tuple(references)


def notes(table: LeaderboardTable) -> Iterator[str]:
    """What a reader of the table must know, one sentence each."""
    yield from _certainty(table)
    done = [cell for row in table.ranked for cell in row.done]
    if len({tuple(cell.labels.seed for cell in row.done) for row in table.ranked}) > 1:
        yield "Rows rest on different seeds: they are compared on the seeds that both have."
    if any(shares_pretraining(cell) for cell in done):
        yield "Seeds share one pretraining, so the intervals leave its variance out."
    if note := published_note(done):
        yield note
    if any(chosen_on_validation(cell.spec.get("protocol")) for cell in done):
        yield "Weights were chosen on labelled validation images, which few-shot users lack."
    if any(cell.spec.get("dataset", {}).get("allow_leaks") for cell in done):
        yield "The pool may hold films of test images (--allow-leaks)."
    yield from _tuned(table)
    yield from _extra(table)
    yield from _excluded(table)
    if table.transfers() - {WHOLE}:
        yield explain(table.transfers())
    yield from _annotators(table)
    yield from _failures(table)


def _tuned(table: LeaderboardTable) -> Iterator[str]:
    """How the options of tuned rows were chosen, and what that says of their error."""
    cells = [cell for row in table.ranked for cell in row.done]
    sources = dict.fromkeys(
        (cell.labels.tuned.sentence, cell.labels.tuned) for cell in cells if cell.labels.tuned
    )
    ways = dict.fromkeys(sentence for sentence, _ in sources)
    if not ways:
        return
    yield (
        f"Options of tuned rows were chosen by {'; and by '.join(ways)}. Their gains are over "
        "scratch that was tuned as well."
    )
    own = [source for _, source in sources if source.dataset == table.group.name]
    if any(source.score == "val" for source in own):
        yield "Options were tuned on validation images of this dataset, which few-shot users lack."
    if any(source.shots > table.shots for source in own):
        yield "Options were tuned within more labelled images of this dataset than these rows have."


def _extra(table: LeaderboardTable) -> Iterator[str]:
    """What pretraining saw beside the dataset's own images, and what of it was dropped."""
    seen = {cell.extra.key: cell.extra for row in table.ranked for cell in row.done if cell.extra}
    for extra in seen.values():
        state = "stayed (--allow-leaks)" if extra.leaks_allowed else "were dropped"
        yield (
            f"Pretraining also saw {extra.kept} of {extra.found} unlabelled images (--unlabelled): "
            f"{extra.leaking} that show a test image {state}, and {extra.copies} were copies."
        )


def _excluded(table: LeaderboardTable) -> Iterator[str]:
    """How many test images are left out because their film is in training or validation too."""
    record = table.group.record
    if record is not None and record.leaks_excluded:
        gone = len({leak.test_id for leak in record.leaks})
        left = record.counts["test"]
        yield (
            f"{gone} of {gone + left} test images were left out because their film is in the "
            "training or validation set too (--exclude-leaks); no published number is of the "
            f"{left} that are left."
        )


def _annotators(table: LeaderboardTable) -> Iterator[str]:
    """Who the annotators are whose distance stands under the table, two at a time."""
    pairs = table.group.record.annotators if table.group.record else ()
    if pairs:
        shown = [describe_pair(pair, table.group.unit) for pair in pairs[:SHOWN_PAIRS]]
        more = len(pairs) - SHOWN_PAIRS
        rest = f"; and {more} more pairs" if more > 0 else ""
        yield f"Inter-annotator error on the test set: {'; '.join(shown)}{rest}."


def _certainty(table: LeaderboardTable) -> Iterator[str]:
    seeds = {len(row.done) for row in table.ranked}
    judged = any(row.intervals for row in table.ranked)
    if not judged or not seeds:
        return
    if seeds == {1}:
        yield (
            "One seed: brackets and places hold for new images, but for this one draw of labelled "
            "images and this one training; another can change the order. More seeds (--seeds 5) "
            "tell."
        )
    else:
        count = f"{min(seeds)}" if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
        yield f"Brackets: 95 % intervals for new seeds and new images, from {count} seeds."
    if table.margin is not None:
        equal = sum(pair.comparison.verdict == "equivalent" for pair in table.pairs)
        yield (
            f"Declared margin {table.margin:g} {table.group.unit}: {equal} of {len(table.pairs)} "
            "pairs are equal within it."
        )


def _failures(table: LeaderboardTable) -> Iterator[str]:
    """How many cells failed, and what each row would show were its failures the mean shape."""
    failed = sum(len(row.failed) for row in table.rows)
    if not failed:
        return
    total = failed + sum(len(row.done) for row in table.rows)
    yield (
        f"{failed} of {total} cells failed; a row's numbers leave its failed seeds out, and so "
        "does every comparison with it."
    )
    floor = table.reference("floor")
    for row in table.rows:
        if row.failed and row.done and floor is not None:
            known = [cell.metrics.mre for cell in row.done if cell.metrics]
            counted = statistics.fmean([*known, *[floor] * len(row.failed)])
            yield (
                f"{row.name} would show {format_error(counted)} {table.group.unit}, were each "
                "failed seed counted as the mean shape."
            )
