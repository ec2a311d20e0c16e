"""What all tests share: a quiet, offline environment and the way to the real radiographs."""

import contextlib
import io
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from benchmark import cli
from benchmark import registry as registry_module
from benchmark.engines import zygote

# Before anything imports torch: threads that spin make a busy machine crawl, one thread gives the
# same bytes everywhere, and a test that reaches for the network should fail at once. The
# subprocesses of the tests inherit all three.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: one that begins last would have a processor to itself."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


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


@pytest.fixture(scope="session", autouse=True)
def kept_imports() -> Iterator[None]:
    """What workers import is imported once for all tests of a process."""
    with zygote.kept():
        yield


@pytest.fixture(scope="session", autouse=True)
def built_once() -> Iterator[None]:
    """The commands with their options, which Typer would build at each call of the program."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "app", typer.main.get_command(cli.app))
        yield


class CommandLine:
    """Runs the command line as a user would, with what was printed as text."""

    phantom = "phantom-cephalometric[train=10,test=3,size=64]"
    tiny = REPOSITORY / "tests" / "conf" / "tiny.toml"

    def __call__(
        self, *arguments: str | Path, folder: Path = REPOSITORY
    ) -> subprocess.CompletedProcess[str]:
        """``python -m benchmark ARGUMENTS`` in a folder, in this process.

        Plugins of files are forgotten afterwards; an error that is no sentence is raised.
        """
        words = [str(argument) for argument in arguments]
        output, errors = io.StringIO(), io.StringIO()
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.chdir(folder),
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(errors),
        ):
            patch.setattr(sys, "argv", ["benchmark", *words])
            patch.setenv("COLUMNS", "200")
            with pytest.raises(SystemExit) as left:
                cli.main()
        if any(registry_module.registry(kind)._files for kind in registry_module.KINDS):
            registry_module._shared.cache_clear()
        return subprocess.CompletedProcess(
            words, int(left.value.code or 0), output.getvalue(), errors.getvalue()
        )

    def walk(self, script: str, folder: Path) -> str:
        """All commands of a page one after the other, as a shell reads them; what they said."""
        said = ""
        for line in script.replace("\\\n", " ").splitlines():
            words = shlex.split(line)
            assert words[:3] == ["python", "-m", "benchmark"], line
            done = self(*words[3:], folder=folder)
            said += done.stdout + done.stderr
            assert done.returncode == 0, said
        return said

    def in_a_process(
        self, *arguments: str | Path, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """The same from the checkout in a process of its own, which costs its imports."""
        return subprocess.run(
            [sys.executable, "-m", "benchmark", *map(str, arguments)],
            cwd=REPOSITORY,
            env=os.environ | {"COLUMNS": "200"} | variables,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def tiny_run(self, output: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """A run of seconds on ten phantoms, without reports; later arguments outweigh these."""
        return self(*self.tiny_request(output, *arguments))

    def tiny_request(self, output: Path, *arguments: str | Path) -> list[str | Path]:
        """Its arguments."""
        common = ("--preset", self.tiny, "--datasets", self.phantom, "--shots", "5")
        quiet = ("--device", "cpu", "--reports", "none", "--output", output)
        return ["run", *common, *quiet, *arguments]


@pytest.fixture(scope="session")
def command_line() -> CommandLine:
    """The command line."""
    return CommandLine()
