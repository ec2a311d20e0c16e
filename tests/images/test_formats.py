"""The same 20 radiographs through every format: identical pixels where the format is lossless."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import JPEG2000Lossless, RLELossless

from benchmark.images import Window, image_size, read_radiograph
from benchmark.registry import registry
from tests.images.dicom_files import radiograph, write_dicom

Write = Callable[[Path, np.ndarray], object]


def _pillow(path: Path, pixels: np.ndarray, **options: Any) -> None:
    Image.fromarray(pixels).save(path, **options)


def _mode(mode: str) -> Write:
    return lambda path, pixels: Image.fromarray(pixels).convert(mode).save(path)


def _palette(path: Path, pixels: np.ndarray) -> None:
    """A palette of greys that runs backwards."""
    image = Image.fromarray(255 - pixels)
    image.putpalette([level for index in range(256) for level in (255 - index,) * 3])
    image.save(path)


def _compressed(syntax: str) -> Write:
    def write(path: Path, pixels: np.ndarray) -> None:
        dataset = radiograph(pixels)
        dataset.compress(syntax)
        dataset.save_as(path, enforce_file_format=True)

    return write


def _monochrome1(path: Path, pixels: np.ndarray) -> None:
    top = np.iinfo(pixels.dtype).max
    write_dicom(path, top - pixels, PhotometricInterpretation="MONOCHROME1")


def _itk(path: Path, pixels: np.ndarray) -> None:
    itk = pytest.importorskip("SimpleITK")
    itk.WriteImage(itk.GetImageFromArray(pixels), str(path), True)


EIGHT_BITS: dict[str, tuple[str, Write]] = {
    "png": ("png", _pillow),
    "png with a palette": ("png", _palette),
    "png in colour": ("png", _mode("RGB")),
    "png with transparency": ("png", _mode("RGBA")),
    "bmp": ("bmp", _pillow),
    "tiff": ("tif", _pillow),
    "tiff, LZW": ("tif", lambda path, pixels: _pillow(path, pixels, compression="tiff_lzw")),
    "pgm": ("pgm", _pillow),
    "dicom": ("dcm", write_dicom),
    "dicom, monochrome 1": ("dcm", _monochrome1),
    "dicom, RLE": ("dcm", _compressed(RLELossless)),
    "dicom, JPEG 2000": ("dcm", _compressed(JPEG2000Lossless)),
    "mha": ("mha", _itk),
    "nrrd": ("nrrd", _itk),
}
SIXTEEN_BITS: dict[str, tuple[str, Write]] = {
    name: EIGHT_BITS[name]
    for name in (
        "png", "tiff", "tiff, LZW", "pgm", "dicom", "dicom, monochrome 1", "dicom, RLE",
        "dicom, JPEG 2000", "mha", "nrrd",
    )
}  # fmt: skip


@pytest.fixture(scope="module")
def films() -> list[np.ndarray]:
    """Twenty phantoms of 64 px, 8 bits."""
    dataset = registry("dataset").create("phantom-hand[train=14,test=6,size=64]")
    return [dataset.read(sample.id) for sample in dataset.index().samples]


@pytest.fixture(scope="module")
def deep_films(films: list[np.ndarray]) -> list[np.ndarray]:
    """The same ones with 16 bits, of which they use a part, as detectors do."""
    chance = np.random.default_rng(0)
    return [
        (film.astype(np.uint16) * 40 + chance.integers(0, 40, film.shape) + 500).astype(np.uint16)
        for film in films
    ]


@pytest.mark.parametrize("name", EIGHT_BITS)
def test_eight_bits_come_through_unchanged(
    tmp_path: Path, films: list[np.ndarray], name: str
) -> None:
    ending, write = EIGHT_BITS[name]
    for number, film in enumerate(films):
        path = tmp_path / f"{number}.{ending}"
        write(path, film)
        np.testing.assert_array_equal(read_radiograph(path), film)
        assert image_size(path) == film.shape[::-1]


@pytest.mark.parametrize("name", SIXTEEN_BITS)
def test_sixteen_bits_give_the_same_grey_through_every_format(
    tmp_path: Path, deep_films: list[np.ndarray], name: str
) -> None:
    ending, write = SIXTEEN_BITS[name]
    for number, film in enumerate(deep_films):
        path = tmp_path / f"{number}.{ending}"
        write(path, film)
        low, high = np.quantile(film, [0.005, 0.995], method="inverted_cdf").astype(float)
        window = np.clip((film - low) * 255 / (high - low), 0, 255)
        # An inverted file has the window of its own values, which is off by a rounding at most.
        off = 1 if name == "dicom, monochrome 1" else 0
        found = read_radiograph(path).astype(int) - np.floor(window + 0.5).astype(int)
        assert abs(found).max() <= off
        full = np.floor(film * 255.0 / 65535 + 0.5)
        found = read_radiograph(path, Window.parse("full")).astype(int) - full.astype(int)
        assert abs(found).max() <= off


def test_a_jpeg_is_near(tmp_path: Path, films: list[np.ndarray]) -> None:
    for number, film in enumerate(films):
        Image.fromarray(film).save(tmp_path / f"{number}.jpg", quality=95)
        difference = read_radiograph(tmp_path / f"{number}.jpg").astype(int) - film
        assert abs(difference).mean() < 3
