"""What is compared: every line names two that take part, and each can be called as it is told."""

import importlib
import inspect

import pytest

from benchmarks.comparisons import FILES, MEASUREMENTS, Setting

SETTING = Setting(
    checkout="checkout",
    packages=None,
    files=dict.fromkeys(FILES, "cephalo"),
    arrays="arrays",
    heatmaps="heatmaps",
    store="store",
    threads=1,
)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_every_line_is_between_the_papers_code_and_another_that_takes_part(name: str) -> None:
    measurement = MEASUREMENTS[name](SETTING)
    entries = {c.name: c.entry.partition(":")[0] for c in measurement.contestants}
    assert len(entries) == len(measurement.contestants)
    for row in measurement.rows:
        assert entries[row.slow] == "benchmarks.paper_code"
        # Only a line that explains another may compare the paper's code with itself.
        assert row.target is None or entries[row.fast] == "benchmarks.own_code"
    assert {r.slow for r in measurement.rows} | {r.fast for r in measurement.rows} == set(entries)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_every_contestant_can_be_called_with_what_it_is_told(name: str) -> None:
    for contestant in MEASUREMENTS[name](SETTING).contestants:
        module, function = contestant.entry.split(":")
        called = getattr(importlib.import_module(module), function)
        told = dict.fromkeys(contestant.told, 1)
        inspect.signature(called).bind(None, **contestant.settings, **told)


@pytest.mark.parametrize("name", ["pretraining-step", "finetuning-step"])
def test_steps_are_at_one_size_and_batch_and_at_the_papers_number_of_parameters(
    name: str,
) -> None:
    contestants = MEASUREMENTS[name](SETTING).contestants
    assert {(c.settings["size"], c.settings["batch"]) for c in contestants} == {(64, 4)}
    for contestant in contestants:
        ours = contestant.entry.startswith("benchmarks.own_code")
        assert ("parameters" in contestant.told) == ours
