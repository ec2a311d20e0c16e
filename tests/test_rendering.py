"""Writing reports: folders are replaced, and a report that fails costs only itself."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from benchmark import rendering
from benchmark.plugins import Report
from benchmark.rendering import write_reports
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


class Plugins:
    """Stands in for the registry."""

    def load_all(self) -> dict[str, type[Report]]:
        return {"failing": Failing, "folder": Folder}

    def problems(self) -> list[object]:
        return []


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    store = build_store(tmp_path, shots=(10,), seeds=(0,))
    (tmp_path / "many").mkdir()
    (tmp_path / "many" / "stale.txt").write_text("of an earlier run")
    monkeypatch.setattr(rendering, "registry", lambda kind: Plugins())
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
