"""What ``new`` writes is clean, runs, and never overwrites anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from benchmark.errors import UsageError
from benchmark.plugins import Method
from benchmark.registry import Registry
from benchmark.scaffold import LONGEST, begin, ensure_usable, write_method

NAMES = ("a", "which-way", "x" * LONGEST, "m2-" + "y" * (LONGEST - 3))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_a_working_plugin_in_the_format_of_the_repository(
    name: str, tmp_path: Path, repository: Path
) -> None:
    pytest.importorskip("ruff")
    method, test = write_method(name, tmp_path)
    assert method.stem == name.replace("-", "_")
    assert test.name == f"test_{method.name}"
    plugins = Registry[Method]("method")
    plugins.add_file(method)
    assert plugins.load(name).name == name
    for verb in (["check"], ["format", "--check"]):
        subprocess.run(
            [
                sys.executable, "-m", "ruff", *verb, "--quiet", "--no-cache",
                "--config", str(repository / "pyproject.toml"), str(method), str(test),
            ],
            check=True,
        )  # fmt: skip


def test_the_example_that_lint_and_types_see_is_what_is_written(
    tmp_path: Path, repository: Path
) -> None:
    for path in write_method("which-way", tmp_path):
        kept = repository / "tests" / "written_method" / path.name
        assert kept.read_text(encoding="utf-8") == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["", "Mine", "my_method", "2nd", "a--b", "-a", "a-", "../a", "ä"])
def test_a_malformed_name_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(UsageError, match="such as my-method"):
        ensure_usable(name)


def test_a_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(UsageError, match=f"at most {LONGEST}"):
        ensure_usable("x" * (LONGEST + 1))


@pytest.mark.parametrize(
    ("name", "what"),
    [("simclr", "a method"), ("phantom-hand", "a dataset"), ("terminal", "a report")],
)
def test_the_name_of_another_plugin_is_refused(name: str, what: str) -> None:
    with pytest.raises(UsageError, match=f"there is {what} '{name}' already"):
        ensure_usable(name)


@pytest.mark.parametrize("name", ["torch", "random", "class", "concurrent"])
def test_a_file_that_would_hide_a_python_module_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="would hide"):
        ensure_usable(name)


@pytest.mark.parametrize("there", ["mine.py", "test_mine.py"])
def test_a_file_that_is_there_is_kept_and_nothing_is_written(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    with pytest.raises(UsageError, match=rf"{there} is there already"):
        begin("method", "mine", tmp_path, Console(quiet=True))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(there, "precious")]


def test_only_methods_can_be_begun(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="new method NAME"):
        begin("dataset", "mine", tmp_path, Console(quiet=True))


def test_the_next_steps_are_commands_with_the_names_filled_in(tmp_path: Path) -> None:
    console = Console(record=True, width=200, quiet=False, file=(tmp_path / "out").open("w"))
    begin("method", "my-own", tmp_path / "sub", console)
    console.file.close()
    text = (tmp_path / "out").read_text()
    file = tmp_path / "sub" / "my_own.py"
    assert f"python -m benchmark check {file}" in text
    assert f"--plugin {file} --methods my-own,simclr --shots 10" in text
    assert f"python -m pytest {tmp_path / 'sub' / 'test_my_own.py'}" in text
