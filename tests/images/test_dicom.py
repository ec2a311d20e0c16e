"""DICOM: shown as a viewer would, spacing from the right tag, and the person nowhere found."""

import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.pixels.processing import apply_windowing
from pydicom.uid import MPEG2MPML, JPEG2000Lossless, RLELossless

from benchmark.errors import DataError
from benchmark.images import Window, image_header, image_size, read_radiograph
from tests.images.dicom_files import SECRETS, lookup_table, radiograph, write_dicom

RAMP = np.linspace(0, 255, 30 * 20).astype(np.uint8).reshape(20, 30)
DEEP = np.random.default_rng(3).integers(0, 4096, (60, 80)).astype(np.uint16)


def refusal(path: Path, *, header_too: bool = True) -> str:
    with pytest.raises(DataError) as caught:
        read_radiograph(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    assert "\n" not in sentence
    # Not even what is kept for developers may tell who the person is.
    kept = "".join(traceback.format_exception(caught.value))
    assert not [secret for secret in SECRETS if secret in kept]
    if header_too:
        with pytest.raises(DataError) as caught:
            image_size(path)
        assert str(caught.value) == sentence
    return sentence


def shown(tmp_path: Path, pixels: np.ndarray, window: str = "auto", **tags: Any) -> np.ndarray:
    return read_radiograph(write_dicom(tmp_path / "a.dcm", pixels, **tags), Window.parse(window))


def test_eight_bits_are_read_as_stored_whatever_the_file_is_called(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "IM0001", RAMP)
    np.testing.assert_array_equal(read_radiograph(path), RAMP)
    assert image_size(path) == (30, 20)


def test_without_a_window_twelve_bits_are_windowed_as_other_deep_images(tmp_path: Path) -> None:
    low, high = (float(np.sort(DEEP.ravel())[row]) for row in (23, 4775))
    expected = np.floor(np.clip((DEEP - low) * 255 / (high - low), 0, 255) + 0.5)
    np.testing.assert_array_equal(shown(tmp_path, DEEP, BitsStored=12), expected)
    full = np.floor(DEEP * 255.0 / 4095 + 0.5)
    np.testing.assert_array_equal(shown(tmp_path, DEEP, "full", BitsStored=12), full)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("signed", [False, True])
def test_the_windows_of_the_standard_are_those_of_pydicom(
    tmp_path: Path, function: str, signed: bool
) -> None:
    values = (DEEP.astype(np.int32) - 2048).astype(np.int16) if signed else DEEP
    tags: dict[str, Any] = {
        "BitsStored": 12, "VOILUTFunction": function,
        "WindowCenter": [100 if signed else 2000, 5], "WindowWidth": [900, 5],
    }  # fmt: skip
    theirs = apply_windowing(values, radiograph(values, **tags))
    low, high = (-2048, 2047) if signed else (0, 4095)
    ours = shown(tmp_path, values, **tags)
    np.testing.assert_allclose(ours, (theirs - low) * 255 / (high - low), atol=0.51)


def test_the_rescale_comes_before_the_window(tmp_path: Path) -> None:
    tags: dict[str, Any] = {"BitsStored": 12, "RescaleSlope": 2, "RescaleIntercept": -1000}
    window: dict[str, Any] = {
        "WindowCenter": 1000,
        "WindowWidth": 2000,
        "VOILUTFunction": "LINEAR_EXACT",
    }
    expected = np.floor(np.clip((DEEP * 2.0 - 1000) * 255 / 2000, 0, 255) + 0.5)
    np.testing.assert_array_equal(shown(tmp_path, DEEP, **tags, **window), expected)
    np.testing.assert_array_equal(shown(tmp_path, DEEP, "0..2000", **tags), expected)


def test_modality_and_voi_tables_are_followed_in_this_order(tmp_path: Path) -> None:
    square = (np.arange(4096) ** 2 // 256).astype(np.uint16)
    inverse = np.arange(65535, -1, -1).astype(np.uint16)[:65535]
    expected = np.floor(inverse[square[DEEP]] * 255.0 / 65535 + 0.5)
    found = shown(
        tmp_path,
        DEEP,
        BitsStored=12,
        ModalityLUTSequence=[lookup_table(square)],
        VOILUTSequence=[lookup_table(inverse)],
    )
    np.testing.assert_array_equal(found, expected)


def test_monochrome_1_is_inverted_after_the_window(tmp_path: Path) -> None:
    tags: dict[str, Any] = {"BitsStored": 12, "WindowCenter": 1000, "WindowWidth": 700}
    plain = shown(tmp_path, DEEP, **tags)
    inverted = shown(tmp_path, DEEP, PhotometricInterpretation="MONOCHROME1", **tags)
    np.testing.assert_array_equal(inverted, 255 - plain)


def test_padding_does_not_decide_the_window(tmp_path: Path) -> None:
    padded = DEEP.copy()
    padded[:10] = 65535
    tags: dict[str, Any] = {"BitsStored": 16, "PixelPaddingValue": 65535}
    bare = write_dicom(tmp_path / "b.dcm", padded[10:], BitsStored=16)
    np.testing.assert_array_equal(shown(tmp_path, padded, **tags)[10:], read_radiograph(bare))


def test_grey_in_colour_is_read_and_colour_refused(tmp_path: Path) -> None:
    np.testing.assert_array_equal(shown(tmp_path, np.stack([RAMP] * 3, axis=2)), RAMP)
    red = np.stack([RAMP, RAMP // 2, RAMP // 2], axis=2)
    assert "in colour" in refusal(write_dicom(tmp_path / "red.dcm", red), header_too=False)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_lossless_compression_gives_the_very_pixels(tmp_path: Path, syntax: str) -> None:
    plain = radiograph(DEEP, BitsStored=12)
    expected = shown(tmp_path, DEEP, BitsStored=12)
    plain.compress(syntax)
    plain.save_as(tmp_path / "small.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(read_radiograph(tmp_path / "small.dcm"), expected)


def test_lossless_jpeg_as_most_archives_send_it_gives_the_very_pixels(tmp_path: Path) -> None:
    itk = pytest.importorskip("SimpleITK")
    writer = itk.ImageFileWriter()
    writer.SetFileName(str(tmp_path / "small.dcm"))
    writer.SetUseCompression(True)
    writer.SetCompressor("JPEG")
    writer.Execute(itk.GetImageFromArray(DEEP[None]))
    written = pydicom.dcmread(tmp_path / "small.dcm")
    assert str(written.file_meta.TransferSyntaxUID) == "1.2.840.10008.1.2.4.70"
    expected = np.floor(DEEP * 255.0 / (2**written.BitsStored - 1) + 0.5)
    full = read_radiograph(tmp_path / "small.dcm", Window.parse("full"))
    np.testing.assert_array_equal(full, expected)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compressed = radiograph(DEEP, BitsStored=12)
    compressed.compress(JPEG2000Lossless)
    compressed.save_as(tmp_path / "small.dcm", enforce_file_format=True)
    monkeypatch.setattr("pydicom.pixels.decoders.base.Decoder.is_available", False)
    sentence = refusal(tmp_path / "small.dcm", header_too=False)
    assert "pip install pylibjpeg pylibjpeg-openjpeg" in sentence


def test_films_and_deflated_files_are_refused(tmp_path: Path) -> None:
    film = radiograph(DEEP)
    film.file_meta.TransferSyntaxUID = MPEG2MPML
    film.PixelData = pydicom.encaps.encapsulate([b"\0\0"])
    film["PixelData"].is_undefined_length = True
    film.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    assert "compressed as MPEG2" in refusal(tmp_path / "film.dcm", header_too=False)
    film = radiograph(DEEP)
    film.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    film.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    assert "deflated as a whole" in refusal(tmp_path / "film.dcm")


def test_a_compressed_image_larger_than_its_header_says_is_not_decompressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compressed = radiograph(DEEP, BitsStored=12)
    compressed.compress(JPEG2000Lossless)
    compressed.Rows = 30
    compressed.save_as(tmp_path / "bomb.dcm", enforce_file_format=True)
    monkeypatch.delattr("pydicom.dataset.Dataset.pixel_array")
    assert "80 x 30 px and the compressed image 80 x 60 px" in refusal(
        tmp_path / "bomb.dcm", header_too=False
    )


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"NumberOfFrames": 2}, "holds 2 images"),
        ({"Rows": 60000, "Columns": 60000}, "more than 80 million pixels"),
        ({"Rows": None}, "holds no image"),
        ({"Rows": 0}, "no size of an image"),
    ],
)
def test_stacks_and_absurd_sizes_are_refused_by_the_header(
    tmp_path: Path, tags: dict[str, Any], expected: str
) -> None:
    assert expected in refusal(write_dicom(tmp_path / "film.dcm", RAMP, **tags))


def test_a_window_without_width_and_missing_pixels_are_refused(tmp_path: Path) -> None:
    tags: dict[str, Any] = {"WindowCenter": 5, "WindowWidth": 0}
    path = write_dicom(tmp_path / "film.dcm", DEEP, **tags)
    assert "give one with the option window" in refusal(path, header_too=False)
    path = write_dicom(tmp_path / "film.dcm", RAMP, Rows=40)
    assert "truncated or damaged" in refusal(path, header_too=False)


@pytest.mark.parametrize(
    ("tags", "spacing", "source"),
    [
        ({}, None, ""),
        (
            {"PixelSpacing": [0.2, 0.1], "ImagerPixelSpacing": [0.3, 0.3]},
            (0.1, 0.2),
            "PixelSpacing",
        ),
        ({"ImagerPixelSpacing": [0.25, 0.15]}, (0.15, 0.25), "ImagerPixelSpacing"),
        ({"NominalScannedPixelSpacing": [0.25, 0.15]}, (0.15, 0.25), "NominalScannedPixelSpacing"),
        ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [1, 1]}, (1, 1), "ImagerPixelSpacing"),
        ({"PixelSpacing": ""}, None, ""),
    ],
)
def test_pixel_spacing_comes_first_and_a_tag_stores_rows_first(
    tmp_path: Path, tags: dict[str, Any], spacing: tuple[float, float] | None, source: str
) -> None:
    header = image_header(write_dicom(tmp_path / "film.dcm", RAMP, **tags))
    assert (header.spacing, header.spacing_source) == (spacing, source)


def test_a_patient_is_told_apart_without_being_named(tmp_path: Path) -> None:
    ids = ("HOSP-4711", "HOSP-4711", "HOSP-4712", "")
    headers = [
        image_header(write_dicom(tmp_path / f"{n}.dcm", RAMP, PatientID=name))
        for n, name in enumerate(ids)
    ]
    first, again, other, unknown = (header.patient for header in headers)
    assert first == again != other
    assert unknown == ""
    assert not [secret for secret in SECRETS if secret in repr(headers)]


@pytest.mark.filterwarnings("error")
def test_a_name_in_the_wrong_place_is_not_repeated(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_dicom(tmp_path / "film.dcm", RAMP, PixelSpacing=[0.25, 0.125])
    data = path.read_bytes()
    path.write_bytes(data.replace(b"0.25\\0.125", b"Persephone"))
    assert image_header(path).spacing is None
    path.write_bytes(data.replace(b"MONOCHROME2 ", b"Persephone  "))
    refusal(path, header_too=False)
    assert not caplog.records
