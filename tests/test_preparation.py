"""Preparation: what the pool may hold, and that points and pixels stay together."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.errors import DataError
from benchmark.grid import DatasetSpec
from benchmark.planning import make_plan
from benchmark.preparation import prepare
from benchmark.prepared import PreparedDataset, load_prepared
from benchmark.registry import registry
from benchmark.requests import run_config
from benchmark.store import Store


def make_folder(folder: Path) -> Path:
    """Eight wide phantoms; the first test image is a copy of a training image in JPEG."""
    dataset = registry("dataset").create("phantom-chest[train=5,test=3,size=128]")
    index = dataset.index()
    folder.mkdir()
    lines = ["image,landmark,x,y,split"]
    for sample in index.samples:
        Image.fromarray(dataset.read(sample.id)[16:112]).save(folder / f"{sample.id}.png")
        for name, (x, y) in zip(index.landmark_names, sample.points, strict=True):
            row = min(max(y - 16, 0), 95)
            lines.append(f"{sample.id}.png,{name},{x},{row},{sample.split}")
    train, test = (index.split(name)[0].id for name in ("train", "test"))
    (folder / f"{test}.png").unlink()
    Image.open(folder / f"{train}.png").save(folder / f"{test}.jpg", quality=80)
    text = "\n".join(lines).replace(f"{test}.png", f"{test}.jpg")
    (folder / "landmarks.csv").write_text(text + "\n")
    return folder


def prepared(
    folder: Path, output: Path, *, allow_leaks: bool = False, exclude_leaks: bool = False
) -> PreparedDataset:
    values = {
        "datasets": "folder",
        "data_roots": [str(folder)],
        "methods": "scratch",
        "shots": "2",
        "allow_leaks": allow_leaks,
        "exclude_leaks": exclude_leaks,
    }
    plan = make_plan(run_config(values, None, ["protocol.image_size=80"]))
    spec: DatasetSpec = plan.cells[0].spec.dataset
    store = Store(output)
    prepare(store, spec, folder)
    return load_prepared(store, spec.key)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("data") / "mine")


def test_the_pool_holds_no_test_image_and_no_copy_of_one(folder: Path, tmp_path: Path) -> None:
    data = prepared(folder, tmp_path)
    assert not data.in_pool[data.rows("test")].any()
    assert len(data.record.leaks) == 1
    assert data.in_pool.sum() == 4 == data.record.counts["pool"]
    leaking = data.ids.index(data.record.leaks[0].pool_id)
    assert not data.in_pool[leaking]


def test_leaks_stay_only_on_request_and_are_marked(folder: Path, tmp_path: Path) -> None:
    data = prepared(folder, tmp_path, allow_leaks=True)
    assert data.in_pool.sum() == 5
    assert data.record.leaks_allowed
    assert len(data.record.leaks) == 1


def test_without_leaking_tests_the_film_is_trained_on_and_not_measured(
    folder: Path, tmp_path: Path
) -> None:
    data, whole = prepared(folder, tmp_path, exclude_leaks=True), prepared(folder, tmp_path)
    (leak,) = data.record.leaks
    assert data.record.leaks_excluded
    assert set(whole.ids) - set(data.ids) == {leak.test_id}
    assert data.in_pool[data.ids.index(leak.pool_id)]
    assert data.record.counts == {"train": 5, "val": 0, "test": 2, "pool": 5}
    assert leak.test_id not in Store(tmp_path).previews(data.record.key)
    for row, name in enumerate(data.ids):
        before = whole.ids.index(name)
        assert (data.pixels[row] == whole.pixels[before]).all()
        assert (data.points[row] == whole.points[before]).all()
        assert data.frames[row] == whole.frames[before]


def test_without_leaking_tests_it_is_another_dataset(folder: Path, tmp_path: Path) -> None:
    data, whole = prepared(folder, tmp_path, exclude_leaks=True), prepared(folder, tmp_path)
    assert data.record.key != whole.record.key
    assert data.record.fingerprint != whole.record.fingerprint


def test_a_test_set_of_nothing_but_leaks_is_refused_in_a_sentence(
    folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "mine"
    shutil.copytree(folder, copy)
    rows = (copy / "landmarks.csv").read_text().splitlines()
    leaking = next(copy.glob("*.jpg")).name
    kept = [row for row in rows if not row.endswith(",test") or leaking in row]
    (copy / "landmarks.csv").write_text("\n".join(kept) + "\n")
    with pytest.raises(DataError, match="all 1 test images show films of the training"):
        prepared(copy, tmp_path / "store", exclude_leaks=True)


def test_points_move_with_the_pixels_into_a_padded_canvas(folder: Path, tmp_path: Path) -> None:
    data = prepared(folder, tmp_path)
    height, width = data.record.working_size
    assert data.pixels.shape == (8, height, width)
    frame = data.frames[0]
    assert frame.scale[0] == pytest.approx(frame.scale[1], rel=0.02)
    points = data.working_points([0])
    assert np.allclose(frame.to_native(points[0]), data.points[0], atol=1e-9)
    left, top = frame.offset
    content_width, content_height = frame.content
    outside = data.pixels[0].astype(int).copy()
    outside[top : top + content_height, left : left + content_width] = 0
    assert outside.sum() == 0


def test_previews_are_of_test_images_only(folder: Path, tmp_path: Path) -> None:
    data = prepared(folder, tmp_path)
    previews = Store(tmp_path).previews(data.record.key)
    assert set(previews) == {data.ids[row] for row in data.rows("test")}
    for preview in previews.values():
        assert (preview.width, preview.height) == (128, 96)
        assert (tmp_path / "datasets" / data.record.key / preview.file).exists()


def test_the_key_follows_the_content_of_the_files(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "mine"
    shutil.copytree(folder, copy)
    same = prepared(copy, tmp_path / "a").record.key
    assert same == prepared(folder, tmp_path / "b").record.key
    first = min(copy.glob("*.png"))
    Image.fromarray(255 - np.asarray(Image.open(first))).save(first)
    assert prepared(copy, tmp_path / "c").record.key != same
