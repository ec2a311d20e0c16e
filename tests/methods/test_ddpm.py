"""DDPM: what it keeps, what it predicts, and the pictures that it makes."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from benchmark.unlabelled import UnlabelledImages
from tests.methods.conftest import TIMM, UNET
from tests.methods.restoration_tasks import fresh, method, task_of, trainer_in

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


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_targets_of_the_ddpm_follow_the_published_formulas(
    tmp_path: Path, pool: UnlabelledImages, schedule: str, prediction: str
) -> None:
    """Ho et al. 2020, eq. 4; Nichol and Dhariwal 2021, eq. 17; Salimans and Ho 2022, appendix D."""
    steps = 50
    options = f"schedule={schedule},prediction={prediction},diffusion_steps={steps}"
    clean = pool.take(6)
    damaged = task_of(f"ddpm[{options}]", tmp_path, pool).damage(clean)
    assert damaged.t is not None

    def kept(t: int) -> float:
        def cosine(at: float) -> float:
            return math.cos((at / steps + 0.008) / 1.008 * math.pi / 2) ** 2

        if schedule == "linear":
            betas = np.linspace(1e-4, 0.02, steps)
            return float(np.prod(1 - betas[: t + 1]))
        return float(np.prod([max(cosine(s + 1) / cosine(s), 0.001) for s in range(t + 1)]))

    for image, noisy, target, t in zip(
        clean, damaged.images, damaged.target, damaged.t.tolist(), strict=True
    ):
        signal, spread = math.sqrt(kept(t)), math.sqrt(1 - kept(t))
        noise = (noisy - signal * image) / spread
        assert noise.std() == pytest.approx(1, abs=0.1)
        expected = noise if prediction == "epsilon" else signal * noise - spread * image
        assert torch.allclose(target, expected, atol=2e-3)


@pytest.mark.parametrize("name", [UNET, TIMM])
@pytest.mark.parametrize("told", [True, False])
def test_the_ddpm_tells_the_network_the_noise_level_only_if_it_is_conditioned_on_it(
    tmp_path: Path, pool: UnlabelledImages, name: str, told: bool
) -> None:
    ddpm = method(f"ddpm[time_conditioning={str(told).lower()}]")
    assert ddpm.time_steps() == (1000 if told else 0)
    backbone = fresh(name)
    levels: list[Tensor | None] = []

    def listen(_: object, inputs: tuple[Tensor, Tensor | None]) -> None:
        levels.append(inputs[1])

    backbone.register_forward_pre_hook(listen)
    task = ddpm.restoration(backbone, pool, trainer_in(tmp_path))
    damaged = task.damage(pool.take(2))
    task.features(damaged)
    assert levels == [damaged.t if told else None]


def test_both_names_of_the_cosine_schedule_are_one_option() -> None:
    assert method("ddpm[schedule=squaredcos_cap_v2]").options == method("ddpm").options


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_perfect_prediction_restores_the_image_from_any_noise_level(
    tmp_path: Path, pool: UnlabelledImages, prediction: str
) -> None:
    options = f"prediction={prediction},diffusion_steps=20,schedule=linear"
    task = task_of(f"ddpm[{options}]", tmp_path, pool)
    clean = pool.take(8)
    damaged = task.damage(clean)
    assert torch.allclose(task.restored(damaged, damaged.target, clean), clean, atol=1e-3)
