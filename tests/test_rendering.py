"""Writing reports: folders are replaced, and a report that fails costs only itself."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from benchmark import rendering
from benchmark.errors import UsageError
from benchmark.plugins import Report
from benchmark.registry import Registry
from benchmark.rendering import are_current, choose_reports, write_reports
from benchmark.store import Store
from tests.reports.store_builder import build_store


class Failing(Report):
    """A report that cannot be made."""

    name = "failing"
    filename = "failing.txt"

    def render(self, store: Store) -> str:
        raise ZeroDivisionError("no cells to divide by")


class Folder(Report):
    """A report of several files."""

    name = "folder"
    filename = "many/"

    def render(self, store: Store) -> str:
        return ""

    def files(self, store: Store) -> Mapping[str, str | bytes]:
        return {"many/one.txt": "einé", "many/two.bin": b"\x00\xff"}


class Printed(Report):
    """A report without a file."""

    name = "printed"
    filename = None

    def render(self, store: Store) -> str:
        return ""


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two reports, and one that is printed."""
    (tmp_path / "none").mkdir()
    found: Registry[Report] = Registry("report", tmp_path / "none", "none")
    monkeypatch.setattr(rendering, "registry", lambda kind: found)
    plugins = {"failing": Failing, "folder": Folder, "printed": Printed}
    monkeypatch.setattr(found, "_entries", dict.fromkeys(plugins))
    monkeypatch.setattr(found, "_loaded", plugins)
    monkeypatch.setattr(found, "problems", list)


@pytest.fixture
def store(tmp_path: Path, reports: None) -> Store:
    return build_store(tmp_path, shots=(10,), seeds=(0,))


@pytest.fixture
def said(tmp_path: Path, store: Store) -> str:
    (tmp_path / "many").mkdir()
    (tmp_path / "many" / "stale.txt").write_text("of an earlier run")
    output = io.StringIO()
    written = write_reports(store, Console(file=output, width=200))
    assert written == [str(tmp_path / "many/")]
    return output.getvalue()


def test_a_report_that_fails_is_a_sentence_and_the_others_are_written(
    said: str, tmp_path: Path
) -> None:
    assert "report failing could not be made: ZeroDivisionError: no cells to divide by" in said
    assert not (tmp_path / "failing.txt").exists()
    assert (tmp_path / "many" / "one.txt").read_text(encoding="utf-8") == "einé"


@pytest.mark.usefixtures("said")
def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    assert sorted(path.name for path in (tmp_path / "many").iterdir()) == ["one.txt", "two.bin"]
    assert (tmp_path / "many" / "two.bin").read_bytes() == b"\x00\xff"


@pytest.mark.usefixtures("reports")
def test_reports_are_chosen_by_name_and_wildcards_leave_out_what_is_printed() -> None:
    assert choose_reports(("all",)) == (Failing, Folder)
    assert choose_reports(("fold*",)) == (Folder,)
    assert choose_reports(()) == ()


@pytest.mark.usefixtures("reports")
@pytest.mark.parametrize(
    ("name", "words"),
    [("foldr", "did you mean 'folder'"), ("printed", "writes no file"), ("folder[a=1]", r"\[")],
)
def test_a_report_that_cannot_be_written_is_refused(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        choose_reports((name,))


def test_only_the_reports_that_were_named_are_written(store: Store, tmp_path: Path) -> None:
    quiet = Console(file=io.StringIO())
    assert write_reports(store, quiet, ()) == []
    assert not (tmp_path / "many").exists()
    assert write_reports(store, quiet, ("folder",)) == [str(tmp_path / "many/")]


def test_a_report_is_current_until_it_is_gone_or_a_run_ends_after_it(
    store: Store, tmp_path: Path
) -> None:
    assert not are_current(store, ("folder",))
    assert are_current(store, ())
    write_reports(store, Console(file=io.StringIO()), ("folder",))
    assert are_current(store, ("folder",))
    later = (tmp_path / "many").stat().st_mtime + 1
    (tmp_path / "runs").mkdir(exist_ok=True)
    (tmp_path / "runs" / "next.json").write_text("{}")
    os.utime(tmp_path / "runs" / "next.json", (later, later))
    assert not are_current(store, ("folder",))
    assert not are_current(store, ("folder", "failing"))
