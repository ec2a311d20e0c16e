"""The file that a search ends in, and that ``run --tuned`` takes: the best options by method."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from benchmark import __version__
from benchmark.config import read_toml, validated
from benchmark.errors import UsageError
from benchmark.files import write_text
from benchmark.toml_text import one_line, toml_value
from benchmark.transfer import TransferName
from benchmark.tuning.records import StudyRecord, TuningSource
from benchmark.tuning.space import PRETRAINING_RATE, PROTOCOL

FORMAT = 1


class _Strict(BaseModel):
    """Frozen, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TunedOptions(_Strict):
    """The best options of one method on one network under one transfer, and how they were found."""

    method: str
    backbone: str
    transfer: TransferName = "whole"
    method_version: int
    score: float = Field(description="Mean error over the held-out images, in the unit.")
    default_score: float | None = Field(None, description="Of the default options on the same.")
    unit: str = ""
    values: dict[str, float] = Field(description="By protocol.<setting> or method.<option>.")
    source: TuningSource

    @property
    def arm(self) -> tuple[str, str, str]:
        """Method, network and transfer."""
        return self.method, self.backbone, self.transfer


class TunedFile(_Strict):
    """All of a file."""

    format: Literal[1]
    version: str = Field("", description="Of the package that wrote it.")
    store: str = Field("", description="Where the searches lie.")
    tuned: tuple[TunedOptions, ...]


def tuned_options(record: StudyRecord) -> TunedOptions | None:
    """What a search has found; None where no trial was finished."""
    best, default = record.best, record.default
    if best is None or best.score is None:
        return None
    return TunedOptions(
        method=record.method,
        backbone=record.backbone,
        transfer=record.transfer,
        method_version=record.spec["cells"][0]["method"]["version"],
        score=best.score,
        default_score=default.score if default is not None else None,
        unit=record.unit,
        values=best.values,
        source=record.source,
    )


def write_tuned(path: Path, tuned: Sequence[TunedOptions], command: str, store: Path) -> None:
    """Write a file of tuned options.

    Args:
        path: The file.
        tuned: By method.
        command: What has found them, for the comment at the top.
        store: Where the searches lie.

    Raises:
        StoreUnwritableError: It cannot be written.
    """
    lines = [
        f"# Found by: {one_line(command)}",
        f"# Use: python -m benchmark run --tuned {one_line(str(path))} ...",
        f"format = {FORMAT}",
        f"version = {toml_value(__version__)}",
        f"store = {toml_value(str(store))}",
    ]
    for options in tuned:
        values = options.model_dump(mode="json", exclude_none=True)
        tables = {name: values.pop(name) for name in ("values", "source")}
        lines += ["", "[[tuned]]", *_pairs(values)]
        for name, table in tables.items():
            lines += ["", f"[tuned.{name}]", *_pairs(table)]
    write_text(path, "\n".join(lines) + "\n")


def _pairs(values: dict[str, Any]) -> Iterable[str]:
    """Lines of one table; a name with a dot is quoted, else it would be a table in a table."""
    for name, value in values.items():
        yield f"{toml_value(name) if '.' in name else name} = {toml_value(value)}"


def read_tuned(path: Path) -> tuple[TunedOptions, ...]:
    """Read a file of tuned options.

    Raises:
        UsageError: There is none, or it says something that such a file does not.
    """
    found = validated(TunedFile, read_toml(path), where=f"--tuned {path}").tuned
    known = PROTOCOL | {PRETRAINING_RATE}
    for options in found:
        unknown = sorted(options.values.keys() - known)
        if unknown:
            raise UsageError(
                f"--tuned {path}: {options.method} has a value for {unknown[0]!r}, which is not "
                f"tuned; what is: {', '.join(sorted(known))}"
            )
    arms = [options.arm for options in found]
    twice = next((arm for arm in arms if arms.count(arm) > 1), None)
    if twice is not None:
        raise UsageError(
            f"--tuned {path} has {twice[0]} on {twice[1]} ({twice[2]}) twice: keep one of the two"
        )
    return found
