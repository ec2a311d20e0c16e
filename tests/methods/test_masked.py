"""Masked image modelling: what is hidden stays hidden, and alone is counted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark.methods._restoration import coarsest_size, squared_error
from benchmark.methods.masked import hidden_cells
from benchmark.unlabelled import UnlabelledImages
from tests.methods.conftest import TIMM, UNET
from tests.methods.restoration_tasks import fresh, random, task_of

BACKBONES = pytest.mark.parametrize("name", [UNET, TIMM])


@given(st.integers(2, 9), st.integers(1, 9), st.floats(0.01, 0.99), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_the_share_of_hidden_cells_is_exact_in_every_image(
    rows: int, columns: int, share: float, seed: int
) -> None:
    hidden = hidden_cells(4, (rows, columns), share, random(seed))
    assert hidden.shape == (4, 1, rows, columns)
    total = rows * columns
    expected = min(max(round(share * total), 1), total - 1)
    assert hidden.sum(dim=(1, 2, 3)).tolist() == [expected] * 4
    assert set(hidden.unique().tolist()) == {0.0, 1.0}


@BACKBONES
def test_hidden_pixels_cannot_influence_the_prediction(
    tmp_path: Path, pool: UnlabelledImages, name: str
) -> None:
    backbone = fresh(name)
    first = task_of("masked", tmp_path, pool, backbone)
    second = task_of("masked", tmp_path, pool, backbone)
    clean = pool.take(4)
    hidden = first.damage(clean).counted
    assert hidden is not None
    rows, columns = coarsest_size(backbone, pool)
    assert float(hidden.mean()) == pytest.approx(round(0.6 * rows * columns) / (rows * columns))
    # The second task draws the same cells, of images that differ in them only.
    other = torch.where(hidden == 1, torch.rand_like(clean), clean)
    damaged, altered = (task.damage(x) for task, x in ((first, clean), (second, other)))
    damaged = task_of("masked", tmp_path, pool, backbone).damage(clean)
    assert not torch.equal(damaged.target, altered.target)
    assert torch.equal(first.features(damaged), second.features(altered))


@BACKBONES
def test_hidden_places_are_zero_in_every_feature_that_reaches_the_decoder(
    tmp_path: Path, pool: UnlabelledImages, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = fresh(name)
    task = task_of("masked", tmp_path, pool, backbone)
    damaged = task.damage(pool.take(4))
    given_features: list[list[Tensor]] = []
    decode = backbone.decode

    def listen(features: list[Tensor], t: Tensor | None = None) -> Tensor:
        given_features.append(list(features))
        return decode(features, t)

    monkeypatch.setattr(backbone, "decode", listen)
    task.features(damaged)
    for feature in given_features[0]:
        stride = 64 // feature.shape[-1]
        assert damaged.counted is not None
        hidden = damaged.counted[:, :, ::stride, ::stride].expand_as(feature) == 1
        assert (feature[hidden] == 0).all()
        assert (feature[~hidden] != 0).any()


def test_only_hidden_pixels_are_counted(tmp_path: Path, pool: UnlabelledImages) -> None:
    task = task_of("masked", tmp_path, pool)
    damaged = task.damage(pool.take(4))
    assert damaged.counted is not None
    seen_is_wrong = damaged.target + 7 * (1 - damaged.counted)
    assert float(squared_error(seen_is_wrong, damaged)) == 0
    all_is_wrong = damaged.target + 2
    assert float(squared_error(all_is_wrong, damaged)) == pytest.approx(4, rel=1e-4)


def test_normalised_targets_have_no_mean_and_unit_contrast_in_each_cell(
    tmp_path: Path, pool: UnlabelledImages
) -> None:
    task = task_of("masked[normalised=true]", tmp_path, pool)
    clean = pool.take(4)
    damaged = task.damage(clean)
    cells = damaged.target.unfold(2, 8, 8).unfold(3, 8, 8).flatten(-2)
    assert cells.mean(dim=-1).abs().max() < 1e-3
    busy = clean.unfold(2, 8, 8).unfold(3, 8, 8).flatten(-2).std(dim=-1) > 0.1
    deviations = cells.std(dim=-1, correction=0)[busy]
    assert torch.allclose(deviations, torch.ones_like(deviations), atol=0.01)
    restored = task.restored(damaged, damaged.target, clean)
    assert torch.allclose(restored, clean, atol=1e-4)
