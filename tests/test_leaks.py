"""Finding one film in pool and test set: copies are found, different films are not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.datasets.phantom import (
    PhantomCephalometric,
    PhantomChest,
    PhantomHand,
    PhantomOptions,
)
from benchmark.images import read_radiograph, scale_to
from benchmark.leaks import LEAK_CORRELATION, find_copies, find_leaks, pixel_digest, thumbnail


def film(seed: int, size: tuple[int, int] = (160, 200)) -> np.ndarray:
    """A bright body before a dark ground, with structure of its own in two sizes."""
    rng = np.random.default_rng(seed)
    coarse = scale_to(rng.integers(0, 90, (12, 10), dtype=np.uint8), size).astype(float)
    fine = scale_to(rng.integers(0, 60, (40, 32), dtype=np.uint8), size).astype(float)
    rows, columns = np.mgrid[-1 : 1 : size[1] * 1j, -1 : 1 : size[0] * 1j]
    body = np.clip(1.3 - rows**2 - columns**2, 0, 1)
    return np.asarray(np.clip(body * (90 + coarse + fine), 0, 255), dtype=np.uint8)


def thumbnails(films: list[np.ndarray]) -> np.ndarray:
    return np.stack([thumbnail(pixels) for pixels in films])


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """The correlation of two films by the finder, whatever it is."""
    (leak,) = find_leaks(["a"], thumbnails([a]), ["b"], thumbnails([b]), threshold=1e-9)
    return leak.correlation


def noisy(pixels: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 12, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def jpeg(pixels: np.ndarray, path: Path) -> np.ndarray:
    Image.fromarray(pixels).save(path, quality=30)
    return read_radiograph(path)


def curve(pixels: np.ndarray, exponent: float) -> np.ndarray:
    return (255 * (pixels / 255.0) ** exponent).round().astype(np.uint8)


def test_thumbnails_are_mean_grey_values_of_the_full_frame() -> None:
    pixels = np.zeros((64, 96), dtype=np.uint8)
    pixels[:32] = 200
    small = thumbnail(pixels)
    assert small.shape == (32, 32)
    assert small.dtype == np.float32
    assert (small[:16] == 200).all()
    assert (small[16:] == 0).all()


def test_copies_are_found_however_they_were_treated(tmp_path: Path) -> None:
    original = film(1)
    copies = {
        "same": original.copy(),
        "recompressed": jpeg(original, tmp_path / "copy.jpg"),
        "smaller": scale_to(original, (80, 100)),
        "squashed": scale_to(original, (128, 128)),
        "darker": curve(original, 1.6),
        "brighter": curve(original, 0.6),
        "other contrast": (original * 0.6 + 40).astype(np.uint8),
        "inverted": 255 - original,
    }
    leaks = find_leaks(
        list(copies), thumbnails(list(copies.values())), ["x"], thumbnails([original])
    )
    assert {leak.pool_id for leak in leaks} == set(copies)
    signs = {leak.pool_id: np.sign(leak.correlation) for leak in leaks}
    assert signs.pop("inverted") == -1
    assert set(signs.values()) == {1}


def test_different_films_of_one_kind_are_not_leaks() -> None:
    films = thumbnails([film(seed) for seed in range(60)])
    names = [f"film{n}" for n in range(60)]
    assert find_leaks(names[:30], films[:30], names[30:], films[30:]) == []


def test_leaks_name_pool_and_test_image_best_first() -> None:
    films = [film(seed) for seed in range(4)]
    near = noisy(films[2])
    leaks = find_leaks(
        ["p0", "p1", "p2"],
        thumbnails([films[0], films[1], near]),
        ["t0", "t1"],
        thumbnails([films[2], films[1]]),
    )
    assert [(leak.pool_id, leak.test_id) for leak in leaks] == [("p1", "t1"), ("p2", "t0")]
    assert leaks[0].correlation == pytest.approx(1)
    assert LEAK_CORRELATION <= leaks[1].correlation < 1


def test_blank_images_match_nothing_and_empty_sides_are_allowed() -> None:
    blank = np.zeros((1, 32, 32), dtype=np.float32)
    assert find_leaks(["a"], blank, ["b"], blank) == []
    assert find_leaks([], blank[:0], ["b"], blank) == []
    assert find_leaks(["a"], blank, [], blank[:0]) == []


def test_a_pool_larger_than_one_chunk_is_compared_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmark.leaks._CHUNK", 3)
    names = [str(n) for n in range(8)]
    pool = thumbnails([film(n) for n in range(8)])
    leaks = find_leaks(names, pool, ["t4", "t7"], pool[[4, 7]])
    assert {(leak.pool_id, leak.test_id) for leak in leaks} == {("4", "t4"), ("7", "t7")}


def test_copies_within_a_set_are_pairs_in_its_order_each_once() -> None:
    films = [film(seed) for seed in range(5)]
    films.insert(1, noisy(films[3]))
    films.append(255 - films[0])
    names = [f"film{n}" for n in range(len(films))]
    pairs = [(leak.pool_id, leak.test_id) for leak in find_copies(names, thumbnails(films))]
    assert sorted(pairs) == [("film0", "film6"), ("film1", "film4")]
    assert find_copies(names[:1], thumbnails(films[:1])) == []
    assert find_copies([], thumbnails(films[:1])[:0]) == []


def test_the_correlation_forgets_brightness_and_contrast() -> None:
    pixels = film(3)
    assert correlation(pixels, (pixels // 2 + 60).astype(np.uint8)) == pytest.approx(1, abs=0.01)


def test_digests_tell_pixels_and_shape_apart_but_not_file_formats(tmp_path: Path) -> None:
    pixels = film(0)
    for ending in ("png", "bmp"):
        Image.fromarray(pixels).save(tmp_path / f"film.{ending}")
    digests = {pixel_digest(read_radiograph(path)) for path in tmp_path.iterdir()}
    assert digests == {pixel_digest(pixels)}
    changed = pixels.copy()
    changed[0, 0] ^= 1
    assert pixel_digest(changed) != pixel_digest(pixels)
    assert pixel_digest(pixels.reshape(160, 200)) != pixel_digest(pixels)


@pytest.mark.parametrize("kind", [PhantomCephalometric, PhantomHand, PhantomChest])
def test_phantoms_share_an_anatomy_and_are_not_leaks(
    kind: type[PhantomCephalometric | PhantomHand | PhantomChest],
) -> None:
    dataset = kind(PhantomOptions(train=15, test=10, size=64))
    names = [sample.id for sample in dataset.index().samples]
    films = thumbnails([dataset.read(name) for name in names])
    assert find_leaks(names[:15], films[:15], names[15:], films[15:]) == []


def test_different_real_chest_films_are_not_leaks(shared_data: Path) -> None:
    paths = sorted((shared_data / "chest_wingspan" / "images").iterdir())
    names = [path.name for path in paths]
    films = thumbnails([read_radiograph(path) for path in paths])
    leaks = find_leaks(names, films, names, films)
    assert [leak for leak in leaks if leak.pool_id != leak.test_id] == []
    assert len(leaks) == 233
