"""PNG, JPEG, BMP, TIFF and PGM: what is read, and what is refused in one sentence."""

import contextlib
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmark.errors import DataError
from benchmark.images import MAX_PIXELS, MAX_SIDE, Window, image_size, read_radiograph

RAMP = np.linspace(0, 255, 30 * 20).astype(np.uint8).reshape(20, 30)


def refusal(read: Callable[[Path], object], path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def both(path: Path) -> str:
    """The refusal of an image whose header tells: the size is refused with the same sentence."""
    sentence = refusal(read_radiograph, path)
    assert refusal(image_size, path) == sentence
    return sentence


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "pgm"])
def test_grey_is_read_as_stored(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"film.{ending}"
    Image.fromarray(RAMP).save(path)
    pixels = read_radiograph(path)
    np.testing.assert_array_equal(pixels, RAMP)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert image_size(path) == (30, 20)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_grey_stored_in_channels_is_read(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "film.png"
    Image.fromarray(RAMP).convert(mode).save(path)
    np.testing.assert_array_equal(read_radiograph(path), RAMP)
    assert image_size(path) == (30, 20)


def test_a_palette_of_greys_in_any_order_is_read(tmp_path: Path) -> None:
    image = Image.new("P", (30, 20))
    image.putpalette([level for index in range(256) for level in (255 - index,) * 3])
    image.putdata((255 - RAMP).ravel().tolist())
    image.save(tmp_path / "film.png")
    np.testing.assert_array_equal(read_radiograph(tmp_path / "film.png"), RAMP)


def test_bilevel_becomes_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(RAMP > 99).save(tmp_path / "film.png")
    np.testing.assert_array_equal(read_radiograph(tmp_path / "film.png"), (RAMP > 99) * 255)


def test_grey_that_went_through_a_colour_jpeg_is_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).convert("RGB").save(tmp_path / "film.jpg", quality=60)
    difference = read_radiograph(tmp_path / "film.jpg").astype(int) - noise
    assert abs(difference).mean() < 20


def test_colour_is_refused_even_in_a_single_spot(tmp_path: Path) -> None:
    image = Image.fromarray(RAMP).convert("RGB")
    image.putpixel((7, 3), (255, 0, 0))
    image.save(tmp_path / "film.png")
    assert "is in colour" in refusal(read_radiograph, tmp_path / "film.png")


def test_a_palette_with_colour_is_refused(tmp_path: Path) -> None:
    image = Image.fromarray(RAMP).convert("P")
    image.putpalette([level for index in range(256) for level in (index, 0, 0)])
    image.save(tmp_path / "film.png")
    assert "is in colour" in refusal(read_radiograph, tmp_path / "film.png")


def test_transparent_parts_are_refused(tmp_path: Path) -> None:
    image = Image.fromarray(RAMP).convert("RGBA")
    image.putpixel((0, 0), (0, 0, 0, 10))
    image.save(tmp_path / "film.png")
    assert "transparent" in refusal(read_radiograph, tmp_path / "film.png")


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_sixteen_bits_are_windowed_in_one_way_whatever_the_format(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"film.{ending}"
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(path)
    np.testing.assert_array_equal(read_radiograph(path, Window.parse("full")), RAMP)
    np.testing.assert_array_equal(
        read_radiograph(path, Window.parse("2570..51400")),
        np.floor(np.clip((RAMP.astype(float) - 10) * 255 / 190, 0, 255) + 0.5),
    )
    # 3 of 600 pixels are no brighter than the third one, and 597 than the 597th.
    low, high = (float(np.sort(RAMP.ravel())[row]) for row in (2, 596))
    expected = np.floor(np.clip((RAMP - low) * 255 / (high - low), 0, 255) + 0.5)
    np.testing.assert_array_equal(read_radiograph(path), expected)
    assert image_size(path) == (30, 20)


def test_eight_bits_are_never_windowed(tmp_path: Path) -> None:
    Image.fromarray(RAMP).save(tmp_path / "film.png")
    for text in ("auto", "full", "50..60", "20%..40%"):
        np.testing.assert_array_equal(
            read_radiograph(tmp_path / "film.png", Window.parse(text)), RAMP
        )


def test_a_deep_tiff_in_which_white_is_zero_is_turned_right(tmp_path: Path) -> None:
    path = tmp_path / "film.tif"
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(path, tiffinfo={262: 0})
    np.testing.assert_array_equal(read_radiograph(path, Window.parse("full")), 255 - RAMP)


def test_a_file_with_several_images_is_refused(tmp_path: Path) -> None:
    image = Image.fromarray(RAMP)
    image.save(tmp_path / "film.tif", save_all=True, append_images=[image, image])
    assert "holds 3 images" in both(tmp_path / "film.tif")


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_thirty_two_bits_are_refused(tmp_path: Path, kind: type) -> None:
    path = tmp_path / "film.tif"
    Image.fromarray(RAMP.astype(kind)).save(path)
    assert "32 bits" in both(path)


def png(width: int, height: int, depth: int, colour: int, data: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_sixteen_bit_colour_is_not_cut_to_eight_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(png(2, 1, 16, 2, b"\0" + b"\x12\x34" * 6))
    assert "in colour of 16 bits" in both(path)


def test_an_absurd_size_is_refused_before_anything_is_decoded(tmp_path: Path) -> None:
    for side in (9_001, 30_000, 2_000_000):
        path = tmp_path / f"{side}.png"
        path.write_bytes(png(side, side, 8, 0, b""))
        assert f"more than {MAX_PIXELS // 10**6} million pixels" in both(path)


def test_an_absurdly_long_strip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(png(MAX_SIDE + 1, 3, 8, 0, b""))
    assert "too long" in both(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "is missing" in both(tmp_path / "film.png")
    assert "this is a folder" in both(tmp_path)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "tif"])
def test_a_truncated_file_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"film.{ending}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "truncated or damaged" in refusal(read_radiograph, path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty"),
        (b"\x89PNG\r\n", "truncated or damaged"),
        (b"\xff\xd8", "truncated or damaged"),
        (b"\0" * 128 + b"DICM" + b"\0" * 99, "holds no image"),
        (b"image,landmark,x,y\n", "not an image of a kind that is read"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(content)
    assert expected in both(path)


def test_other_colour_kinds_are_refused(tmp_path: Path) -> None:
    Image.new("CMYK", (9, 9)).save(tmp_path / "film.jpg")
    assert "colour kind CMYK" in both(tmp_path / "film.jpg")


def test_an_image_marked_as_to_be_turned_is_refused(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RAMP).save(tmp_path / "film.jpg", exif=exif)
    assert "EXIF orientation" in both(tmp_path / "film.jpg")


@given(st.binary(max_size=60), st.sampled_from([b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"P5 "]))
def test_no_bytes_bring_anything_but_the_one_error(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes, magic: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.png"
    path.write_bytes(magic + tail)
    with contextlib.suppress(DataError):
        read_radiograph(path)
