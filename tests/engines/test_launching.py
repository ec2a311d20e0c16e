"""The environment of a worker: what the engine sets, and what stays the user's."""

import pytest

from benchmark.engines.launching import KEPT_MEMORY, environment


def test_a_worker_keeps_the_memory_that_a_step_frees(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEPT_MEMORY:
        monkeypatch.delenv(name, raising=False)
    assert KEPT_MEMORY.items() <= environment(1).items()


def test_what_the_user_has_set_of_memory_stays_and_threads_are_the_engines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    found = environment(2)
    assert found["MALLOC_TRIM_THRESHOLD_"] == "131072"
    assert found["OMP_NUM_THREADS"] == "2"
