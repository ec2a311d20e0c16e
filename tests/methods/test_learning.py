"""What the conformance suite does not ask: how far a loss falls, and that a collapse is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import torch

from benchmark.representation import embedding_health

if TYPE_CHECKING:
    from benchmark.unlabelled import UnlabelledImages
    from tests.methods.conftest import Pretrained


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
