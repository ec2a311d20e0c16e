"""Restoring methods: all learn and can be resumed; denoising and the autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from benchmark.methods._restoration import Damaged, reference_loss
from benchmark.progress import Listener, Progress, silent
from benchmark.unlabelled import UnlabelledImages
from tests.methods.conftest import TIMM, UNET
from tests.methods.restoration_tasks import fresh, method, random, task_of, trainer_in

if TYPE_CHECKING:
    from tests.methods.conftest import Pretrained

TINY = "unet[channels=16-32,patch=2]"
BACKBONES = pytest.mark.parametrize("name", [UNET, TIMM])
METHODS = ("ddpm", "denoise", "masked", "genesis", "autoencoder")


class PowerFailureError(Exception):
    """Ends a training in the middle."""


@pytest.mark.parametrize("name", ["denoise", "masked", "genesis", "autoencoder"])
def test_the_loss_falls_far_below_that_of_predicting_one_value(
    pretrain: Callable[..., Pretrained], name: str
) -> None:
    done = pretrain(f"{name}[pictures=0,learning_rate=8e-3]", 40, TINY, batch_size=8)
    known_nothing = done.trainer.metrics["reference_loss"]
    assert isinstance(known_nothing, float)
    assert done.trainer.history is not None
    assert done.trainer.history.loss[0] > 0.7 * known_nothing
    assert done.trainer.history.last() < 0.5 * known_nothing


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("backbone", [UNET, TIMM])
def test_encoder_and_decoder_are_trained(
    pretrain: Callable[..., Pretrained], name: str, backbone: str
) -> None:
    options = "pictures=0,samples=0" if name == "ddpm" else "pictures=0"
    done = pretrain(f"{name}[{options}]", 1, backbone, batch_size=4)
    assert done.changed_parts() == {"encoder", "decoder"}


@pytest.mark.parametrize(
    "text", [*METHODS, "ddpm[time_conditioning=false]", "masked[normalised=true]"]
)
def test_an_interrupted_pretraining_ends_with_the_weights_of_an_undisturbed_one(
    tmp_path: Path, pool: UnlabelledImages, text: str
) -> None:
    short = text.replace("ddpm[", "ddpm[samples=0,") if "[" in text else text
    short = "ddpm[samples=0]" if text == "ddpm" else short

    def train(listener: Listener, checkpoint: Path | None) -> dict[str, Tensor]:
        backbone = fresh(TIMM)
        torch.manual_seed(3)
        trainer = trainer_in(tmp_path, 5, listener, checkpoint)
        method(short).pretrain(backbone, pool, trainer)
        return backbone.state_dict()

    def fail(progress: Progress) -> None:
        if progress.step == 3:
            raise PowerFailureError

    whole, file = train(silent, None), tmp_path / "kept.safetensors"
    with pytest.raises(PowerFailureError):
        train(fail, file)
    resumed = train(silent, file)
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_the_picture_shows_damaged_restored_and_true_images(
    pretrain: Callable[..., Pretrained], pool: UnlabelledImages
) -> None:
    done = pretrain("masked[pictures=3]", 1, batch_size=4)
    picture = np.asarray(Image.open(done.folder / "restored.png"))
    assert picture.shape == (3 * 64, 3 * 64)
    damaged, restored, true = np.split(picture.astype(float), 3)
    stored = np.concatenate(list((pool.take(3)[:, 0].numpy() + 1) * 127.5), axis=1)
    assert np.abs(true - stored).max() < 1
    hidden = damaged == 128
    assert 0.55 < hidden.mean() < 0.75
    assert (restored[~hidden] == true[~hidden]).all()
    assert (restored[hidden] != true[hidden]).mean() > 0.5


def test_the_loss_of_knowing_nothing_is_the_variance_where_it_is_counted() -> None:
    target = torch.randn(5, 1, 8, 8, generator=random()) + 3
    counted = (torch.rand(target.shape, generator=random(1)) < 0.3).float()
    seen = target[counted == 1]
    assert reference_loss(Damaged(target, target, counted)) == pytest.approx(
        float(seen.var(correction=0)), rel=1e-4
    )
    assert reference_loss(Damaged(target, target)) == pytest.approx(
        float(target.var(correction=0)), rel=1e-4
    )


def test_statistics_of_batch_normalisation_are_those_of_clean_images(
    tmp_path: Path, pool: UnlabelledImages
) -> None:
    """The masked images are mostly zeros; the first normalisation sees whole ones in the end."""
    backbone = fresh(TIMM)
    method("masked[pictures=0]").pretrain(backbone, pool, trainer_in(tmp_path, 2))
    modules = dict(backbone.named_modules())
    first = next(m for m in modules.values() if isinstance(m, torch.nn.BatchNorm2d))
    seen: list[Tensor] = []
    first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        backbone.eval().encode(pool.take(len(pool)))
    assert first.running_mean is not None
    assert torch.allclose(first.running_mean, seen[0].mean(dim=(0, 2, 3)), rtol=0.1, atol=0.02)


@pytest.mark.parametrize("prediction", ["noise", "image"])
def test_denoising_adds_noise_of_one_strength_and_a_perfect_prediction_takes_it_away(
    tmp_path: Path, pool: UnlabelledImages, prediction: str
) -> None:
    task = task_of(f"denoise[sigma=0.3,prediction={prediction}]", tmp_path, pool)
    clean = pool.take(8)
    damaged = task.damage(clean)
    added = (damaged.images - clean).flatten(1)
    # Images here span 2, those of the paper 1.
    assert torch.allclose(added.std(dim=1), torch.full((8,), 0.6), atol=0.03)
    assert torch.allclose(task.restored(damaged, damaged.target, clean), clean, atol=1e-5)


@BACKBONES
def test_nothing_passes_by_the_code_of_the_autoencoder(
    tmp_path: Path, pool: UnlabelledImages, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = fresh(name)
    task = task_of("autoencoder", tmp_path, pool, backbone)
    damaged = task.damage(pool.take(32))
    encode, decode = backbone.encode, backbone.decode
    decoded: list[list[Tensor]] = []

    def listen(features: list[Tensor], t: Tensor | None = None) -> Tensor:
        decoded.append(list(features))
        return decode(features, t)

    def disturbed(images: Tensor, t: Tensor | None = None) -> list[Tensor]:
        *skips, coarsest = encode(images, t)
        return [*(torch.randn_like(skip) for skip in skips), coarsest]

    monkeypatch.setattr(backbone, "decode", listen)
    before = task.features(damaged)
    monkeypatch.setattr(backbone, "encode", disturbed)
    assert torch.equal(before, task.features(damaged))
    assert not any(skip.any() for skip in decoded[0][:-1])
    # Numbers in the code: positions times the rank of the channels, its constant left out.
    coarsest = decoded[0][-1].movedim(1, -1).flatten(0, -2)
    coarsest = coarsest - coarsest.mean(dim=0)
    rank = int(torch.linalg.matrix_rank(coarsest, rtol=1e-4))
    numbers = rank * decoded[0][-1].shape[-2:].numel()
    assert 64 * 64 / 32 <= numbers <= 64 * 64 / 16
