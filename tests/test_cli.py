"""The command line as a newcomer meets it: fast help, and one sentence for bad input."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import CommandLine


def assert_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit status 2, one line that begins with ``error:``, no traceback."""
    text = done.stdout + done.stderr
    assert done.returncode == 2, text
    assert "Traceback" not in text
    lines = [line for line in text.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, text
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["tune", "--help"], ["list"]])
def test_help_and_list_import_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['benchmark', *{arguments!r}]\n"
        "from benchmark.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'scipy', 'PIL'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_list_names_everything_that_is_built_in(command_line: CommandLine) -> None:
    text = command_line("list").stdout
    for name in ("ddpm", "simclr", "moco", "imagenet", "scratch-long", "phantom-hand", "folder"):
        assert name in text
    for name in ("cephalometric", "quick", "standard", "paper", "html"):
        assert name in text


def test_info_tells_source_options_and_what_is_trained(command_line: CommandLine) -> None:
    text = command_line("info", "simclr").stdout
    assert "ICML 2020" in text
    assert "temperature" in text
    assert "trains: encoder" in text
    assert "protocol.steps = " in command_line("info", "quick").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--methods", "simclear"], ["simclear", "simclr"]),
        (["--datasets", "phantom-hands"], ["phantom-hands", "phantom-hand"]),
        (["--preset", "fast"], ["unknown preset 'fast'", "quick"]),
        (
            ["--datasets", "phantom-hand[train=10]", "--shots", "11"],
            ["--shots 11", "10 training images"],
        ),
        (["--datasets", "cephalometric"], ["--data-root"]),
        (["--datasets", "cephalometric", "--data-root", "nowhere"], ["nowhere"]),
        (["--methods", "imagenet", "--backbones", "unet"], ["imagenet", "timm/<name>"]),
        (["--methods", "simclr[temprature=1]"], ["temprature", "temperature"]),
        (["--methods", "simclr[temperature=-1]"], ["temperature=-1"]),
        (["--claim", "moco", "--methods", "ddpm"], ["--claim moco", "add it to --methods"]),
        (["--margin", "-0.1"], ["margin = -0.1", "greater than or equal to 0"]),
        (["--plugin", "nowhere.py"], ["nowhere.py", "does not exist"]),
        (["--reports", "htlm"], ["there is no report 'htlm'", "did you mean 'html'"]),
        (["--config", "nowhere.toml"], ["nowhere.toml"]),
    ],
)
def test_a_request_that_cannot_be_met_gets_one_sentence(
    command_line: CommandLine, arguments: list[str], words: list[str], tmp_path: Path
) -> None:
    assert_sentence(command_line("run", "--output", tmp_path / "runs", *arguments), *words)


def test_an_output_that_cannot_be_written_gets_one_sentence(
    command_line: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert_sentence(command_line.tiny_run(tmp_path / "file" / "runs"), "cannot write", "--output")


def test_reading_commands_say_where_nothing_is(command_line: CommandLine, tmp_path: Path) -> None:
    for command in ("status", "leaderboard", "report"):
        assert_sentence(command_line(command, "-o", tmp_path / "none"), "no results")


def test_info_and_list_suggest_what_was_meant(command_line: CommandLine) -> None:
    assert_sentence(command_line("info", "simclrr"), "did you mean 'simclr'")
    assert_sentence(command_line("list", "methodes"), "methods, datasets, reports")


def test_doctor_finds_this_installation_sound(command_line: CommandLine, tmp_path: Path) -> None:
    done = command_line("doctor", "-o", tmp_path / "runs")
    assert done.returncode == 0, done.stdout
    assert "bad" not in done.stdout
    assert "packages: " in done.stdout
