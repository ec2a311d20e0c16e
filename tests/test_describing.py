"""`prepare` says what it understood, draws it, and writes nothing where it understood nothing."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from benchmark.describing import describe, options_of
from benchmark.errors import BenchmarkError, DataError, UsageError
from benchmark.overview import print_info, print_plugins
from tests.images.dicom_files import write_dicom
from tests.labels.writers import Film, cvat_points, labelme

FILMS = [
    Film(f"film{n}", (40, 20), {"apex": (3.0 + n, 4.5), "base": (9.0, 19.0)}) for n in range(6)
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with six films and labels of CVAT in ``films``."""
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "private"))
    for n, film in enumerate(FILMS):
        pixels = np.random.default_rng(n).integers(0, 256, (20, 40), dtype=np.uint8)
        write_dicom(tmp_path / "films" / f"{film.name}.dcm", pixels, PatientID=f"{n}")
    cvat_points(tmp_path / "films", FILMS)
    return tmp_path


def said(name: str = "mine", source: str = "films", **arguments: object) -> str:
    console = Console(width=100, record=True, highlight=False)
    options = arguments.pop("options", {})
    assert describe(Path(source), name, options, console, **arguments) == 0  # type: ignore[arg-type]
    return console.export_text()


def options(name: str = "mine") -> dict[str, object]:
    values: dict[str, object] = tomllib.loads(Path(f"{name}.toml").read_text())["options"]
    return values


@pytest.mark.usefixtures("here")
def test_it_prints_what_it_understood_and_writes_three_files() -> None:
    text = said()
    for part in ("6: 4 train, 2 test", "2: apex, base", "40 x 20 px", "not known", "(cvat)"):
        assert part in text
    assert {path.name for path in Path().glob("mine.*")} == {"mine.toml", "mine.png", "mine.html"}
    assert options() == {"labels": "annotations.xml", "label_format": "cvat", "name": "mine"}


@pytest.mark.usefixtures("here")
def test_spacing_is_told_with_its_source() -> None:
    assert "0.5 x 0.25 mm a pixel, from one value given for all images" in said(spacing="0.5x0.25")
    rows = "".join(f"film{n}.dcm;0,{n + 1}\n" for n in range(6))
    Path("mm.csv").write_text(f"image;spacing\n{rows}")
    text = said(spacing="mm.csv")
    assert "0.1 to 0.6 mm a pixel, 6 different, from the table mm.csv" in " ".join(text.split())
    assert options()["spacing"] == "../mm.csv"


@pytest.mark.usefixtures("here")
def test_labels_may_be_a_path_a_format_or_both() -> None:
    labelme(Path("elsewhere"), FILMS)
    assert "(labelme)" in said(labels="elsewhere")
    assert options()["labels"] == "../elsewhere"
    assert "(cvat)" in said(labels="cvat")
    assert "(cvat)" in said(labels="cvat:annotations.xml")
    with pytest.raises(UsageError, match="did you mean 'cvat'"):
        said(labels="cvta")


@pytest.mark.usefixtures("here")
def test_several_files_that_could_be_the_labels_have_to_be_chosen_from() -> None:
    Path("films/more.csv").write_text("image,landmark,x,y\nfilm0,apex,1,1\n")
    with pytest.raises(DataError, match="several files could be the labels"):
        said()
    assert "(cvat)" in said(labels="cvat")


@pytest.mark.usefixtures("here")
def test_info_and_list_know_a_description() -> None:
    said()
    console = Console(width=100, record=True, highlight=False)
    print_info("mine", console)
    print_plugins("datasets", console)
    text = console.export_text()
    assert "described in mine.toml" in text
    assert "6: 4 train, 2 test" in text
    assert "mine  " in text.rpartition("phantom-hand")[2]


def test_a_description_elsewhere_holds_the_way_to_the_films(here: Path) -> None:
    said(folder=here / "studies")
    root = tomllib.loads((here / "studies" / "mine.toml").read_text())["root"]
    assert Path(root) == here / "films"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["hand", "a b", "../x"])
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        said(name)


def test_no_other_file_is_written_over(here: Path) -> None:
    (here / "mine.toml").write_text('methods = "ddpm"\n')
    with pytest.raises(UsageError, match="describes no dataset"):
        said()
    assert (here / "mine.toml").read_text() == 'methods = "ddpm"\n'


def test_where_nothing_is_understood_nothing_is_written(here: Path) -> None:
    (here / "films" / "film3.dcm").write_bytes(b"\0" * 400)
    with pytest.raises(BenchmarkError):
        said()
    (here / "empty").mkdir()
    with pytest.raises(DataError, match="no labels were found"):
        said(source="empty")
    with pytest.raises(UsageError, match="is no folder"):
        said(source="nowhere")
    assert not list(here.glob("mine.*"))


@pytest.mark.usefixtures("here")
def test_one_patient_for_all_is_nobody_and_tags_group_films() -> None:
    pixels = np.zeros((20, 40), np.uint8)
    for n, film in enumerate(FILMS):
        write_dicom(Path("films") / f"{film.name}.dcm", pixels + n, PatientID=f"{n // 2}")
    assert "3; films of one stay together" in said()
    for n, film in enumerate(FILMS):
        write_dicom(Path("films") / f"{film.name}.dcm", pixels + n, PatientID="ANON")
    text = " ".join(said().split())
    assert "6 of 6 images have one PatientID, which tells no patients apart" in text
    assert "patients " not in text.partition("errors")[0]


@pytest.mark.usefixtures("here")
def test_tags_that_some_files_lack_are_no_spacing() -> None:
    write_dicom(
        Path("films/film4.dcm"), np.zeros((20, 40), np.uint8), ImagerPixelSpacing=[0.2, 0.1]
    )
    with pytest.raises(DataError, match=r"film0\.png has no spacing, but the files give that of"):
        said()
    assert "not known" in said(spacing="px")
    text = " ".join(said(spacing="0.1").split())
    assert "differs from the files' own tags in 1 images" in text
    for n, film in enumerate(FILMS):
        write_dicom(
            Path(f"films/{film.name}.dcm"),
            np.full((20, 40), n, np.uint8),
            ImagerPixelSpacing=[0.2, 0.1],
        )
    text = " ".join(said().split())
    assert "0.1 x 0.2 mm a pixel, from the tags of the files: ImagerPixelSpacing (6" in text
    assert "at the detector" in text


@pytest.mark.usefixtures("here")
def test_columns_of_the_labels_come_before_the_tags() -> None:
    for film in FILMS:
        Image.fromarray(np.zeros((20, 40), np.uint8)).save(f"films/{film.name}.png")
    for header, cell in (("spacing", "0.25"), ("spacing_x,spacing_y", "0.25,0.5")):
        rows = [f"{film.name}.png,{n},4,{cell}" for n, film in enumerate(FILMS)]
        Path("films/landmarks.csv").write_text("\n".join([f"image,a_x,a_y,{header}", *rows]))
        text = said()
        assert "1: a" in text
        assert "0.25 " in text
        assert "a column of the labels" in text


def test_settings_are_options_as_text() -> None:
    assert options_of(["spacing = 0.1", "note=a=b"], {"window": "full", "images": None}) == {
        "window": "full",
        "spacing": "0.1",
        "note": "a=b",
    }
    with pytest.raises(UsageError, match="option=value"):
        options_of(["spacing"], {})
