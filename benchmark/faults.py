"""What is kept of an exception: a sentence, a traceback, and whose fault it was."""

from __future__ import annotations

import traceback

from benchmark.errors import (
    BenchmarkError,
    DataError,
    DeviceMemoryError,
    StoreError,
    UsageError,
    WeightsUnavailableError,
)
from benchmark.schema import Failure, Fault


def failure_of(error: BaseException) -> Failure:
    """What is kept of an exception; errors of ours are sentences, others name their kind."""
    text = str(error).strip() or type(error).__name__
    sentence = text if isinstance(error, BenchmarkError) else f"{type(error).__name__}: {text}"
    return Failure(
        sentence=" ".join(sentence.split())[:2000],
        type=type(error).__name__,
        traceback="".join(traceback.format_exception(error))[-20000:],
        fault=_fault(error),
    )


def _fault(error: BaseException) -> Fault:
    """What has to change before another attempt can end otherwise."""
    if isinstance(error, (DataError, UsageError)):
        return "input"
    machine = (StoreError, WeightsUnavailableError, MemoryError, DeviceMemoryError)
    return "machine" if isinstance(error, machine) else "method"
