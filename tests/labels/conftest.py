"""Twenty films with landmarks: those of a phantom, at a size that costs nothing."""

from pathlib import Path

import pytest
from PIL import Image

from benchmark.registry import registry
from tests.labels.writers import Film


@pytest.fixture(autouse=True)
def private_cache(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache folder of the test's own, so that the user's is left alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("private-cache")))


@pytest.fixture(scope="session")
def phantom_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 20 hand phantoms of 64 px as PNG, named after their subjects."""
    dataset = registry("dataset").create("phantom-hand[train=14,test=6,size=64]")
    folder = tmp_path_factory.mktemp("phantoms")
    (folder / "images").mkdir()
    for sample in dataset.index().samples:
        Image.fromarray(dataset.read(sample.id)).save(folder / "images" / f"{sample.id}.png")
    return folder


@pytest.fixture(scope="session")
def films(phantom_folder: Path) -> list[Film]:
    """The landmarks of the phantoms in that folder."""
    index = registry("dataset").create("phantom-hand[train=14,test=6,size=64]").index()
    return [
        Film(
            sample.id,
            (sample.width, sample.height),
            {
                name: (float(x), float(y))
                for name, (x, y) in zip(index.landmark_names, sample.points, strict=True)
            },
        )
        for sample in sorted(index.samples, key=lambda sample: sample.id)
    ]
