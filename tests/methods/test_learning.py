"""What holds for every method that trains: it learns, keeps to its parts, and can be repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import torch

from benchmark.representation import embedding_health

if TYPE_CHECKING:
    from benchmark.unlabelled import UnlabelledImages
    from tests.methods.conftest import Pretrained

# MoCo needs more steps: its key encoder has to follow before the queue is of any use.
CONTRASTIVE = (
    ("simclr[batch_size=32,view_size=1.0]", 100),
    ("moco[batch_size=32,view_size=1.0,momentum=0.9]", 300),
)
DDPM = "ddpm[samples=0]"
TIMM = "timm/resnet10t[decoder_channels=32-24-16-16]"
UNET = "unet[channels=16-32-64,patch=2]"


@pytest.mark.parametrize("backbone", [UNET, TIMM])
@pytest.mark.parametrize(
    ("method", "parts"),
    [
        ("simclr[batch_size=8]", {"encoder"}),
        ("moco[batch_size=8]", {"encoder"}),
        ("ddpm[samples=0]", {"encoder", "decoder"}),
    ],
)
def test_a_method_changes_the_parts_that_it_declares_and_no_others(
    pretrain: Callable[..., Pretrained], method: str, parts: set[str], backbone: str
) -> None:
    assert pretrain(method, 2, backbone).changed_parts() == parts


@pytest.mark.parametrize(("method", "steps"), CONTRASTIVE)
def test_contrastive_losses_fall_well_below_chance_without_collapse(
    pretrain: Callable[..., Pretrained], pool: UnlabelledImages, method: str, steps: int
) -> None:
    done = pretrain(method, steps)
    chance = done.trainer.metrics["reference_loss"]
    assert isinstance(chance, float)
    assert done.trainer.history is not None
    assert done.trainer.history.last() < 0.8 * chance
    health = embedding_health(done.backbone, pool)
    assert health["embedding_std"] > 0.1
    assert health["effective_rank"] > 4


@pytest.mark.parametrize("prediction", ["v_prediction", "epsilon"])
def test_the_loss_of_the_ddpm_falls_far_below_that_of_predicting_zero(
    pretrain: Callable[..., Pretrained], prediction: str
) -> None:
    done = pretrain(f"ddpm[samples=0,prediction={prediction},learning_rate=4e-3]", 180)
    zero = done.trainer.metrics["reference_loss"]
    assert isinstance(zero, float)
    assert done.trainer.history is not None
    assert done.trainer.history.first() > 0.6 * zero
    assert done.trainer.history.last() < 0.4 * zero
    if prediction == "epsilon":
        assert zero == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("method", ["simclr[batch_size=8]", "moco[batch_size=8]", DDPM])
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    pretrain: Callable[..., Pretrained], method: str
) -> None:
    first, again, other = (
        pretrain(method, 2, seed=seed).backbone.state_dict() for seed in (0, 0, 1)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_a_collapsed_encoder_is_seen(
    pretrain: Callable[..., Pretrained], pool: UnlabelledImages
) -> None:
    network = pretrain("scratch", 1).backbone
    with torch.no_grad():
        for parameter in network.part_parameters("encoder"):
            parameter.zero_()
    health = embedding_health(network, pool)
    assert health["embedding_std"] < 1e-3
    assert health["effective_rank"] < 1.5
