"""The grid: what each dataset, pretraining and cell is made of, and the keys that follow."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from benchmark.errors import DataError
from benchmark.files import key_of
from benchmark.fingerprint import content_digest
from benchmark.plugins import Plugin, PluginOptions
from benchmark.protocol import Frame, Inputs, PretrainingConfig, ProtocolConfig
from benchmark.transfer import TransferName

PREPARATION_VERSION = 1

# Passed to pydantic where a spec is written for its key rather than for a worker.
IDENTITY = {"purpose": "identity"}


class Spec(BaseModel):
    """Base of what a key covers: all that changes a result, and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @cached_property
    def key(self) -> str:
        """16 hex digits over the canonical JSON; made once, as plans ask for it many times."""
        return key_of(self.identity())

    def identity(self) -> dict[str, Any]:
        """What the key covers: every field, but files by their content instead of their path."""
        return self.model_dump(mode="json", context=IDENTITY)


class PluginChoice(Spec):
    """A plugin with its version and all of its options, defaults included.

    ``files`` holds the sha256 of each file that an option names. The key covers that in place of
    the path, so that a file may be moved, and one that has changed meets no old result.
    """

    name: str
    version: int
    options: dict[str, Any]
    files: dict[str, str] = {}

    @classmethod
    def of(cls, plugin: type[Plugin], options: PluginOptions) -> PluginChoice:
        """A plugin with validated options; the files that they name are read once a process.

        Raises:
            DataError: A file cannot be read.
        """
        values = options.model_dump(mode="json")
        files: dict[str, str] = {}
        for option in type(options).model_fields:
            path = getattr(options, option)
            if isinstance(path, Path) and path.is_file():
                values[option] = str(path.absolute())
                files[option] = content_digest(path)
        return cls(name=plugin.name, version=plugin.version, options=values, files=files)

    def ensure_files_unchanged(self) -> None:
        """Check that the files are still those that the key speaks of.

        Raises:
            DataError: A file is gone or has changed since the run was planned.
        """
        for option, digest in self.files.items():
            path = Path(self.options[option])
            if content_digest(path) != digest:
                raise DataError(f"{path} has changed since the run was planned: run again")

    @model_serializer(mode="wrap")
    def _by_content(
        self, handler: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        """Without ``files`` where there are none, so that older keys and records stay the same."""
        values: dict[str, Any] = handler(self)
        if not self.files:
            del values["files"]
        elif info.context == IDENTITY:
            kept = {k: v for k, v in self.options.items() if k not in self.files}
            values["options"] = kept
        return values


class DatasetSpec(Spec):
    """A dataset at one working size.

    With ``exclude_leaks`` the test set lacks the images whose film is also in training or
    validation, and the pool keeps that film: another test set and another pool, so other keys of
    datasets, pretrainings and cells.
    """

    dataset: PluginChoice
    title: str
    fingerprint: str
    working_size: tuple[int, int]
    allow_leaks: bool = False
    exclude_leaks: bool = False
    frame: Frame = "fit"
    preparation: int = PREPARATION_VERSION

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without later fields that are not set, so that older keys stay the same."""
        values: dict[str, Any] = handler(self)
        if not self.exclude_leaks:
            del values["exclude_leaks"]
        if self.frame == "fit":
            del values["frame"]
        return values


class ExtraImages(Spec):
    """Unlabelled images of the user's beside the pool of a dataset, by their content alone."""

    fingerprint: str
    extra_images: int


class ExtraPoolSpec(Spec):
    """Such images at the working size of a dataset, without those that its test set shows."""

    dataset: DatasetSpec
    extra: ExtraImages


class PretrainingSpec(Spec):
    """One pretraining; ``dataset`` and ``seed`` are None where the pool is not looked at."""

    dataset: DatasetSpec | None
    method: PluginChoice
    backbone: dict[str, Any]
    steps: int
    batch_size: int
    precision: str
    seed: int | None
    extra: ExtraImages | None = None
    inputs: Inputs = "symmetric"

    @property
    def extra_pool(self) -> ExtraPoolSpec | None:
        """What has to be prepared beside the dataset, or None."""
        if self.dataset is None or self.extra is None:
            return None
        return ExtraPoolSpec(dataset=self.dataset, extra=self.extra)

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without later fields that are not set, so that older keys stay the same."""
        values: dict[str, Any] = handler(self)
        if self.extra is None:
            del values["extra"]
        if self.inputs == "symmetric":
            del values["inputs"]
        return values


class CellSpec(Spec):
    """One point of the grid.

    ``tuned`` says that options of the method and of the fine-tuning are not the run's own, but
    were searched for: another cell even where the search has come back to the run's.
    """

    dataset: DatasetSpec
    method: PluginChoice
    backbone: dict[str, Any]
    shots: int
    seed: int
    protocol: ProtocolConfig
    finetuning_steps: int
    pretraining: PretrainingSpec | None
    transfer: TransferName = "whole"
    tuned: bool = False

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without ``tuned`` where it is not set, so that older keys and records stay the same."""
        values: dict[str, Any] = handler(self)
        if not self.tuned:
            del values["tuned"]
        return values

    def identity(self) -> dict[str, Any]:
        """What the key covers.

        The default transfer is left out, so that cells from before there was a choice keep theirs.
        """
        values = super().identity()
        if self.transfer == "whole":
            del values["transfer"]
        return values


def finetuning_steps(
    protocol: ProtocolConfig, pretraining: PretrainingConfig, shots: int, long: bool
) -> int:
    """Fine-tuning steps of a cell at most; ``long``: the compute of both stages together.

    A pretraining that passes each image once through the whole network costs about as much an
    image as fine-tuning does, so its share is its images over the fine-tuning batch.
    """
    steps = protocol.steps_for(shots)
    images = pretraining.steps * pretraining.batch_size
    return steps + math.ceil(images / protocol.batch_size) if long else steps
