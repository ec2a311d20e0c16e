"""The stopwatch: every second goes to one stage, and no device is waited for in between."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from benchmark.accounting import (
    STAGES,
    CudaClock,
    HostClock,
    Stage,
    Stopwatch,
    counted,
    process_age,
    running,
    timings,
)
from benchmark.schema import Timings


class FakeDevice:
    """A clock whose hands a test moves; its device comes to marks when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reached = float("inf")
        self.waited = 0

    def mark(self) -> float:
        return self.now

    def passed(self, mark: float) -> bool:
        return mark <= self.reached

    def wait(self, mark: float) -> None:
        self.waited += 1
        self.reached = max(self.reached, mark)

    def seconds(self, first: float, second: float) -> float:
        assert self.passed(first)
        assert self.passed(second), "read before the device came to it"
        return second - first


def spent(stopwatch: Stopwatch) -> dict[str, float]:
    """The stages that took any time."""
    totals = stopwatch.totals()
    return {stage: totals[stage] for stage in STAGES if totals[stage]}


def test_a_stage_within_a_stage_is_not_counted_twice() -> None:
    clock = FakeDevice()
    with Stopwatch(clock) as stopwatch:
        clock.now += 100
        with counted("forward_backward"):
            clock.now += 1
            with counted("augmentation"):
                clock.now += 10
            clock.now += 2
        clock.now += 1000
        with counted("augmentation"):
            clock.now += 20
    assert spent(stopwatch) == {"forward_backward": 3, "augmentation": 30}


def test_a_decorated_function_is_counted_each_time_and_keeps_its_result() -> None:
    clock = FakeDevice()

    @counted("evaluation")
    def measure(depth: int) -> int:
        clock.now += 1
        return measure(depth - 1) + 1 if depth else 0

    with Stopwatch(clock) as stopwatch:
        assert measure(2) == 2
    assert spent(stopwatch) == {"evaluation": 3}


def test_without_a_stopwatch_nothing_is_measured_and_nothing_fails() -> None:
    with counted("decode"):
        assert running() is None


def test_an_error_ends_its_stages_and_is_not_hidden_by_a_device_that_failed() -> None:
    class Broken(FakeDevice):
        def wait(self, mark: float) -> None:
            raise RuntimeError("the device is gone")

    stopwatch = Stopwatch(Broken())
    with pytest.raises(KeyError), stopwatch, counted("decode"), counted("waiting"):
        raise KeyError("the cause")
    assert running() is None
    assert stopwatch.elapsed() > 0


def test_a_stage_that_raised_does_not_swallow_what_follows() -> None:
    clock = FakeDevice()
    with Stopwatch(clock) as stopwatch:
        try:
            with counted("decode"):
                clock.now += 1
                raise ValueError
        except ValueError:
            clock.now += 10
        with counted("waiting"):
            clock.now += 2
    assert spent(stopwatch) == {"decode": 1, "waiting": 2}


def test_the_inner_of_two_stopwatches_counts_and_the_outer_goes_on_afterwards() -> None:
    clock = FakeDevice()
    with Stopwatch(clock) as outer:
        with Stopwatch(clock) as inner, counted("decode"):
            clock.now += 1
        with counted("decode"):
            clock.now += 2
    assert (spent(inner), spent(outer)) == ({"decode": 1}, {"decode": 2})


def test_collecting_reads_only_what_the_device_has_come_to_and_does_not_wait() -> None:
    clock = FakeDevice()
    with Stopwatch(clock) as stopwatch:
        for stage in ("decode", "waiting"):
            with counted(stage):
                clock.now += 1
        clock.reached = 1.5
        stopwatch.collect()
        assert spent(stopwatch) == {"decode": 1}
        assert clock.waited == 0
    assert spent(stopwatch) == {"decode": 1, "waiting": 1}
    assert clock.waited == 1


def test_settling_counts_what_has_passed_of_an_open_stage() -> None:
    clock = FakeDevice()
    with Stopwatch(clock) as stopwatch, counted("checkpoint"):
        clock.now += 1
        stopwatch.settle()
        assert spent(stopwatch) == {"checkpoint": 1}
        clock.now += 2
    assert spent(stopwatch) == {"checkpoint": 3}


def test_the_clock_of_the_host_tells_seconds() -> None:
    with Stopwatch(HostClock()) as stopwatch, counted("waiting"):
        time.sleep(0.02)
    assert 0.02 <= stopwatch.totals()["waiting"] <= stopwatch.elapsed()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this torch sees no GPU")
def test_the_clock_of_a_gpu_counts_work_that_was_only_queued() -> None:
    device = torch.device("cuda")
    square = torch.rand(4096, 4096, device=device)
    with Stopwatch(CudaClock(device)) as stopwatch:
        with counted("forward_backward"):
            for _ in range(50):
                square = (square @ square).sigmoid()
        with counted("waiting"):
            torch.cuda.synchronize()
    totals = stopwatch.totals()
    assert totals["forward_backward"] > totals["waiting"]


def test_a_record_adds_up_to_its_total_and_divides_images_by_the_seconds_of_steps() -> None:
    clock = FakeDevice()
    stopwatch = Stopwatch(clock, peak_flops=1e6)
    stopwatch.steps, stopwatch.step_flops = 5, 200_000
    with stopwatch:
        spans: dict[Stage, float] = {"forward_backward": 1.5, "augmentation": 0.25, "decode": 9}
        for stage, seconds in spans.items():
            with counted(stage):
                clock.now += seconds
    earlier = 100.0
    record = timings(stopwatch, 8, startup=3, earlier=earlier, finetuning_seconds=7)
    assert record.images_per_second == pytest.approx(5 * 8 / 1.75)
    assert record.flops_utilisation == pytest.approx(5 * 200_000 / (1.75 * 1e6))
    assert (record.startup_seconds, record.finetuning_seconds) == (3, 7)
    stages = sum(getattr(record, f"{stage}_seconds") for stage in STAGES)
    assert stages == pytest.approx(1.5 + 0.25 + 9)
    assert record.total_seconds == pytest.approx(earlier + stopwatch.elapsed())
    assert stages + record.other_seconds == pytest.approx(record.total_seconds)
    assert record.overhead == pytest.approx(1 - 1.5 / (record.total_seconds + 3))


def test_what_was_not_measured_is_none_in_the_record() -> None:
    with Stopwatch() as stopwatch:
        record = timings(stopwatch, 8)
    assert record.images_per_second is None
    assert record.flops_utilisation is None
    assert record.overhead is None


def test_records_of_before_there_was_an_account_still_load() -> None:
    old = Timings.model_validate({"finetuning_seconds": 50.0, "total_seconds": 60.0})
    assert (old.total_seconds, old.decode_seconds, old.overhead) == (60, 0, None)


def test_the_totals_of_an_earlier_process_are_added() -> None:
    stopwatch = Stopwatch(FakeDevice())
    stopwatch.add({"decode": 2.0, "steps": 3})
    stopwatch.add({"decode": 1.0, "unknown": 5.0})
    assert spent(stopwatch) == {"decode": 3.0}
    assert stopwatch.steps == 3


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells")
def test_the_age_of_a_process_is_counted_from_its_start_and_not_from_its_imports() -> None:
    code = (
        "import time; time.sleep(0.2); from benchmark.accounting import process_age; "
        "print(process_age())"
    )
    started = time.monotonic()
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0.2 <= float(told.stdout) <= time.monotonic() - started + 0.02
    assert process_age() > 0
