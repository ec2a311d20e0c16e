"""The way from the sketch ends at the harness's own training, and its first decoder is a mean."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.cell import initial_detector, training_ids
from benchmark.finetune import finetune, load_shots
from benchmark.protocol import AugmentationConfig
from benchmark.store import Store
from benchmarks.from_sketch import (
    CHANGES,
    SketchNetwork,
    augmentation_of,
    mean_of_window,
    sketched_draw,
    train,
)
from benchmarks.recipe import CPU, ready

ASKED = argparse.Namespace(
    preset="quick",
    dataset="phantom-cephalometric[train=8,test=2]",
    data_root=[],
    method="scratch",
    backbone="timm/tf_efficientnet_lite0",
    shots=4,
    seed=0,
    set=["protocol.image_size=64", "protocol.steps=3", "protocol.precision=float32"],
)


@pytest.fixture
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.usefixtures("one_thread")
def test_with_all_changes_made_the_training_is_the_harnesses(tmp_path: Path) -> None:
    store = Store(tmp_path)
    spec, data = ready(store, ASKED)
    rows = data.rows_of(training_ids(data, spec))
    landmarks = len(data.record.landmark_names)
    ours, theirs = (initial_detector(store, spec, landmarks) for _ in range(2))
    train(set(CHANGES), ours, load_shots(data, rows, CPU), spec)
    shots = load_shots(data, rows, CPU)
    finetune(theirs, shots, spec.protocol, steps=spec.finetuning_steps, seed=spec.seed)
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor), name

    drawn = sketched_draw(data, 0, 4)
    assert len(set(drawn)) == 4
    assert drawn != sketched_draw(data, 1, 4)
    assert not set(drawn) & set(data.rows("test"))

    sketch = SketchNetwork(initial_detector(store, spec, landmarks), landmarks)  # type: ignore[arg-type]
    before = sketch.unet.encoder.state_dict()["model.conv_stem.weight"].clone()
    train(set(), sketch, load_shots(data, drawn, CPU), spec)
    assert not torch.equal(before, sketch.unet.encoder.state_dict()["model.conv_stem.weight"])


def test_the_networks_encoders_see_the_same_in_a_grey_image(tmp_path: Path) -> None:
    spec, data = ready(Store(tmp_path), ASKED)
    ours = initial_detector(Store(tmp_path), spec, 19)
    sketch = SketchNetwork(ours, 19)  # type: ignore[arg-type]
    images = torch.from_numpy(data.pixels[:2].astype(np.float32))[:, None] / 255
    features = ours.eval().backbone.encode(images)
    others = sketch.eval().unet.encoder(images.expand(-1, 3, -1, -1))
    for mine, other in zip(features[1:], others[1:], strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-4)


def test_changes_are_taken_from_the_recipe_and_all_others_from_the_sketch() -> None:
    whole = AugmentationConfig()
    assert augmentation_of(set(CHANGES), whole) == whole
    sketch = augmentation_of(set(), whole)
    assert (sketch.shift, sketch.elastic, sketch.noise_probability) == (0.08, 0, 0)
    assert sketch.gamma == whole.gamma
    assert augmentation_of({"shift"}, whole).shift == whole.shift


def test_the_mean_of_a_window_is_the_mean_of_its_pixels() -> None:
    maps = torch.randn(1, 2, 20, 30, generator=torch.Generator().manual_seed(0))
    maps[0, 0, 9, 14] = maps[0, 1, 1, 28] = 9.0  # one of them in a corner, which cuts the window
    found = mean_of_window(maps).numpy()
    for landmark, (row, column) in enumerate([(9, 14), (1, 28)]):
        mass = np.exp(maps[0, landmark].double().numpy())
        rows, columns = np.mgrid[:20, :30]
        mass[(abs(rows - row) > 5) | (abs(columns - column) > 5)] = 0
        expected = [(mass * columns).sum() / mass.sum(), (mass * rows).sum() / mass.sum()]
        np.testing.assert_allclose(found[0, landmark], expected, rtol=1e-5)
