"""What docs/your-own-data.md tells a newcomer to type works, on DICOM films with CVAT's labels."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmark.registry import registry
from tests.images.dicom_files import SECRETS, write_dicom
from tests.labels.writers import Film, cvat_points

if TYPE_CHECKING:
    from tests.conftest import CommandLine

pytestmark = pytest.mark.slow

FILMS = 24


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "your-own-data.md").read_text(encoding="utf-8")


def write_films(folder: Path) -> None:
    """Two films a patient, 12 bits in a window, as an archive sends them."""
    dataset = registry("dataset").create("phantom-cephalometric[train=18,test=6,size=96]")
    index = dataset.index()
    films = []
    for number, sample in enumerate(index.samples):
        name = f"IM{number:04d}"
        write_dicom(
            folder / f"{name}.dcm",
            dataset.read(sample.id).astype(np.uint16) * 16,
            BitsStored=12,
            WindowCenter=2048,
            WindowWidth=4096,
            PixelSpacing=[1.25, 1.25],
            PatientID=f"HOSP-4711-{number // 2}",
        )
        points = {
            landmark: (float(x), float(y))
            for landmark, (x, y) in zip(index.landmark_names, sample.points, strict=True)
        }
        films.append(Film(name, (sample.width, sample.height), dict(points)))
    cvat_points(folder, films)


@pytest.fixture(scope="module")
def walked(
    page: str, command_line: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """The folder in which all commands of the section were run, and what they printed."""
    here = tmp_path_factory.mktemp("walk")
    write_films(here / "films")
    section = page.partition("## Ten minutes")[2].partition("\n## ")[0]
    commands = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
            patch.setenv(name, str(here / "private"))
        return here, command_line.walk("".join(commands), here)


def test_the_section_goes_from_prepare_to_the_report(page: str) -> None:
    section = page.partition("## Ten minutes")[2].partition("\n## ")[0]
    found = re.findall(r"^python -m benchmark (\w+)", section, re.MULTILINE)
    assert found == ["prepare", "info", "audit", "run"]


def test_every_command_works_and_says_what_it_understood(walked: tuple[Path, str]) -> None:
    here, said = walked
    assert f"{FILMS}: 16 train, 8 test" in said
    assert "12; films of one stay together" in said
    assert "annotations.xml (cvat)" in said
    assert f"1.25 mm a pixel, from the tags of the files: PixelSpacing ({FILMS} images)" in said
    assert "Nothing found." in said
    leaderboard = (here / "runs" / "leaderboard.md").read_text()
    assert "denoise" in (here / "runs" / "leaderboard.csv").read_text()
    assert "mm" in leaderboard
    assert (here / "runs" / "report.html").stat().st_size > 10_000


def test_the_description_is_the_one_that_the_page_shows(
    page: str, walked: tuple[Path, str]
) -> None:
    here, _ = walked
    (shown,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    assert tomllib.loads(shown) == tomllib.loads((here / "skulls.toml").read_text())
    assert (here / "skulls.png").exists()
    assert (here / "skulls.html").exists()


def test_nothing_of_a_person_is_in_any_file_or_in_what_was_printed(
    walked: tuple[Path, str],
) -> None:
    here, said = walked
    assert not [secret for secret in SECRETS if secret in said]
    written = [p for p in here.rglob("*") if p.is_file() and "films" not in p.parts]
    assert len(written) > 20
    for path in written:
        content = path.read_bytes()
        assert not [s for s in SECRETS if s.encode() in content], path
