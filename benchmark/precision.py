"""Whether bfloat16 is faster than float32 on this CPU: measured once, and kept in the store."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from pydantic import ValidationError

from benchmark.environment import cpu_name
from benchmark.files import key_of, write_record
from benchmark.publishing import write_new
from benchmark.schema import Record
from benchmark.store import Store

PAYS_FROM = 1.25
"""bfloat16 costs accuracy, so that it must be worth something: this many times the speed."""

ROUNDS, WARM_UP = 9, 2
BATCH, CHANNELS, HEIGHT, WIDTH = 8, 64, 40, 32


class PrecisionRecord(Record):
    """``machines/<key>.json``: what was measured on one processor, under one torch.

    Attributes:
        cpu: The processor.
        threads: Threads of a worker.
        torch: The version of torch.
        bfloat16_speedup: How many times as fast bfloat16 was as float32.
        precision: What ``auto`` means there, for all runs on this store.
    """

    cpu: str
    threads: int
    torch: str
    bfloat16_speedup: float
    precision: str


def settled_precision(store: Store, threads: int) -> PrecisionRecord:
    """What ``auto`` means on this machine's CPU: read from the store, or measured and kept there.

    Workers that start together may all measure, but the first to write decides, so that no two
    cells of a store differ in it for no other reason than noise.
    """
    name = {"cpu": cpu_name(), "threads": threads, "torch": str(torch.__version__)}
    path = store.root / "machines" / f"{key_of(name)}.json"
    kept = _read(path)
    if kept is not None:
        return kept
    speedup = round(bfloat16_speedup(), 2)
    precision = "bfloat16" if speedup >= PAYS_FROM else "float32"
    record = PrecisionRecord.model_validate(
        name | {"bfloat16_speedup": speedup, "precision": precision}
    )
    return _keep_first(path, record)


def _read(path: Path) -> PrecisionRecord | None:
    try:
        return PrecisionRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


def _keep_first(path: Path, record: PrecisionRecord) -> PrecisionRecord:
    """Write the record unless another worker has just written one, and return what counts."""
    if not write_new(path, (record.model_dump_json(indent=1) + "\n").encode()):
        kept = _read(path)
        if kept is not None:
            return kept
        write_record(path, record)  # It is damaged: the last one to write decides.
    return record


def bfloat16_speedup() -> float:
    """Time of a convolution with its gradient in float32 over that in bfloat16, about a second.

    The two take turns, so that other load on the machine slows both alike.
    """
    random = torch.Generator().manual_seed(0)
    images = torch.rand(BATCH, CHANNELS, HEIGHT, WIDTH, generator=random)
    weights = torch.rand(CHANNELS, CHANNELS, 3, 3, generator=random) - 0.5
    weights.requires_grad_()
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(ROUNDS + WARM_UP):
        for bfloat16, measured in seconds.items():
            started = time.perf_counter()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
                found = F.conv2d(images, weights, padding=1).relu()
            found.float().mean().backward()
            if turn >= WARM_UP:
                measured.append(time.perf_counter() - started)
    return statistics.median(seconds[False]) / statistics.median(seconds[True])
