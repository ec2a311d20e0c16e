"""The inputs of the comparison: both sides read the same images, and the labels fit them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark.heatmaps import decode
from benchmarks.paper_inputs import (
    NATIVE,
    enlarge_radiographs,
    generate_radiographs,
    link_radiographs,
    prepare_arrays,
    read_labels,
    write_heatmaps,
)

FRACTIONS = np.linspace(0.1, 0.9, 19)[:, None] * np.ones(2)


@pytest.fixture
def distributed(tmp_path: Path) -> Path:
    """Small copies with labels of the native frame, and a diagnosis after them."""
    folder = tmp_path / "distributed"
    for name in ("jpg", "400_junior", "400_senior"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in (1, 2):
        pixels = rng.integers(0, 256, (120, 97), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "jpg" / f"{number:03d}.jpg")
        for annotator, off in (("400_junior", -8), ("400_senior", 8)):
            points = FRACTIONS * NATIVE + off
            lines = [f"{x:.0f},{y:.0f}" for x, y in points] + ["1"] * 8
            (folder / annotator / f"{number:03d}.txt").write_text("\n".join(lines), "utf-8")
    return folder


def test_labels_are_in_pixels_of_the_stored_images(distributed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "linked"
    assert link_radiographs(distributed, folder) == "2 cephalograms of 97 x 120 px"
    np.testing.assert_allclose(read_labels(folder, "002"), FRACTIONS * (97, 120), atol=0.05)


def test_enlarged_images_are_native_and_so_are_their_labels(
    distributed: Path, tmp_path: Path
) -> None:
    link_radiographs(distributed, tmp_path / "linked")
    enlarge_radiographs(tmp_path / "linked", 1, tmp_path / "native")
    assert [p.name for p in (tmp_path / "native" / "jpg").iterdir()] == ["001.jpg"]
    with Image.open(tmp_path / "native" / "jpg" / "001.jpg") as image:
        assert image.size == NATIVE
    np.testing.assert_allclose(read_labels(tmp_path / "native", "001"), FRACTIONS * NATIVE, atol=1)


def test_computed_images_come_in_the_same_layout(tmp_path: Path) -> None:
    said = generate_radiographs(tmp_path / "made", count=2, size=64)
    assert said == "2 computed cephalograms of 64 x 64 px"
    for name in ("001", "002"):
        points = read_labels(tmp_path / "made", name)
        assert points.shape == (19, 2)
        assert (points > 0).all()
        assert (points < 64).all()


def test_prepared_points_lie_where_the_image_lies(distributed: Path, tmp_path: Path) -> None:
    link_radiographs(distributed, tmp_path / "linked")
    prepare_arrays(tmp_path / "linked", 64, tmp_path / "arrays")
    images, points = (np.load(tmp_path / "arrays" / f"{n}.npy") for n in ("images", "points"))
    assert images.shape == (2, 64, 64)
    assert images.dtype == np.uint8
    # 97 x 120 px fill 52 x 64 of the canvas, six columns from the left.
    scale = np.divide((52, 64), (97, 120))
    expected = (FRACTIONS * (97, 120) + 0.5) * scale - 0.5 + (6, 0)
    np.testing.assert_allclose(points[0], expected, atol=0.05)
    assert not images[:, :, :6].any()
    assert images[:, :, 6:58].any()


def test_the_heatmaps_say_where_the_true_points_are(distributed: Path, tmp_path: Path) -> None:
    link_radiographs(distributed, tmp_path / "linked")
    write_heatmaps(tmp_path / "linked", 2, 96, tmp_path / "maps")
    logits, points = (np.load(tmp_path / "maps" / f"{n}.npy") for n in ("logits", "points"))
    np.testing.assert_allclose(points[1], FRACTIONS * 96, atol=0.05)
    found = decode(torch.from_numpy(logits)).numpy()
    assert np.hypot(*(found - points).T).max() < 0.5
