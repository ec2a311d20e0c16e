"""The audit of dependencies: a hole fails it, and what was not looked at is said."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def audit(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", repository / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_known_hole_fails_and_names_the_release_without_it(
    audit: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    hole = {"id": "CVE-2023-4863", "fix_versions": ["10.0.1"]}
    found = [
        {"name": "pillow", "version": "10.0.0", "vulns": [hole]},
        {"name": "numpy", "version": "2.4.6", "vulns": []},
    ]
    assert audit.report(found) == 1
    text = capsys.readouterr().out
    assert "pillow 10.0.0: CVE-2023-4863, mended in 10.0.1" in text
    assert "SKIPPED" not in text


def test_packages_that_nobody_looked_at_are_no_sign_of_health(
    audit: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [{"name": "pillow", "skip_reason": "not found"}, {"name": "numpy", "skip_reason": "?"}]
    assert audit.report(found) == 0
    text = capsys.readouterr().out
    assert "in 0 of 2 pinned packages" in text
    assert "SKIPPED 2 packages" in text


def test_an_index_that_cannot_be_reached_is_said(
    audit: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "ask", lambda *_: "no route to host")
    assert audit.main() == 0
    assert "SKIPPED all packages" in capsys.readouterr().out
