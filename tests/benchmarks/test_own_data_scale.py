"""The generated folder of one's own is one that audits read, with the copies that it claims."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.audit.checks import find_faults
from benchmark.audit.reading import read_material
from benchmark.dataset_choice import choose_dataset
from benchmark.plugin_specs import PluginSpec
from benchmarks.own_data_scale import generate, memory_of_session


def test_copies_are_the_only_faults_of_the_generated_folder(tmp_path: Path) -> None:
    generate(tmp_path / "large", count=40, copies=3, processes=1)
    chosen = choose_dataset(PluginSpec("folder"), {"": tmp_path / "large"})
    material = read_material(chosen)
    assert len(material.index.samples) == 40
    assert len(material.index.split("test")) == 12
    findings = find_faults(material)
    assert {f.check for f in findings.all} == {"leak"}
    pairs = {frozenset(f.images) for f in findings.all}
    assert pairs == {frozenset((f"film0000{k}.png", f"film000{39 - k}.png")) for k in range(3)}


def test_the_memory_of_a_session_without_processes_is_none() -> None:
    if not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("memory is counted on Linux")
    assert memory_of_session(-1) == 0
