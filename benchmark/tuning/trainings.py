"""What a trial trains on and is scored on: labelled images of a draw, and never a test image."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmark.errors import UsageError
from benchmark.prepared import PreparedDataset
from benchmark.splits import draw
from benchmark.tuning.options import SMALLEST, Scoring

BEYOND_THE_DRAW = 50
"""Training images that stand in for validation images, where a dataset has none."""


@dataclass(frozen=True)
class Training:
    """One fine-tuning of a trial.

    Attributes:
        number: Its place among those of a trial.
        seed: Of the draw, the pretraining and the fine-tuning.
        trained: Ids of the labelled images that it sees.
        scored: Ids of the images that it is scored on, none of which it sees.
    """

    number: int
    seed: int
    trained: tuple[str, ...]
    scored: tuple[str, ...]


def trainings_of(
    data: PreparedDataset, shots: int, seeds: Sequence[int], score: Scoring, folds: int
) -> tuple[Training, ...]:
    """The fine-tunings of a trial: the same for all trials and all methods.

    Where a dataset has no validation images, the last training images in the order of the draw
    stand in for them. An image that shows the film of a test image is trained on where the draw
    has it, as in every cell, but nothing is scored on it.

    Args:
        data: The prepared dataset.
        shots: Labelled images of a draw.
        seeds: Of the draws.
        score: Whether parts of each draw are held out, or the validation images are scored.
        folds: Parts of a draw.

    Raises:
        UsageError: A draw cannot be divided so often, or no image is left to score on.
    """
    shown = {leak.pool_id for leak in data.record.leaks}
    groups = dict(zip(data.ids, data.groups, strict=True))
    train = [data.ids[row] for row in data.rows("train")]
    patients = {name: group for name, group in groups.items() if group}
    found: list[Training] = []
    for seed in seeds:
        drawn = draw(train, data.record.name, seed, shots, patients)
        if score == "val":
            own = {groups[name] or name for name in drawn}
            val = [data.ids[row] for row in data.rows("val")]
            if not val:
                order = draw(train, data.record.name, seed, len(train), patients)
                val = list(order[shots:][-BEYOND_THE_DRAW:])
            held = tuple(v for v in val if v not in shown and (groups[v] or v) not in own)
            found += [Training(len(found), seed, drawn, held)] if held else []
        else:
            for held in divided(drawn, groups, folds):
                trained = tuple(name for name in drawn if name not in held)
                scored = tuple(name for name in held if name not in shown)
                found += [Training(len(found), seed, trained, scored)] if scored else []
    if not found:
        what = "validation image" if score == "val" else "labelled image"
        raise UsageError(
            f"no {what} of {data.record.name} can be scored on: there is none, or all show films "
            "of test images; tune on another dataset"
        )
    return tuple(found)


def divided(
    drawn: Sequence[str], groups: Mapping[str, str], folds: int
) -> Iterator[tuple[str, ...]]:
    """The parts of a draw, each held out once; images of one patient stay together.

    Args:
        drawn: The ids in the order of the draw.
        groups: The patient of an id; empty where unknown.
        folds: How many parts.

    Raises:
        UsageError: There are fewer patients than parts.
    """
    patients: dict[str, list[str]] = {}
    for name in drawn:
        patients.setdefault(groups[name] or name, []).append(name)
    if folds > len(patients):
        raise UsageError(
            f"{folds} folds need as many patients among the labelled images, and there are "
            f"{len(patients)}: give more --shots"
            + (f", or --folds {len(patients)}" if len(patients) >= SMALLEST else "")
        )
    members = list(patients.values())
    for fold in range(folds):
        yield tuple(name for patient in members[fold::folds] for name in patient)


def development_part(data: PreparedDataset, trainings: Sequence[Training]) -> PreparedDataset:
    """The prepared dataset without any image that these trainings do not name.

    What a trial is handed holds no pixel, no landmark and no id of a test image, so that no mistake
    in what follows can reach one.

    Raises:
        AssertionError: A training names a test image.
    """
    wanted = {name for t in trainings for name in (*t.trained, *t.scored)}
    rows = [row for row, name in enumerate(data.ids) if name in wanted]
    assert not any(data.splits[row] == "test" for row in rows), "a trial may see no test image"
    return dataclasses.replace(
        data,
        pixels=data.pixels[rows],
        points=data.points[rows],
        ids=tuple(data.ids[row] for row in rows),
        splits=tuple(data.splits[row] for row in rows),
        groups=tuple(data.groups[row] for row in rows),
        in_pool=data.in_pool[rows],
        sizes=data.sizes[rows],
        spacing=data.spacing[rows],
        frames=tuple(data.frames[row] for row in rows),
        attributes={name: values[rows] for name, values in data.attributes.items()},
    )
