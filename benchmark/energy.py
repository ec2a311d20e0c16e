"""The energy that a machine takes for a piece of work, where the machine tells it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Self

from benchmark.progress import Listener, Progress

POWERCAP = Path("/sys/class/powercap")


class PackageCounter:
    """Joules of all CPU packages since its making, from the powercap files of Linux (RAPL).

    Only zones named ``package-N`` are read: cores and caches are parts of one, and ``psys``, the
    platform, holds them all. Since 2020 most systems let only root read these files.

    Args:
        folder: Where the system keeps its zones.
    """

    def __init__(self, folder: Path = POWERCAP) -> None:
        self._zones = [zone for zone in sorted(folder.glob("intel-rapl:*")) if _is_package(zone)]
        self._ranges = [_number(zone / "max_energy_range_uj") for zone in self._zones]
        self._before = [_number(zone / "energy_uj") for zone in self._zones]
        self._microjoules = [0 if value is not None else None for value in self._before]

    def joules(self) -> float | None:
        """Joules so far; None where a package could not be read, now or in an earlier call.

        A counter begins again at zero after its range, often 262 kJ, which a busy processor uses
        in less than an hour. One such turn between two calls is seen, a second one is not.
        """
        now = [_number(zone / "energy_uj") for zone in self._zones]
        for place, (before, after) in enumerate(zip(self._before, now, strict=True)):
            span = _risen(before, after, self._ranges[place])
            total = self._microjoules[place]
            self._microjoules[place] = None if span is None or total is None else total + span
        self._before = now
        known = [value for value in self._microjoules if value is not None]
        # The packages that can be read say nothing of the others.
        return sum(known) / 1e6 if known and len(known) == len(self._zones) else None


def _is_package(zone: Path) -> bool:
    try:
        return (zone / "name").read_text(encoding="ascii").startswith("package")
    except (OSError, ValueError):
        return False


def _number(path: Path) -> int | None:
    """The whole number in a file; None where the file is missing, forbidden or no number."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _risen(before: int | None, after: int | None, span: int | None) -> int | None:
    """How far a counter has risen, which may have turned over its range once."""
    if before is None or after is None:
        return None
    if after >= before:
        return after - before
    return None if span is None else after - before + span


class GpuCounter:
    """Joules of an NVIDIA GPU since its making, through NVML; GPUs before Volta do not tell.

    Args:
        uuid: The GPU as the driver names it, ``GPU-...``; its number would depend on
            CUDA_VISIBLE_DEVICES.
    """

    def __init__(self, uuid: str) -> None:
        self._handle: Any = None
        # Imported by name: the package nvidia-ml-py is optional and ships no types.
        try:
            self._nvml: Any = importlib.import_module("pynvml")
        except ImportError:
            return
        try:
            self._nvml.nvmlInit()
            self._handle = self._nvml.nvmlDeviceGetHandleByUUID(uuid)
        except self._nvml.NVMLError:
            return
        self._before = self._millijoules()

    def joules(self) -> float | None:
        """Joules so far; None where the package, the driver or the GPU does not tell."""
        if self._handle is None or self._before is None:
            return None
        now = self._millijoules()
        return None if now is None else (now - self._before) / 1e3

    def _millijoules(self) -> int | None:
        try:
            return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))
        except self._nvml.NVMLError:
            return None


class EnergyMeter:
    """Measures a piece of work, as a context, and afterwards tells its joules.

    The counters know the machine and its GPUs, not processes. So a worker's part is what the
    machine took while it worked, over the number of workers that shared it: an estimate, which
    takes in what other programs used and what the machine takes at rest. Memory, disks, fans and
    the losses of the power supply are in none of the counters.

    Args:
        workers: Workers that share the CPU, this one included.
        gpu: The UUID of the GPU in use; None where the work is done on the CPU.
        gpu_workers: Workers that share the GPU, this one included.
        powercap: The folder of the CPU's counters.

    Attributes:
        joules: This worker's part of what the CPU's packages and the GPU in use took. None
            before the end, and where the device that computes cannot be read.
        shared_by: By counter that is in it, ``cpu`` or ``gpu``, the workers that shared it.
    """

    def __init__(
        self,
        workers: int = 1,
        gpu: str | None = None,
        gpu_workers: int = 1,
        powercap: Path = POWERCAP,
    ) -> None:
        self.joules: float | None = None
        self.shared_by: dict[str, int] = {}
        self._workers = {"cpu": workers, "gpu": gpu_workers}
        self._uuid, self._powercap = gpu, powercap
        self._cpu: PackageCounter | None = None
        self._gpu: GpuCounter | None = None

    def __enter__(self) -> Self:
        self._cpu = PackageCounter(self._powercap)
        self._gpu = GpuCounter(self._uuid) if self._uuid is not None else None
        return self

    def __exit__(self, *_: object) -> None:
        told = {
            "cpu": self._cpu.joules() if self._cpu else None,
            "gpu": self._gpu.joules() if self._gpu else None,
        }
        known = {name: joules for name, joules in told.items() if joules is not None}
        # A GPU without the CPU beside it is most of the energy, and a CPU without its GPU is not.
        if ("cpu" if self._uuid is None else "gpu") in known:
            self.shared_by = {name: self._workers[name] for name in known}
            self.joules = sum(joules / self._workers[name] for name, joules in known.items())

    def listening(self, listener: Listener) -> Listener:
        """The listener, and the CPU's counters read with it, so that none turns twice unseen."""

        def listen(progress: Progress) -> None:
            listener(progress)
            if self._cpu is not None:
                self._cpu.joules()

        return listen
