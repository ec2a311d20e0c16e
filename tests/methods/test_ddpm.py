"""DDPM: what it keeps, what it predicts, and the pictures that it makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.methods.conftest import Pretrained


def test_samples_are_kept_as_a_grid_of_grey_images(pretrain: Callable[..., Pretrained]) -> None:
    done = pretrain("ddpm[samples=8,sampling_steps=4]", 2)
    picture = np.asarray(Image.open(done.folder / "samples.png"))
    assert picture.shape == (2 * 64, 4 * 64)
    assert picture.std() > 5


def test_the_averaged_weights_are_kept_and_not_the_last(
    pretrain: Callable[..., Pretrained],
) -> None:
    averaged = pretrain("ddpm[samples=0]", 6).backbone.state_dict()
    last = pretrain("ddpm[samples=0,ema_decay=0.0]", 6).backbone.state_dict()
    assert any(not (averaged[name] == last[name]).all() for name in last)


@pytest.mark.parametrize("schedule", ["linear", "squaredcos_cap_v2"])
def test_both_schedules_run(pretrain: Callable[..., Pretrained], schedule: str) -> None:
    done = pretrain(f"ddpm[samples=0,schedule={schedule}]", 2)
    assert done.trainer.images_seen == 32
