"""The command ``check`` prints a line a check, and its exit status says how it ended."""

from __future__ import annotations

import functools
import io
from pathlib import Path

import pytest
from rich.console import Console

import benchmark.registry
from benchmark.checking import FAILED, check
from benchmark.errors import UsageError

NO_CITATION = '''
"""A method that lacks a citation."""

from benchmark.plugins import Method


class Lacking(Method):
    """Lacks a citation."""

    name = "lacking"
    title = "Lacking"
    family = "other"

    def pretrain(self, backbone, images, trainer):
        """Nothing."""
'''


@pytest.fixture(autouse=True)
def registries_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark.registry, "_shared", functools.cache(benchmark.registry.Registry))


def run(target: str, *plugins: Path) -> tuple[int, list[str]]:
    """Exit status and lines."""
    text = io.StringIO()
    status = check(target, plugins, Console(file=text, width=80))
    return status, text.getvalue().splitlines()


@pytest.mark.parametrize("by_file", [True, False])
def test_a_method_that_breaks_a_promise_gives_status_3_and_a_sentence(
    tmp_path: Path, by_file: bool
) -> None:
    file = tmp_path / "lacking.py"
    file.write_text(NO_CITATION)
    status, lines = run(str(file)) if by_file else run("lacking", file)
    assert status == FAILED
    assert lines[0].startswith("fails  metadata is complete: method 'lacking' in ")
    assert "does not set 'citation'" in lines[0]
    assert all(line.startswith("does not apply  ") for line in lines[1:-1])
    assert "see above" in lines[1]
    assert lines[-1].startswith("lacking: 1 fails, 9 do not apply, in ")


def test_a_control_passes_what_applies_to_it() -> None:
    status, lines = run("scratch")
    assert status == 0
    assert lines[-1].startswith("scratch: 4 checks pass, 6 do not apply, in ")
    assert len(lines) == 11


def test_only_methods_are_checked_so_far(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'phantom-hand' is a dataset, and only methods"):
        run("phantom-hand")
    with pytest.raises(UsageError, match="'html' is a report, and only methods"):
        run("html")
    file = tmp_path / "report.py"
    file.write_text(
        "from benchmark.plugins import Report\n\n\nclass One(Report):\n    name = 'one'\n"
    )
    with pytest.raises(UsageError, match=r"report\.py holds no method"):
        run(str(file))


def test_an_unknown_name_or_option_or_file_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'simclr'"):
        run("simclx")
    with pytest.raises(UsageError, match="has no option 'temprature'"):
        run("simclr[temprature=0.1]")
    with pytest.raises(UsageError, match="does not exist"):
        run(str(tmp_path / "nothing.py"))
    with pytest.raises(UsageError, match=r"checkpoint\[file="):
        run("checkpoint")
