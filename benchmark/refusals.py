"""Refusing a user's data, or, while an audit reads, noting what would have been refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from benchmark.errors import DataError


@dataclass(frozen=True)
class Refusal:
    """Something that a run refuses.

    Attributes:
        image: The id of the image that it is about; empty where it is about the whole set.
        sentence: What is wrong, where, and how to mend it.
    """

    image: str
    sentence: str


_noted: ContextVar[list[Refusal] | None] = ContextVar("noted refusals", default=None)


def refuse(error: DataError, image: str = "", *, seen: bool = False) -> None:
    """Raise an error, unless an audit is reading, which notes it and goes on.

    Datasets call it in place of ``raise`` wherever they can go on all the same: behind it stands
    what is then done with the fault.

    Args:
        error: The sentence for the user.
        image: The id of the image that it is about.
        seen: Whether the fault stays in what is read, where a check of the audit sees it; then it
            is not noted.

    Raises:
        DataError: Always, but within `noted_refusals`.
    """
    refusals = _noted.get()
    if refusals is None:
        raise error
    if not seen:
        refusals.append(Refusal(image, str(error)))


@contextmanager
def noted_refusals() -> Iterator[list[Refusal]]:
    """Within it nothing is refused that can be gone on with.

    Yields:
        What has been noted so far, in order.
    """
    refusals: list[Refusal] = []
    token = _noted.set(refusals)
    try:
        yield refusals
    finally:
        _noted.reset(token)
