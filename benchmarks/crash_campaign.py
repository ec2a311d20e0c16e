"""Runs a grid while killing its processes at random moments, and proves that nothing is lost.

    python -m benchmarks.crash_campaign --folder /tmp/crashes --kills 50

computes a grid of 24 tiny cells twice: once in peace, and once with SIGKILL for the main process,
one of its workers, or all of them at once, at moments that the seed decides: after so many more
training steps, or, one time in three, so many seconds after a start, while nothing is trained
yet. What was killed is started again at once. At the end every cell must have been written
exactly once, with the very bytes of the undisturbed run, no temporary file may be left, and at
most one in twenty training steps may have been computed twice.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmark.store import RECORDS, Store

REPOSITORY = Path(__file__).resolve().parent.parent
VICTIMS = ("main", "worker", "group")
MOST_REPEATED = 0.05
# The share of kills that come soon after a start, and how soon.
EARLY = 1 / 3
START_SECONDS = 10.0
# Counts every step of every optimiser, in whichever process: one byte more in a file.
COUNTER = '''
"""Counts training steps for the crash campaign."""
import importlib.abc, importlib.machinery, os, sys


class _Counting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "benchmark.optimiser":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            step = module.Update.set_rate

            def counted(self, *arguments):
                result = step(self, *arguments)
                descriptor = os.open(os.environ["STEPS_FILE"], os.O_WRONLY | os.O_APPEND)
                os.write(descriptor, b".")
                os.close(descriptor)
                return result

            module.Update.set_rate = counted

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, _Counting())
'''


@dataclass(frozen=True)
class Grid:
    """What is computed.

    Attributes:
        methods: Beside the control, which is added.
        shots: Numbers of labelled images.
        seeds: How many.
        steps: Of each pretraining and of each fine-tuning.
        reports: Written at the end of every run that comes so far.
    """

    methods: tuple[str, ...] = ("simclr",)
    shots: tuple[int, ...] = (3, 4, 5)
    seeds: int = 4
    steps: int = 60
    reports: str = "all"

    @property
    def cells(self) -> int:
        """Their number."""
        return (len(self.methods) + 1) * len(self.shots) * self.seeds

    @property
    def training_steps(self) -> int:
        """Of all cells and pretrainings together, each once."""
        return self.steps * (self.cells + len(self.methods) * self.seeds)

    def arguments(self, output: Path) -> list[str]:
        """The command line; one thread and float32, so that bytes can be compared."""
        return [
            "run",
            *("--preset", str(REPOSITORY / "tests" / "conf" / "tiny.toml")),
            *("--datasets", "phantom-cephalometric[train=10,test=3,size=64]"),
            *("--methods", ",".join(self.methods)),
            *("--shots", ",".join(map(str, self.shots))),
            *("--seeds", str(self.seeds)),
            *("--set", f"protocol.steps={self.steps}"),
            *("--set", f"pretraining.steps={self.steps}"),
            *("--set", "checkpoint_seconds=0"),
            *("--reports", self.reports),
            *("--device", "cpu", "--workers", "2", "--threads", "1"),
            *("--output", str(output)),
        ]


@dataclass
class Findings:
    """What a campaign has found.

    Attributes:
        kills: By victim.
        runs: How often the command was started.
        seconds: In all, and of the undisturbed run.
        cells: Done at the end, of how many.
        rewritten: Cells whose record was written more than once.
        differing: Cells whose predictions are not byte-identical to the undisturbed ones.
        left_over: Temporary files at the end, in the store and in the folder for such files.
        steps: Training steps that the grid needs.
        computed: Training steps that were computed.
        last_words: What the last run said.
    """

    kills: dict[str, int] = field(default_factory=dict)
    runs: int = 0
    seconds: float = 0.0
    undisturbed_seconds: float = 0.0
    cells: str = ""
    rewritten: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    steps: int = 0
    computed: int = 0
    last_words: str = ""

    @property
    def repeated(self) -> float:
        """Share of the training steps that were computed a second time."""
        return (self.computed - self.steps) / self.steps

    def failures(self) -> Iterator[str]:
        """What is not as it should be, a sentence each."""
        done, total = self.cells.split(" of ")
        if done != total:
            yield f"{self.cells} cells are done: {self.last_words}"
        if self.rewritten:
            yield f"cells were written twice: {self.rewritten}"
        if self.differing:
            yield f"predictions differ from the undisturbed run: {self.differing}"
        if self.left_over:
            yield f"files were left behind: {self.left_over}"
        if not 0 <= self.repeated <= MOST_REPEATED:
            yield f"{self.computed} steps were computed where {self.steps} are needed"


class Campaign:
    """One grid, run in peace and under fire.

    Args:
        folder: An empty folder for everything.
        grid: What is computed.
        kills: How many processes are killed.
        seed: Decides the moments and the victims.
    """

    def __init__(self, folder: Path, grid: Grid, kills: int, seed: int) -> None:
        self.folder, self.grid, self.kills = folder, grid, kills
        self.random = random.Random(seed)
        self.findings = Findings(steps=grid.training_steps)
        self.written: dict[str, tuple[int, int]] = {}
        for name in ("hook", "peace.tmp", "fire.tmp"):
            (folder / name).mkdir(parents=True)
        (folder / "hook" / "sitecustomize.py").write_text(COUNTER)

    def start(self, output: str) -> subprocess.Popen[str]:
        """Start the command in a process group of its own."""
        steps = self.folder / f"{output}.steps"
        steps.touch()
        path = [str(self.folder / "hook"), str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
        with (self.folder / f"{output}.log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "benchmark", *self.grid.arguments(self.folder / output)],
                cwd=REPOSITORY,
                env=os.environ
                | {
                    "PYTHONPATH": os.pathsep.join(filter(None, path)),
                    "STEPS_FILE": str(steps),
                    "TMPDIR": str(self.folder / f"{output}.tmp"),
                    "COLUMNS": "200",
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def run(self) -> Findings:
        """Run in peace, then under fire, then look."""
        found = self.findings
        begun = time.monotonic()
        if self.start("peace").wait() != 0:
            raise RuntimeError((self.folder / "peace.log").read_text()[-3000:])
        found.undisturbed_seconds = time.monotonic() - begun
        begun = time.monotonic()
        self._under_fire()
        found.seconds = time.monotonic() - begun
        self._look()
        return found

    def _under_fire(self) -> None:
        """Kill until all kills are spent, then let the work be finished."""
        process = self._again()
        killed: Counter[str] = Counter()
        while killed.total() < self.kills:
            victim = self.random.choice(VICTIMS)
            if not self._moment_comes(process):
                process = self._again()
                continue
            if self._kill(process, victim):
                killed[victim] += 1
            if process.poll() is not None:
                process = self._again()
        process.wait()
        for _ in range(3):
            process = self._again()
            if process.wait() == 0:
                break
        self._note_written()
        self.findings.kills = dict(sorted(killed.items()))

    def _moment_comes(self, process: subprocess.Popen[str]) -> bool:
        """Wait for the next moment; False where the process has ended before."""
        early = self.random.random() < EARLY
        until = time.monotonic() + self.random.uniform(0.0, START_SECONDS)
        steps = (
            self._steps() + self.random.uniform(0.0, 1.4) * self.grid.training_steps / self.kills
        )
        while process.poll() is None:
            if (time.monotonic() >= until) if early else (self._steps() >= steps):
                return True
            time.sleep(0.02)
            self._note_written()
        return False

    def _steps(self) -> int:
        """Training steps that were computed under fire so far."""
        return (self.folder / "fire.steps").stat().st_size

    def _again(self) -> subprocess.Popen[str]:
        self.findings.runs += 1
        return self.start("fire")

    def _kill(self, process: subprocess.Popen[str], victim: str) -> bool:
        """Kill somebody; whether there was anybody."""
        if victim == "group":
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
        if victim == "main":
            process.kill()
            process.wait()
            return True
        below = sorted(descendants(process.pid))
        if not below:
            return False
        try:
            os.kill(self.random.choice(below), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def _note_written(self) -> None:
        """Remember which file each finished cell lies in; another one means a second writing."""
        for path in (self.folder / "fire" / "cells").glob("[0-9a-f]*/cell.json"):
            try:
                status = path.stat()
                if json.loads(path.read_text())["status"] != "done":
                    continue
            except FileNotFoundError:
                continue
            key, state = path.parent.name, (status.st_ino, status.st_mtime_ns)
            if self.written.setdefault(key, state) != state:
                self.findings.rewritten.append(key)
                self.written[key] = state

    def _look(self) -> None:
        found = self.findings
        peace, fire = self.folder / "peace", self.folder / "fire"
        done = [cell.key for cell in Store(fire).cells() if cell.status == "done"]
        found.cells = f"{len(done)} of {self.grid.cells}"
        digests = {root: _predictions(root) for root in (peace, fire)}
        found.differing = sorted(
            key for key, digest in digests[peace].items() if digests[fire].get(key) != digest
        )
        # Libraries keep caches there, in peace too.
        in_peace = {path.name for path in (self.folder / "peace.tmp").iterdir()}
        under_fire = {path.name for path in (self.folder / "fire.tmp").iterdir()}
        found.left_over = sorted(_left_over(fire)) + sorted(under_fire - in_peace)
        found.computed = self._steps()
        counted = (self.folder / "peace.steps").stat().st_size
        if counted != found.steps:
            raise RuntimeError(f"{counted} steps were counted in peace, {found.steps} expected")
        lines = (self.folder / "fire.log").read_text().splitlines()
        found.last_words = next((line for line in reversed(lines) if " cells done" in line), "")


def descendants(pid: int) -> set[int]:
    """All processes below a process, its children's children too."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] not in "ZX":
            parents[int(path.parent.name)] = int(fields[1])
    found: set[int] = set()
    while True:
        more = {p for p, parent in parents.items() if parent in found | {pid}} - found
        if not more:
            return found
        found |= more


def _predictions(root: Path) -> dict[str, str]:
    return {
        path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (root / "cells").glob("*/predictions.parquet")
    }


def _left_over(root: Path) -> Iterator[str]:
    """Hidden files, leases, checkpoints, and folders without a record."""
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        if path.name.startswith(".") or (
            path.is_file() and name.startswith(("leases/", "checkpoints/", "set-aside/"))
        ):
            yield name
    for kind, (record, _) in RECORDS.items():
        for folder in (root / kind).glob("*"):
            if not (folder / record).exists():
                yield f"{kind}/{folder.name}"


def main() -> int:
    """Run a campaign and print what it has found."""
    parser = argparse.ArgumentParser(description="A grid under SIGKILL.")
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=4, help="of the grid: six cells each")
    parser.add_argument("--steps", type=int, default=60, help="of each training")
    asked = parser.parse_args()
    grid = Grid(seeds=asked.seeds, steps=asked.steps)
    found = Campaign(asked.folder, grid, asked.kills, asked.seed).run()
    print(json.dumps(asdict(found) | {"repeated": round(found.repeated, 4)}, indent=1))
    failures = list(found.failures())
    for failure in failures:
        print(f"not as it should be: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
