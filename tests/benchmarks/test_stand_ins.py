"""Stand-ins: what is installed is never replaced, and what replaces computes the same or less."""

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.stand_ins import IDLE, STAND_INS, Missing, install


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Missing]:
    """Stand-ins for libraries that this process then forgets again."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = set(sys.modules)
    yield install()
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in STAND_INS:
            del sys.modules[name]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch, missing: Missing) -> Missing:
    """The same where none of the libraries is installed, whatever this machine has."""
    for name in list(sys.modules):
        if name.partition(".")[0] in STAND_INS:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [missing, *sys.meta_path])
    return missing


def load(name: str) -> Any:
    return importlib.import_module(name)


def test_what_is_installed_is_not_replaced(
    missing: Missing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STAND_INS, "numpy", dict)
    monkeypatch.delitem(sys.modules, "numpy.fft", raising=False)
    assert load("numpy.fft").fft is not None
    assert missing.replaced == set()


def test_what_is_neither_installed_nor_stood_in_for_stays_missing(missing: Missing) -> None:
    with pytest.raises(ModuleNotFoundError):
        load("a_library_that_nobody_has")
    assert missing.replaced == set()


def test_every_stand_in_is_noted_and_takes_any_name(without: Missing) -> None:
    for name in STAND_INS:
        assert load(name).some_name_of_theirs(1, two=2) is not None
    assert without.replaced == set(STAND_INS)
    assert set(STAND_INS) >= IDLE


def test_einops_moves_the_same_numbers(without: Missing) -> None:
    einops, layers = load("einops"), load("einops.layers.torch")
    images = torch.arange(2 * 3 * 4 * 6.0).view(2, 3, 4, 6)
    folded = layers.Rearrange("b c (h p1) (w p2) -> b (c p1 p2) h w", p1=2, p2=2)(images)
    assert torch.equal(folded, torch.nn.functional.pixel_unshuffle(images, 2))
    assert torch.equal(einops.rearrange(images, "b c h w -> b c (h w)"), images.flatten(2))
    mean = einops.reduce(images, "o ... -> o 1 1 1", "mean")
    assert torch.equal(mean, images.mean((1, 2, 3), keepdim=True))
    spread = einops.reduce(images, "o ... -> o 1 1 1", lambda x, axes: x.amax(axes))
    assert torch.equal(spread, images.amax((1, 2, 3), keepdim=True))


def test_a_resize_keeps_a_ramp_a_ramp(without: Missing) -> None:
    ramp = np.broadcast_to(np.arange(64.0)[:, None, None], (64, 32, 1))
    small = load("skimage.transform").resize(ramp, (32, 16, 1))
    assert small.shape == (32, 16, 1)
    # Pixel n of the half covers 2n and 2n + 1 of the whole; the border bends.
    np.testing.assert_allclose(small[4:-4, 8, 0], 2 * np.arange(4, 28) + 0.5)


def test_idle_stand_ins_return_what_the_caller_goes_on_with(without: Missing) -> None:
    albumentations, _ = load("albumentations"), load("albumentations.pytorch")
    chain = albumentations.Compose(
        [
            albumentations.ShiftScaleRotate(shift_limit=0.02, p=0.5),
            albumentations.Resize(8, 4),
            albumentations.pytorch.transforms.ToTensorV2(),
        ]
    )
    done = chain(image=np.ones((16, 16, 1), np.float32), masks=np.zeros((3, 8, 4)))
    assert done["image"].shape == (1, 8, 4)
    assert len(done["masks"]) == 3
    contours, _ = load("cv2").findContours(np.zeros((8, 8), np.uint8), 0, 2)
    assert not contours
