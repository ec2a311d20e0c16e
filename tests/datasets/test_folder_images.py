"""Labels name images as they were called elsewhere; the files are found, and only in the folder."""

from pathlib import Path

import pytest

from benchmark.datasets.folder_images import find_image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "P1").mkdir(parents=True)
    for name in ("film1.png", "P1/film2.tif", "film.3.jpg", "../secret.png", "../images.png"):
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("film1.png", "film1.png"),
        ("film1", "film1.png"),
        ("film1.jpg", "film1.png"),
        ("/data/export/film1.png", "film1.png"),
        ("../images/film1.png", "film1.png"),
        ("P7/film1.bmp", "film1.png"),
        ("P1/film2", "P1/film2.tif"),
        ("film.3", "film.3.jpg"),
    ],
)
def test_other_endings_and_folders_of_other_machines_do_not_hide_an_image(
    folder: Path, name: str, file: str
) -> None:
    assert find_image(folder, name) == folder / file


@pytest.mark.parametrize(
    "name", ["film2", "../secret.png", "/", ".", "..", "P1", "film1.txt", "é" * 250]
)
def test_nothing_outside_the_folder_and_nothing_else_is_found(folder: Path, name: str) -> None:
    assert find_image(folder, name) is None
