"""The same landmarks come out of every format, to the precision with which it writes them."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.datasets.folder import Folder
from benchmark.datasets.folder_options import FolderOptions
from benchmark.labels.detection import FORMATS, detect_format
from benchmark.labels.label_set import ImageFrame
from benchmark.labels.reading import read_labels
from tests.labels.writers import NAMED, NAMELESS, WRITERS, Film

PRECISION = {"cvat": 0.005 + 1e-9}
"""In px; CVAT writes two decimals, all others as many as a float has."""

EXACT = 1e-9


def frame_of(films: list[Film], kind: str) -> ImageFrame:
    spacing = 0.25 if "0.25" in kind else 1.0
    return ImageFrame(*films[0].size, spacing=(spacing, spacing))


def true_points(film: Film) -> np.ndarray:
    return np.array([point or (np.nan, np.nan) for point in film.points.values()])


def test_every_format_has_a_writer() -> None:
    assert {name for name, _ in WRITERS.values()} == set(FORMATS)


@pytest.mark.parametrize("kind", WRITERS)
def test_twenty_films_have_the_same_coordinates_in_every_format(
    kind: str, films: list[Film], tmp_path: Path
) -> None:
    assert len(films) == 20
    name, writer = WRITERS[kind]
    path = writer(tmp_path / "labels", films)
    assert detect_format(path) == name
    labels = read_labels(path, frames=lambda _: frame_of(films, kind))
    assert labels.format == name
    assert labels.annotators == ("",)
    if kind in NAMED:
        assert labels.landmark_names == tuple(films[0].points)
    else:
        assert labels.landmark_names == tuple(str(k + 1) for k in range(len(films[0].points)))
    assert [Path(image).name.removesuffix(".png") for image in labels.images] == [
        film.name for film in films
    ]
    for film, image in zip(films, labels.images.values(), strict=True):
        annotation = image.annotations[""]
        np.testing.assert_allclose(
            annotation.points, true_points(film), rtol=0, atol=PRECISION.get(name, EXACT)
        )
        assert (annotation.visibility == 2).all()
        if name in {"coco", "labelme", "cvat"}:
            assert image.size == film.size


@pytest.mark.parametrize("kind", NAMED)
def test_missing_and_occluded_landmarks_stay_what_they_are(
    kind: str, films: list[Film], tmp_path: Path
) -> None:
    first, second = list(films[0].points)[:2]
    changed = [
        replace(films[0], points=films[0].points | {first: None}, occluded=frozenset({second})),
        *films[1:],
    ]
    name, writer = NAMED[kind]
    labels = read_labels(writer(tmp_path, changed), frames=lambda _: frame_of(films, kind))
    rows = [labels.landmark_names.index(landmark) for landmark in (first, second)]
    annotation = next(iter(labels.images.values())).annotations[""]
    assert np.isnan(annotation.points[rows[0]]).all()
    # Slicer's markups cannot say that a landmark is occluded.
    assert annotation.visibility[rows].tolist() == [0, 2 if name == "slicer" else 1]
    assert np.isfinite(np.delete(annotation.points, rows[0], axis=0)).all()


@pytest.mark.parametrize("kind", [*NAMED, *NAMELESS])
def test_the_folder_dataset_has_the_same_points_whatever_the_format(
    kind: str, films: list[Film], phantom_folder: Path, tmp_path: Path
) -> None:
    name, writer = WRITERS[kind]
    shutil.copytree(phantom_folder / "images", tmp_path / "images")
    path = writer(tmp_path / "labels", films)
    options = FolderOptions(
        labels=str(path.relative_to(tmp_path)),
        label_spacing="0.25" if "0.25" in kind else None,
    )
    samples = Folder(options, root=tmp_path).index().samples
    assert len(samples) == 20
    for film, sample in zip(films, samples, strict=True):
        assert Path(sample.id).stem == film.name
        np.testing.assert_allclose(
            sample.points, true_points(film), rtol=0, atol=PRECISION.get(name, EXACT)
        )
