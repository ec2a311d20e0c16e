"""MHA and NRRD: one grey slice with its spacing; everything else is a sentence."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import DataError
from benchmark.images import Window, image_header, read_radiograph

itk = pytest.importorskip("SimpleITK")

ENDINGS = pytest.mark.parametrize("ending", ["mha", "nrrd"])
RAMP = np.linspace(0, 255, 30 * 20).astype(np.uint8).reshape(20, 30)


def write(path: Path, values: np.ndarray, spacing: tuple[float, ...] = (0.1, 0.2)) -> Path:
    image = itk.GetImageFromArray(values)
    image.SetSpacing(spacing)
    itk.WriteImage(image, str(path), True)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_radiograph(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    assert sentence.isprintable()
    return sentence


@ENDINGS
def test_a_slice_is_read_with_its_spacing(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"film.{ending}", RAMP)
    np.testing.assert_array_equal(read_radiograph(path), RAMP)
    header = image_header(path)
    assert (header.size, header.spacing) == ((30, 20), (0.1, 0.2))
    assert header.spacing_source
    path = write(tmp_path / f"deep.{ending}", RAMP[None].astype(np.uint16) * 257, (0.1, 0.2, 1))
    np.testing.assert_array_equal(read_radiograph(path, Window.parse("full")), RAMP)
    path = write(tmp_path / f"signed.{ending}", RAMP.astype(np.int16) - 128)
    np.testing.assert_array_equal(read_radiograph(path, Window.parse("-128..127")), RAMP)


@ENDINGS
def test_a_millimetre_both_ways_is_what_tools_write_that_know_none(
    tmp_path: Path, ending: str
) -> None:
    assert image_header(write(tmp_path / f"film.{ending}", RAMP, (1, 1))).spacing is None


@ENDINGS
def test_stacks_colour_and_floats_that_are_no_numbers_are_refused(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"film.{ending}"
    assert "holds 2 images" in refusal(write(path, np.stack([RAMP] * 2), (1, 1, 1)))
    itk.WriteImage(itk.GetImageFromArray(np.stack([RAMP] * 3, axis=2), isVector=True), str(path))
    assert "3 channels" in refusal(path)
    assert "are no numbers" in refusal(write(path, np.full((9, 9), np.nan, np.float32)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("film.mha", "NDims = 2\nDimSize = 3 3\nElementType = MET_UCHAR\nElementDataFile = /x\n"),
        ("film.nrrd", "NRRD0004\ntype: uchar\ndimension: 2\nsizes: 3 3\ndata file: /x\n\n"),
    ],
)
def test_no_other_file_is_opened(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert "lie in another file" in refusal(tmp_path / name)


@ENDINGS
def test_truncated_files_are_refused(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"film.{ending}", RAMP)
    path.write_bytes(path.read_bytes()[:-60])
    assert "truncated or damaged" in refusal(path)


def test_without_simpleitk_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "film.mha", RAMP)
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    assert "pip install SimpleITK" in refusal(path)
