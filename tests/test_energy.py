"""Energy: what the counters tell is added up, shared out, and never guessed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from benchmark.energy import EnergyMeter, GpuCounter, PackageCounter
from benchmark.pretraining import Machine
from benchmark.progress import Progress

RANGE = 1000 * 10**6
GPU = "GPU-0123"


class Powercap:
    """A folder such as Linux's /sys/class/powercap."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def zone(self, number: str, name: str, joules: float) -> Path:
        folder = self.root / f"intel-rapl:{number}"
        folder.mkdir()
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text(f"{RANGE}\n")
        self.at(number, joules)
        return folder

    def at(self, number: str, joules: float) -> None:
        path = self.root / f"intel-rapl:{number}" / "energy_uj"
        path.write_text(f"{round(joules * 10**6)}\n")


@pytest.fixture
def powercap(tmp_path: Path) -> Powercap:
    """Two packages, with a part of one and the platform that holds both."""
    made = Powercap(tmp_path)
    made.zone("0", "package-0", 100)
    made.zone("0:0", "core", 50)
    made.zone("1", "package-1", 200)
    made.zone("2", "psys", 900)
    return made


def test_packages_are_added_up_and_their_parts_and_the_platform_are_not(powercap: Powercap) -> None:
    counter = PackageCounter(powercap.root)
    for number, joules in (("0", 110), ("0:0", 57), ("1", 205.5), ("2", 990)):
        powercap.at(number, joules)
    assert counter.joules() == pytest.approx(10 + 5.5)


def test_a_counter_that_begins_again_after_its_range_goes_on(powercap: Powercap) -> None:
    counter = PackageCounter(powercap.root)
    powercap.at("0", 60)
    assert counter.joules() == pytest.approx(1000 - 100 + 60)
    powercap.at("0", 40)
    assert counter.joules() == pytest.approx(2 * 1000 - 100 + 40)


def test_a_counter_that_turned_over_without_a_known_range_tells_nothing(powercap: Powercap) -> None:
    (powercap.root / "intel-rapl:0" / "max_energy_range_uj").unlink()
    counter = PackageCounter(powercap.root)
    powercap.at("0", 60)
    assert counter.joules() is None
    powercap.at("0", 70)
    assert counter.joules() is None


def test_a_package_that_may_not_be_read_leaves_the_others_untold(
    powercap: Powercap, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbidden = powercap.root / "intel-rapl:1" / "energy_uj"
    read_text = Path.read_text

    def guarded(path: Path, encoding: str | None = None) -> str:
        if path == forbidden:
            raise PermissionError(13, "Permission denied", str(path))
        return read_text(path, encoding=encoding)

    monkeypatch.setattr(Path, "read_text", guarded)
    with EnergyMeter(powercap=powercap.root) as meter:
        powercap.at("0", 150)
    assert meter.joules is None
    assert meter.shared_by == {}


@pytest.mark.parametrize("content", ["", "many", "1e6"])
def test_a_counter_that_is_no_number_tells_nothing(powercap: Powercap, content: str) -> None:
    counter = PackageCounter(powercap.root)
    (powercap.root / "intel-rapl:0" / "energy_uj").write_text(content)
    assert counter.joules() is None


def test_a_machine_without_counters_tells_nothing(tmp_path: Path) -> None:
    assert PackageCounter(tmp_path / "none").joules() is None
    assert PackageCounter(tmp_path).joules() is None


def test_a_worker_has_its_share_of_what_was_taken_meanwhile(powercap: Powercap) -> None:
    with EnergyMeter(workers=4, powercap=powercap.root) as meter:
        powercap.at("0", 180)
        assert meter.joules is None
    powercap.at("0", 999)
    assert meter.joules == pytest.approx(80 / 4)
    assert meter.shared_by == {"cpu": 4}


def test_two_turns_of_a_counter_are_seen_by_a_meter_that_listens(powercap: Powercap) -> None:
    told: list[int] = []
    with EnergyMeter(powercap=powercap.root) as meter:
        listener = meter.listening(lambda progress: told.append(progress.step))
        for step in range(1, 5):
            powercap.at("0", (100 + 600 * step) % 1000)
            listener(Progress("pretrain", step, 4))
    assert told == [1, 2, 3, 4]
    assert meter.joules == pytest.approx(4 * 600)


class NVMLError(Exception):
    """What the library raises for everything."""


class FakeNvml(ModuleType):
    """One GPU whose counter a test sets; None is a GPU that does not tell. Names are NVIDIA's."""

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.NVMLError = NVMLError
        self.millijoules: int | None = 5_000
        self.driver = True

    def nvmlInit(self) -> None:  # noqa: N802
        if not self.driver:
            raise NVMLError("Driver Not Loaded")

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        if uuid != GPU:
            raise NVMLError("Not Found")
        return uuid

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        assert handle == GPU
        if self.millijoules is None:
            raise NVMLError("Not Supported")
        return self.millijoules


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    """NVIDIA's library, as if it were installed."""
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    return fake


def test_the_gpu_in_use_and_the_packages_are_added_each_over_its_own_workers(
    powercap: Powercap, nvml: FakeNvml
) -> None:
    with EnergyMeter(workers=4, gpu=GPU, gpu_workers=2, powercap=powercap.root) as meter:
        nvml.millijoules = 65_000
        powercap.at("1", 220)
    assert meter.joules == pytest.approx(60 / 2 + 20 / 4)
    assert meter.shared_by == {"cpu": 4, "gpu": 2}


def test_a_gpu_tells_its_own_part_where_the_cpu_may_not_be_read(
    tmp_path: Path, nvml: FakeNvml
) -> None:
    with EnergyMeter(workers=4, gpu=GPU, gpu_workers=2, powercap=tmp_path) as meter:
        nvml.millijoules = 65_000
    assert meter.joules == pytest.approx(60 / 2)
    assert meter.shared_by == {"gpu": 2}


def test_work_on_a_gpu_that_does_not_tell_is_not_counted_by_the_cpu_alone(
    powercap: Powercap, nvml: FakeNvml
) -> None:
    nvml.millijoules = None
    with EnergyMeter(gpu=GPU, powercap=powercap.root) as meter:
        powercap.at("0", 180)
    assert meter.joules is None
    assert meter.shared_by == {}


def test_a_worker_on_a_gpu_asks_for_the_gpu_that_it_sees(
    powercap: Powercap, nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    properties = SimpleNamespace(uuid=GPU.removeprefix("GPU-"))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    machine = Machine(torch.device("cuda"), "", workers=3, gpu_workers=1, powercap=powercap.root)
    with machine.energy_meter() as meter:
        nvml.millijoules = 6_000
    assert meter.joules == pytest.approx(1)
    assert meter.shared_by == {"cpu": 3, "gpu": 1}


def test_no_package_no_driver_and_no_such_gpu_tell_nothing(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert GpuCounter("GPU-other").joules() is None
    nvml.driver = False
    assert GpuCounter(GPU).joules() is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert GpuCounter(GPU).joules() is None
