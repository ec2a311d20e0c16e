"""What CONTRIBUTING.md tells a newcomer to type works, in that order and in an empty folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import CommandLine


@pytest.fixture(scope="module")
def section(repository: Path) -> str:
    text = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return text.partition("## A new method in ten minutes")[2].partition("\n## ")[0]


def blocks(section: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", section, flags=re.DOTALL)


def test_the_section_goes_through_new_info_check_run_and_list(section: str) -> None:
    commands = re.findall(
        r"^python -m benchmark (\w+)", "".join(blocks(section, "sh")), re.MULTILINE
    )
    assert commands == ["new", "info", "check", "run", "list"]


def test_every_command_of_the_section_works_in_its_order(
    section: str, command_line: CommandLine, tmp_path: Path
) -> None:
    said = command_line.walk("".join(blocks(section, "sh")), tmp_path)
    assert "10 checks pass" in said
    assert "broken" not in said
    listed = said.rpartition("methods\n")[2]
    assert re.search(r"^which-way ", listed, flags=re.MULTILINE)
    assert (tmp_path / "runs" / "leaderboard.csv").read_text().count("which-way") == 1


def test_the_test_that_the_section_shows_is_the_one_that_new_writes(
    section: str, tmp_path: Path
) -> None:
    from benchmark.scaffold import write_method

    _, test = write_method("which-way", tmp_path)
    shown = next(block for block in blocks(section, "python") if "MethodConformance" in block)
    written = test.read_text(encoding="utf-8")
    for line in shown.splitlines():
        if "plugin_file" not in line:
            assert line in written


def test_the_entry_point_that_the_section_shows_names_the_class_that_new_writes(
    section: str, tmp_path: Path
) -> None:
    from benchmark.scaffold import write_method

    method, _ = write_method("which-way", tmp_path)
    (entry,) = re.findall(
        r'^which-way = "my_package\.which_way:(\w+)"', section, flags=re.MULTILINE
    )
    assert f"class {entry}(Method):" in method.read_text(encoding="utf-8")
