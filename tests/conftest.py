"""What all tests share: a quiet, offline environment and the way to the real radiographs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Before anything imports torch: threads that spin make a busy machine crawl, one thread gives the
# same bytes everywhere, and a test that reaches for the network should fail at once. The
# subprocesses of the tests inherit all three.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real radiographs; a test that asks for it is skipped where there is none.

    It lies beside the checkout, or where LANDMARK_DATA says.
    """
    folder = Path(os.environ.get("LANDMARK_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real radiographs in {folder}; set LANDMARK_DATA to their folder")
    return folder


class CommandLine:
    """Runs the command line in a process of its own, as a user would."""

    phantom = "phantom-cephalometric[train=10,test=3,size=64]"
    tiny = REPOSITORY / "tests" / "conf" / "tiny.toml"

    def __call__(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """``python -m benchmark ARGUMENTS`` from the checkout; output as text."""
        return subprocess.run(
            [sys.executable, "-m", "benchmark", *map(str, arguments)],
            cwd=REPOSITORY,
            env=os.environ | {"COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def tiny_run(self, output: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """A run of seconds on ten phantoms; later arguments outweigh these."""
        common = ("--preset", self.tiny, "--datasets", self.phantom, "--shots", "5")
        return self("run", *common, "--device", "cpu", "--output", output, *arguments)


@pytest.fixture(scope="session")
def command_line() -> CommandLine:
    """The command line, run in a process of its own."""
    return CommandLine()
