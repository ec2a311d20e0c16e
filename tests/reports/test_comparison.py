"""Two strategies against each other: which rows are meant, and where they differ."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from benchmark.cli import app
from benchmark.errors import UsageError
from benchmark.reports.comparison import Duel, called, duels, sentence
from benchmark.snapshot import Snapshot
from tests.reports.store_builder import build_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    root = tmp_path_factory.mktemp("store")
    build_store(root, shots=(10, 50), seeds=(0, 1, 2))
    return Snapshot(root)


@pytest.fixture(scope="module")
def duel(store: Snapshot) -> Duel:
    (found,) = duels(store, ("ddpm", "simclr@unet"), datasets=("cephalometric",), shots=(50,))
    return found


def frame_of(store: Snapshot, key: str) -> pd.DataFrame:
    return pd.read_parquet(store.root / "cells" / key / "predictions.parquet")


def test_the_difference_is_that_of_the_means_over_all_points(store: Snapshot, duel: Duel) -> None:
    means = [
        np.mean([frame_of(store, cell.key)["error"].mean() for cell in row.done])
        for row in (duel.first, duel.second)
    ]
    assert duel.comparison.difference.estimate == pytest.approx(means[0] - means[1])
    assert duel.seeds == (0, 1, 2)


def test_swapping_the_names_mirrors_everything(store: Snapshot, duel: Duel) -> None:
    (other,) = duels(store, ("simclr@unet", "ddpm"), datasets=("cephalometric",), shots=(50,))
    assert other.comparison.difference.estimate == -duel.comparison.difference.estimate
    assert other.comparison.p_value == pytest.approx(duel.comparison.p_value)
    assert other.comparison.win_rate.estimate == pytest.approx(
        1 - duel.comparison.win_rate.estimate
    )
    assert [i.image_id for i in other.images] == [i.image_id for i in reversed(duel.images)]


def test_images_are_ordered_by_how_far_a_is_ahead(store: Snapshot, duel: Duel) -> None:
    differences = [image.difference for image in duel.images]
    assert differences == sorted(differences)
    image = duel.images[0]
    frames = [frame_of(store, cell.key) for cell in duel.first.done]
    errors = [f[f["image_id"] == image.image_id]["error"].mean() for f in frames]
    assert image.first == pytest.approx(np.mean(errors))


def test_extremes_hold_images_of_both_kinds(duel: Duel) -> None:
    extremes = duel.extremes(6)
    assert len(extremes) == 6
    assert {np.sign(image.difference) for image in extremes} == {-1.0, 1.0}
    assert extremes[0] == duel.images[0]


def test_landmarks_are_compared_on_the_images_that_have_them(store: Snapshot, duel: Duel) -> None:
    found = duel.landmarks[0]
    means = []
    for row in (duel.first, duel.second):
        frames = pd.concat([frame_of(store, cell.key) for cell in row.done])
        means.append(frames[frames["landmark"] == found.name]["error"].mean())
    assert found.difference.estimate == pytest.approx(means[0] - means[1])
    sizes = [abs(landmark.difference.estimate) for landmark in duel.landmarks]
    assert sizes == sorted(sizes, reverse=True)
    assert len(duel.landmarks) == len(duel.table.group.record.landmark_names)  # type: ignore[union-attr]


def test_every_table_with_both_rows_is_compared(store: Snapshot) -> None:
    tables = [duel.table.title for duel in duels(store, ("ddpm", "scratch@unet"))]
    assert len(tables) == len(set(tables)) == 4


def test_without_a_backbone_rows_on_the_same_one_are_compared(store: Snapshot) -> None:
    found = duels(store, ("simclr", "scratch"), datasets=("cephalometric",), shots=(50,))
    names = {(called(duel.first), called(duel.second)) for duel in found}
    timm = "timm/tf_efficientnet_lite0"
    assert names == {
        ("simclr@unet", "scratch@unet"),
        (f"simclr@{timm}", f"scratch@{timm}"),
    }


def test_rows_of_different_transfers_must_be_named(tmp_path: Path) -> None:
    for transfer in ("whole", "encoder"):
        build_store(tmp_path, shots=(50,), seeds=(0,), failed=(), transfer=transfer)
    store = Snapshot(tmp_path)
    whole, encoder = "ddpm@unet,whole", "ddpm@unet,encoder"
    (found,) = duels(store, (whole, encoder), datasets=("cephalometric",))
    assert [r.identity.transfer for r in (found.first, found.second)] == ["whole", "encoder"]
    assert len(duels(store, ("ddpm", "simclr@unet"), datasets=("cephalometric",))) == 2


def test_a_title_means_its_method(store: Snapshot, duel: Duel) -> None:
    (found,) = duels(store, ("DDPM", "SimCLR@unet"), datasets=("cephalometric",), shots=(50,))
    assert called(found.first) == called(duel.first) == "ddpm@unet"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("dppm", "simclr@unet"), "did you mean 'ddpm'"),
        (("ddpm", "ddpm@unet"), "same row"),
        (("ddpm", "ddpm"), "same row"),
        (("ddpm", "simclr@timm/other"), "no row is called 'simclr@timm/other'"),
    ],
)
def test_a_name_that_means_no_row_or_several_is_refused(
    store: Snapshot, names: tuple[str, str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        duels(store, names)


def test_rows_without_a_common_seed_cannot_be_compared(tmp_path: Path) -> None:
    failed = [("cephalometric", "ddpm", 50, 0), ("cephalometric", "simclr", 50, 1)]
    store = build_store(tmp_path, shots=(50,), failed=failed)
    with pytest.raises(UsageError, match="with a seed in common"):
        duels(store, ("ddpm", "simclr@unet"), datasets=("cephalometric",))


def test_the_sentence_follows_the_verdict(store: Snapshot) -> None:
    wide = Snapshot(store.root)
    wide.margin = 1000.0
    (equal,) = duels(wide, ("ddpm", "simclr@unet"), datasets=("cephalometric",), shots=(50,))
    assert sentence(equal).startswith("A and B are equal within the declared margin of 1000 mm")
    for duel in duels(store, ("ddpm", "scratch@unet")):
        interval = duel.comparison.difference
        expected = (
            "The data cannot tell"
            if not interval.excludes_zero
            else f"{'A' if interval.high < 0 else 'B'} has the lower error"
        )
        assert sentence(duel).startswith(expected)


def test_the_command_prints_and_draws(store: Snapshot) -> None:
    asked = ["compare", "ddpm", "simclr@unet", "-o", str(store.root), "--shots", "50"]
    done = CliRunner().invoke(app, [*asked, "--datasets", "cephalometric"])
    assert done.exit_code == 0, done.output
    for word in ("difference", "win rate of A", "landmarks that differ most", "detectable"):
        assert word in done.output
    stem = store.root / "comparisons" / "ddpm-unet-against-simclr-unet-cephalometric-50"
    picture = Image.open(stem.with_suffix(".png"))
    assert picture.width > 800
    assert len(np.unique(np.asarray(picture.convert("L")))) > 50
    assert stem.with_suffix(".svg").read_text().startswith("<?xml")
    assert stem.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_drawings_of_one_store_are_the_same_bytes(store: Snapshot, duel: Duel) -> None:
    from benchmark.reports.comparison_figures import draw_files

    first, second = draw_files(store, duel), draw_files(store, duel)
    assert first == second
    assert io.BytesIO(first[next(iter(first))]).getbuffer().nbytes > 1000


def test_rows_with_the_same_errors_are_said_to_be_the_same_and_not_drawn(tmp_path: Path) -> None:
    store = build_store(tmp_path, shots=(50,), seeds=(0, 1), failed=())
    asked = ["compare", "ddpm", "simclr@unet", "-o", str(tmp_path), "--datasets", "cephalometric"]
    cells = {
        (cell.labels.method, cell.labels.seed): tmp_path / "cells" / cell.key
        for cell in store.cells()
        if cell.labels.dataset == "cephalometric" and cell.labels.backbone == "unet"
    }
    for seed in (0, 1):
        shutil.copy(cells["ddpm", seed] / "predictions.parquet", cells["simclr", seed])
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert "A and B have the same error on every image." in done.output
    assert "differ most" not in done.output
    assert not (tmp_path / "comparisons").exists()
