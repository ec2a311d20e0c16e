"""What is installed: one namespace, with its data, and constraints that agree with the ranges."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

import benchmark


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pins(repository: Path) -> dict[str, str]:
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonical(name): version for name, version in pairs}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(project: dict[str, Any]) -> list[str]:
    extras = project["project"]["optional-dependencies"].values()
    return [*project["project"]["dependencies"], *(line for extra in extras for line in extra)]


def test_every_requirement_is_pinned_within_its_range(
    project: dict[str, Any], pins: dict[str, str]
) -> None:
    from packaging.requirements import Requirement

    for text in requirements(project):
        requirement = Requirement(text)
        version = pins.get(canonical(requirement.name))
        assert version is not None, f"{requirement.name} has no pin"
        assert requirement.specifier.contains(version), f"{text} excludes the pinned {version}"


def test_every_floor_has_its_reason_beside_it(repository: Path) -> None:
    text = (repository / "pyproject.toml").read_text(encoding="utf-8")
    block = text.partition("\ndependencies = [\n")[2].partition("\n]")[0]
    assert block
    for line in block.splitlines():
        assert re.fullmatch(r'    "[\w-]+[>=<][^"]*",  # \S.*', line), line


def test_the_pins_of_torch_serve_every_build(pins: dict[str, str]) -> None:
    assert "+" not in pins["torch"] + pins["torchvision"]
    assert not [name for name in pins if name.startswith(("nvidia", "triton", "cuda"))]


def test_the_citation_and_the_package_give_one_version(repository: Path) -> None:
    citation = (repository / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {benchmark.__version__}\n" in citation


@pytest.mark.slow
def test_a_wheel_holds_one_namespace_with_its_data_and_nothing_else(
    repository: Path, tmp_path: Path
) -> None:
    pytest.importorskip("setuptools", minversion="77")
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns(".*", "runs", "build", "*.egg-info", "__pycache__")
    shutil.copytree(repository, source, symlinks=True, ignore=ignored)
    subprocess.run(
        [
            sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
            "--wheel-dir", str(tmp_path), str(source),
        ],
        check=True,
        timeout=300,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"benchmark"}
    for folder in ("benchmark", "methods", "datasets", "reports"):
        inside = folder if folder == "benchmark" else f"benchmark/{folder}"
        for path in (repository / folder).rglob("*"):
            kept = path.resolve() == path and path.is_file() and "__pycache__" not in path.parts
            if kept and not path.name.startswith("."):
                expected = f"{inside}/{path.relative_to(repository / folder).as_posix()}"
                assert expected in names, f"{expected} is not in the wheel"
