"""What the validation loss decides: weights, rate and end; and that a kill changes none."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from benchmark.finetune import Draws, Shots
from benchmark.heatmaps import valid_landmarks
from benchmark.losses import heatmap_loss
from benchmark.optimiser import Schedule, Steering
from benchmark.protocol import ProtocolConfig
from benchmark.training import optimise
from benchmark.unlabelled import as_unit_range
from benchmark.validation import BestWeights, LossWatch, validation_loss, watch

CPU = torch.device("cpu")


def protocol(selection: str = "val-loss", **switches: object) -> ProtocolConfig:
    return ProtocolConfig.model_validate(
        {"selection": selection, "published": switches, "precision": "float32"}
    )


def watching(losses: list[float], **switches: Any) -> LossWatch:
    """A watch over a network of one weight, which is told these losses one after the other."""
    told = iter(losses)
    return LossWatch(nn.Linear(1, 1), protocol(**switches), 1, lambda: next(told))


def test_the_rate_is_halved_when_torch_would_halve_it() -> None:
    random = torch.Generator().manual_seed(0)
    losses = (torch.rand(300, generator=random) + torch.linspace(1, 0.8, 300)).tolist()
    ours = watching(losses, plateau=4)
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, patience=4, factor=0.5, eps=0)
    rates = set()
    for step, loss in enumerate(losses):
        ours(step)
        theirs.step(loss)
        assert ours.steering.rate == optimiser.param_groups[0]["lr"]
        rates.add(ours.steering.rate)
    assert len(rates) > 5


def test_training_ends_after_so_many_passes_without_a_smaller_loss() -> None:
    watch = watching([3.0, 2.0, 2.0, 2.5, 1.9, 2.0, 1.9, 2.2], patience=3)
    ended = []
    for step in range(8):
        watch(step)
        ended.append(watch.steering.ended)
    assert ended == [False] * 7 + [True]


def test_the_weights_of_the_least_loss_are_tested_or_the_last_ones() -> None:
    for selection, expected in (("val-loss", 2.0), ("last", 4.0)):
        watch = watching([3.0, 1.0, 2.0, 2.0], selection=selection, plateau=9)
        for step in range(4):
            nn.init.constant_(watch.detector.weight, step + 1.0)  # type: ignore[arg-type]
            watch(step)
        watch.restore()
        assert watch.detector.state_dict()["weight"].item() == expected


@pytest.mark.parametrize("stop", [1, 4, 7])
def test_a_watch_that_is_taken_up_again_goes_on_as_if_nothing_had_been(stop: int) -> None:
    losses = [3.0, 2.0, 2.5, 2.6, 2.7, 2.8, 1.0, 1.1, 1.2, 1.3, 1.4]
    whole = watching(losses, plateau=1, patience=5)
    for step in range(len(losses)):
        whole(step)
    first = watching(losses[:stop], plateau=1, patience=5)
    for step in range(stop):
        first(step)
    second = watching(losses[stop:], plateau=1, patience=5)
    second.load_state_dict(first.state_dict())
    for step in range(stop, len(losses)):
        second(step)
    assert second.steering == whole.steering
    assert second.state_dict()["waited"] == whole.state_dict()["waited"]


def test_before_a_first_look_there_is_nothing_to_keep_that_json_does_not_know() -> None:
    state = watching([1.0], plateau=1).state_dict()
    assert state["error"] is None
    fresh = watching([2.0], plateau=1)
    fresh.load_state_dict(state)
    fresh(0)
    assert fresh.error == 2.0


def test_the_protocol_says_what_watches() -> None:
    network = nn.Linear(1, 1)

    def of(selected: ProtocolConfig) -> object:
        return watch(network, selected, steps=40, shots=20, validate=lambda: 1.0)

    plain = of(protocol("val"))
    assert isinstance(plain, BestWeights)
    assert not isinstance(plain, LossWatch)
    assert plain.every == 4
    followed = of(protocol("last", patience=2))
    assert isinstance(followed, LossWatch)
    assert followed.every == 3  # 20 images in batches of 8
    assert watch(network, protocol("last"), steps=40, shots=20, validate=None) is None


def test_steering_ends_a_training_and_changes_its_rate() -> None:
    weight = nn.Parameter(torch.ones(1))
    steering = Steering()

    def after(step: int) -> None:
        steering.rate, steering.ended = 0.5 ** (step + 1), step == 6

    history = optimise(
        lambda: weight.square().sum(),
        [weight],
        Schedule(50, 0.1, constant=True),
        stage="test",
        device=CPU,
        precision=torch.float32,
        after_step=after,
        steering=steering,
    )
    assert len(history.loss) == 7
    assert history.learning_rate == [0.1 * 0.5**step for step in range(7)]


def test_a_pass_holds_every_image_once_and_its_last_batch_is_smaller() -> None:
    draw = Draws(7, 3, torch.Generator().manual_seed(0), whole_passes=True)
    for _ in range(4):
        batches = [draw() for _ in range(3)]
        assert [len(rows) for rows in batches] == [3, 3, 1]
        assert sorted(torch.cat(batches).tolist()) == list(range(7))


def test_the_validation_loss_is_that_of_all_images_at_once_in_evaluation_mode() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.Dropout(0.5))
    pixels = torch.randint(0, 255, (19, 16, 16), dtype=torch.uint8)
    points = torch.rand(19, 3, 2) * 15
    points[2, 1] = math.nan
    settings = protocol()
    found = validation_loss(network, Shots(pixels, points), settings)
    network.eval()
    with torch.no_grad():
        logits = network(as_unit_range(pixels))
    expected = heatmap_loss("softmax")(logits, points, valid_landmarks(points, (16, 16)), 1.5)
    assert found == pytest.approx(float(expected), rel=1e-5)
