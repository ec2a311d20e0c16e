"""A package of somebody else's, installed by pip, is found with all that it announces."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def benchmark_with_package(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """``python -m benchmark`` where the example package is installed."""
    pytest.importorskip("setuptools", minversion="77")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    shutil.copytree(repository / "tests" / "plugin_package", source, dirs_exist_ok=True)
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
            "--no-build-isolation", "--disable-pip-version-check", "--target", str(target),
            str(source),
        ],
        check=True,
        timeout=300,
    )  # fmt: skip
    path = os.pathsep.join([str(target), str(repository)])

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "benchmark", *map(str, arguments)],
            cwd=source,
            env=os.environ | {"PYTHONPATH": path, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return run


def test_its_plugins_stand_in_the_list_beside_the_built_in_ones(
    benchmark_with_package: Command,
) -> None:
    done = benchmark_with_package("list")
    assert done.returncode == 0, done.stderr
    for name in ("simclr", "brightness", "discs", "tally"):
        assert f"\n{name} " in done.stdout
    assert "broken" not in done.stdout


def test_info_describes_its_method(benchmark_with_package: Command) -> None:
    done = benchmark_with_package("info", "brightness")
    assert done.returncode == 0, done.stderr
    assert "an example, not published" in done.stdout
    assert "Largest shift; images span 2." in done.stdout


def test_its_method_passes_the_conformance_suite(benchmark_with_package: Command) -> None:
    done = benchmark_with_package("check", "brightness")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "brightness: 10 checks pass" in done.stdout
