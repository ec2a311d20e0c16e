"""The grid: what each dataset, pretraining and cell is made of, and the keys that follow."""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel, ConfigDict

from benchmark.config import PretrainingConfig, ProtocolConfig
from benchmark.store import key_of

PREPARATION_VERSION = 1


class Spec(BaseModel):
    """Base of what a key covers: all that changes a result, and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def key(self) -> str:
        """16 hex digits over the canonical JSON."""
        return key_of(self.model_dump(mode="json"))


class PluginChoice(Spec):
    """A plugin with its version and all of its options, defaults included."""

    name: str
    version: int
    options: dict[str, Any]


class DatasetSpec(Spec):
    """A dataset at one working size."""

    dataset: PluginChoice
    title: str
    fingerprint: str
    working_size: tuple[int, int]
    allow_leaks: bool = False
    preparation: int = PREPARATION_VERSION


class PretrainingSpec(Spec):
    """One pretraining; ``dataset`` and ``seed`` are None where the pool is not looked at."""

    dataset: DatasetSpec | None
    method: PluginChoice
    backbone: dict[str, Any]
    steps: int
    batch_size: int
    precision: str
    seed: int | None


class CellSpec(Spec):
    """One point of the grid."""

    dataset: DatasetSpec
    method: PluginChoice
    backbone: dict[str, Any]
    shots: int
    seed: int
    protocol: ProtocolConfig
    finetuning_steps: int
    pretraining: PretrainingSpec | None


def long_finetuning_steps(protocol: ProtocolConfig, pretraining: PretrainingConfig) -> int:
    """Fine-tuning steps of the long control: the compute of both stages together.

    A pretraining that passes each image once through the whole network costs about as much an
    image as fine-tuning does, so its share is its images over the fine-tuning batch.
    """
    images = pretraining.steps * pretraining.batch_size
    return protocol.steps + math.ceil(images / protocol.batch_size)
