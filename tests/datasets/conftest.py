"""Miniature copies of the public data sets, generated: the layouts are real, the pixels are not."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Build = Callable[..., Path]

CEPHALOMETRIC_SIZE = (129, 160)


def write_image(path: Path, size: tuple[int, int], seed: int = 0) -> None:
    """A grey image of noise of the given width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0]), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own, so that the user's is left alone."""
    folder = tmp_path / "private-cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def build_cephalometric(tmp_path: Path) -> Build:
    """Writes cephalograms: point k of image n lies at (500 + 10 k, 700 + n), junior 6 and 8 off."""

    def build(ids: Sequence[str] = ("001", "002", "131", "151"), ending: str = "jpg") -> Path:
        root = tmp_path / "cephalometric"
        first = root / "jpg" / f"{ids[0]}.{ending}"
        write_image(first, CEPHALOMETRIC_SIZE)
        for name in ids:
            (root / "jpg" / f"{name}.{ending}").write_bytes(first.read_bytes())
            for annotator, dx, dy in (("senior", 0, 0), ("junior", 6, 8)):
                lines = [f"{500 + 10 * k + dx},{700 + int(name) + dy}" for k in range(19)]
                lines += ["3"] * 8 if name == "001" else []
                path = root / f"400_{annotator}" / f"{name}.txt"
                path.parent.mkdir(exist_ok=True)
                path.write_text("\n".join(lines) + "\n")
        return root

    return build


@pytest.fixture
def build_hand(tmp_path: Path) -> Build:
    """Writes hands of 60 x 90 px whose landmarks 1 and 5 are 20 px apart."""

    def build(
        ids: Sequence[str] = ("3142", "3143", "7293"), labels: str = "labels/all.csv"
    ) -> Path:
        root = tmp_path / "hand"
        rows = []
        for number, name in enumerate(ids):
            write_image(root / "jpg" / f"{name}.jpg", (60, 90), seed=number)
            points = [(10 + k, 80 - 2 * k) for k in range(37)]
            points[0], points[4] = (10, 80), (22, 64)
            rows.append(",".join([name, *(f"{x},{y}" for x, y in points)]))
        (root / labels).parent.mkdir(parents=True, exist_ok=True)
        (root / labels).write_text("\n".join(rows) + "\n")
        return root

    return build


@pytest.fixture
def build_chest(tmp_path: Path) -> Build:
    """Writes chest films of 80 x 100 px, and labels also for two of the nine excluded films."""

    def build(
        ids: Sequence[str] = ("CHNCXR_0001_0", "CHNCXR_0326_0"),
        excluded: Sequence[str] = ("CHNCXR_0059_0", "CHNCXR_0310_0"),
    ) -> Path:
        root = tmp_path / "chest"
        for number, name in enumerate((*ids, *excluded)):
            write_image(root / "pngs" / f"{name}.png", (80, 100), seed=number)
            path = root / "labels" / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            ratios = [(0.1 * k, 0.05 * k) for k in range(1, 7)]
            path.write_text("\n".join(["6", *(f"{x:.4f} {y:.4f}" for x, y in ratios)]) + "\n")
        return root

    return build


@pytest.fixture
def build_folder(tmp_path: Path) -> Build:
    """Writes ten images of 40 x 20 px and a table with two landmarks in each."""

    def build(count: int = 10, images: str = "images", size: tuple[int, int] = (40, 20)) -> Path:
        root = tmp_path / "mine"
        rows = ["image,landmark,x,y"]
        for n in range(count):
            write_image(root / images / f"film{n}.png", size, seed=n)
            rows += [f"film{n}.png,apex,{n},3.5", f"film{n}.png,base,{n + 1},19"]
        (root / "landmarks.csv").write_text("\n".join(rows) + "\n")
        return root

    return build
