"""What a worker says while it works: the stage, the step and the loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

TRAINING_STAGES = ("pretrain", "fine-tune")
REPORT_EVERY = 5
"""Steps of a training between two messages."""


@dataclass(frozen=True)
class Progress:
    """One message about work under way.

    Attributes:
        stage: ``prepare``, ``pretrain``, ``fine-tune`` or ``evaluate``.
        step: Steps (or images) done.
        steps: Steps (or images) in all.
        loss: The latest training loss, where there is one.
    """

    stage: str
    step: int
    steps: int
    loss: float | None = None


Listener = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """A listener that ignores everything."""
