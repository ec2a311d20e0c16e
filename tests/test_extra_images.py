"""Unlabelled images of the user's: never a film of the test set, and keys by content alone."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from benchmark.config import RunConfig
from benchmark.errors import DataError, UsageError
from benchmark.extra_images import find_extra, load_extra, prepare_extra
from benchmark.grid import DatasetSpec, ExtraPoolSpec
from benchmark.images import scale_to
from benchmark.planning import Plan, make_plan
from benchmark.preparation import prepare
from benchmark.prepared import load_prepared
from benchmark.registry import registry
from benchmark.requests import run_config
from benchmark.store import Store

if TYPE_CHECKING:
    from tests.conftest import CommandLine

DATASET = "phantom-hand[train=12,test=6,size=96]"
OTHERS = "phantom-hand[train=5,test=1,size=96,start=700]"


def films(text: str) -> list[tuple[str, np.ndarray]]:
    dataset = registry("dataset").create(text)
    return [(sample.split, dataset.read(sample.id)) for sample in dataset.index().samples]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six new films, three of test images, and copies: what people have in a folder."""
    folder = tmp_path_factory.mktemp("archive")
    own = films(DATASET)
    test = [pixels for split, pixels in own if split == "test"]
    train = [pixels for split, pixels in own if split == "train"]
    new = [pixels for _, pixels in films(OTHERS)]
    (folder / "deeper").mkdir()
    for number, pixels in enumerate(new):
        Image.fromarray(pixels).save(folder / "deeper" / f"new{number}.png")
    Image.fromarray(test[0]).save(folder / "the same.bmp")
    Image.fromarray(scale_to(test[1], (70, 70))).save(folder / "smaller.jpg", quality=70)
    Image.fromarray(255 - test[2]).save(folder / "inverted.png")
    Image.fromarray(train[0]).save(folder / "known.tif")
    Image.fromarray(new[0]).save(folder / "again.bmp")
    (folder / "again.png").write_bytes((folder / "deeper" / "new0.png").read_bytes())
    (folder / "notes.txt").write_text("no image")
    return folder


def plan(archive: Path | None, *methods: str, **settings: object) -> Plan:
    values: dict[str, object] = {
        "methods": methods or ("denoise",),
        "datasets": (DATASET,),
        "shots": (3,),
    }
    if archive is not None:
        values["unlabelled"] = {"": archive}
    config: RunConfig = run_config(values | settings, None, ["protocol.image_size=64"])
    return make_plan(config)


@pytest.fixture(scope="module")
def spec(archive: Path) -> ExtraPoolSpec:
    planned = plan(archive).cells[0].spec.pretraining
    assert planned is not None
    assert planned.extra_pool is not None
    return planned.extra_pool


def prepared(store: Store, spec: DatasetSpec) -> None:
    prepare(store, spec, None)


def test_films_of_test_images_and_copies_are_left_out(
    tmp_path: Path, archive: Path, spec: ExtraPoolSpec
) -> None:
    store = Store(tmp_path)
    prepared(store, spec.dataset)
    record = prepare_extra(store, spec, None, archive)
    assert {leak.pool_id for leak in record.leaks} == {
        "the same.bmp",
        "smaller.jpg",
        "inverted.png",
    }
    # Of twelve files two have one content; "known" and "again" are copies in another format.
    assert (record.found, record.leaking, record.copies, record.kept) == (11, 3, 2, 6)
    kept = load_extra(store, spec.key)
    assert isinstance(kept, np.memmap)
    assert kept.shape == (6, *spec.dataset.working_size)
    test = load_prepared(store, spec.dataset.key)
    for row in test.rows("test"):
        assert not (kept == test.pixels[row]).all(axis=(1, 2)).any()
    assert store.extra_pool(spec.key) == record


def test_a_store_of_an_older_version_keeps_no_thumbnails_and_is_read_again(
    tmp_path: Path, archive: Path, spec: ExtraPoolSpec
) -> None:
    store = Store(tmp_path)
    prepared(store, spec.dataset)
    (tmp_path / "datasets" / spec.dataset.key / "thumbnails.npy").unlink()
    assert prepare_extra(store, spec, None, archive).leaking == 3


def test_leaks_stay_at_the_users_word(tmp_path: Path, archive: Path, spec: ExtraPoolSpec) -> None:
    store = Store(tmp_path)
    allowed = spec.model_copy(
        update={"dataset": spec.dataset.model_copy(update={"allow_leaks": True})}
    )
    allowed = ExtraPoolSpec.model_validate(allowed.model_dump())
    prepared(store, allowed.dataset)
    record = prepare_extra(store, allowed, None, archive)
    assert (record.leaks_allowed, record.leaking, record.kept) == (True, 3, 9)


def test_flat_images_are_told_by_their_pixels(tmp_path: Path) -> None:
    from benchmark.extra_images import _leaks

    planned = plan(None).cells[0].spec.dataset
    store = Store(tmp_path)
    prepared(store, planned)
    data = load_prepared(store, planned.key)
    row = data.rows("test")[0]
    flat = np.array(data.pixels)
    flat[row] = 0
    path = tmp_path / "datasets" / planned.key / "images.npy"
    np.save(path, flat)
    images = np.zeros((1, *planned.working_size), np.uint8)
    thumbnails = np.zeros((len(data.rows("test")), 32, 32), np.uint8)
    found = _leaks(load_prepared(store, planned.key), thumbnails, ["a"], images, thumbnails[:1])
    assert [leak.test_id for leak in found] == [data.ids[row]]


def test_keys_follow_the_content_and_touch_pretraining_on_the_pool_alone(
    tmp_path: Path, archive: Path
) -> None:
    def keys(plan: Plan) -> dict[str, str]:
        return {cell.labels.method: cell.key for cell in plan.cells}

    without, with_extra = keys(plan(None)), keys(plan(archive))
    assert without["scratch"] == with_extra["scratch"]
    assert without["denoise"] != with_extra["denoise"]
    moved = tmp_path / "moved"
    moved.mkdir()
    for number, path in enumerate(sorted(archive.rglob("*.*"), reverse=True)):
        (moved / f"{number}{path.suffix}").write_bytes(path.read_bytes())
    assert keys(plan(moved)) == with_extra
    (moved / "one more.png").write_bytes(_png(3))
    assert keys(plan(moved))["denoise"] != with_extra["denoise"]


def _png(value: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((20, 20), value, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def test_without_the_flag_a_spec_is_as_it_was_before_there_was_one() -> None:
    pretraining = plan(None).cells[0].spec.pretraining
    assert pretraining is not None
    assert "extra" not in json.loads(pretraining.model_dump_json())


def test_a_batch_may_take_images_of_both_pools(archive: Path) -> None:
    settings = ["protocol.image_size=64", "pretraining.comparison_batch_size=20"]
    values = {"methods": ("simclr",), "datasets": (DATASET,), "shots": (3,)}
    with pytest.raises(UsageError, match="compares 20 images a step"):
        make_plan(run_config(values, None, settings))
    assert make_plan(run_config(values | {"unlabelled": {"": archive}}, None, settings)).cells


def test_a_run_in_which_nothing_looks_at_them_says_so(archive: Path) -> None:
    assert "changes nothing" in " ".join(plan(archive, "scratch").notes)


def test_folders_that_hold_no_image_or_change_are_refused(
    tmp_path: Path, archive: Path, spec: ExtraPoolSpec
) -> None:
    with pytest.raises(DataError, match="no folder of unlabelled images"):
        find_extra(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no image in the folder"):
        find_extra(tmp_path)
    (tmp_path / "a.png").write_bytes(_png(0))
    with pytest.raises(DataError, match="have changed since the run was planned"):
        prepare_extra(Store(tmp_path / "store"), spec, None, tmp_path)


def test_a_damaged_image_is_refused_by_name_and_leaves_nothing(
    tmp_path: Path, spec: ExtraPoolSpec
) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "broken.png").write_bytes(b"\x89PNG")
    store = Store(tmp_path / "store")
    prepared(store, spec.dataset)
    broken = ExtraPoolSpec(dataset=spec.dataset, extra=find_extra(tmp_path / "films"))
    with pytest.raises(DataError, match=r"broken\.png: the image is truncated or damaged"):
        prepare_extra(store, broken, None, tmp_path / "films")
    assert not list((store.root / "unlabelled").glob("*"))


@pytest.mark.slow
def test_a_run_says_what_it_left_out(
    command_line: CommandLine, tmp_path: Path, archive: Path
) -> None:
    common = ("--datasets", DATASET, "--methods", "denoise", "--shots", "3")
    done = command_line.tiny_run(
        tmp_path / "runs", *common, "--unlabelled", archive, "--reports", "html"
    )
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    sentence = (
        "Pretraining also saw 6 of 11 unlabelled images (--unlabelled): 3 that show a test image "
        "were dropped, and 2 were copies."
    )
    assert sentence in " ".join(text.split())
    assert sentence in (tmp_path / "runs" / "report.html").read_text()
