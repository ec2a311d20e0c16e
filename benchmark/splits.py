"""Few-shot draws: nested, by hash, the same on every machine and for every method."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from benchmark.errors import DataError, UsageError


def draw(
    ids: Sequence[str],
    dataset: str,
    seed: int,
    shots: int,
    groups: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Choose the labelled training images of a cell.

    The ids are ordered by the SHA-256 of ``dataset:seed:id`` and the first ``shots`` are taken,
    so the draws of one seed are nested, and depend neither on the order of ``ids`` nor on any
    library. Where patients are known, the order is by the hash of ``dataset:seed:patient`` and,
    within one patient, by the hash of the id: images of one patient stand together, and at most
    the last patient of a draw is there in part, because otherwise the number of shots would not
    be met.

    Args:
        ids: The training images, each once.
        dataset: Name of the dataset.
        seed: Seed of the draw.
        shots: Number of images to draw, at least one.
        groups: The patient of an id; an id that is absent or has an empty patient stands alone.

    Returns:
        The ids in hash order.

    Raises:
        UsageError: ``shots`` is below one or above the number of training images.
        DataError: An id occurs twice.
    """
    if shots < 1:
        raise UsageError(f"The number of shots must be at least 1, not {shots}.")
    if shots > len(ids):
        raise UsageError(
            f"{shots} shots are more than the {len(ids)} training images of '{dataset}'; "
            f"ask for at most {len(ids)}."
        )
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise DataError(
            f"The training image '{twice}' of '{dataset}' is listed twice; list each image once."
        )
    patients = {name: (groups or {}).get(name) or name for name in ids}

    def key(name: str) -> tuple[str, str, str, str]:
        patient = patients[name]
        return _hash(dataset, seed, patient), patient, _hash(dataset, seed, name), name

    return tuple(sorted(ids, key=key)[:shots])


def first(ids: Sequence[str], shots: int) -> tuple[str, ...]:
    """The first images in the order of their names, as the paper's released code takes them.

    Raises:
        UsageError: ``shots`` is below one or above the number of training images.
    """
    if not 1 <= shots <= len(ids):
        raise UsageError(f"ask for 1 to {len(ids)} shots, not {shots}: so many images there are.")
    return tuple(sorted(ids)[:shots])


def digest(ids: Iterable[str]) -> str:
    """SHA-256 in hex of ids, one a line, as given: what ``sha256sum`` says of the file."""
    return hashlib.sha256("".join(f"{name}\n" for name in ids).encode()).hexdigest()


def _hash(dataset: str, seed: int, name: str) -> str:
    return hashlib.sha256(f"{dataset}:{seed}:{name}".encode()).hexdigest()
