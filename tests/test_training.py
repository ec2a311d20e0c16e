"""The loop: its schedule, its history, and the loss that is no number."""

import math
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from benchmark.training import DivergedError, History, Schedule, optimise
from benchmark.unlabelled import UnlabelledImages

CPU = torch.device("cpu")


def test_the_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    schedule = Schedule(steps=100, learning_rate=1.0, warmup=0.1)
    factors = [schedule.factor(step) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == factors[9] == factors[10] == pytest.approx(1.0)
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[-1] < 0.01


def test_a_least_squares_problem_is_solved_and_every_step_is_in_the_history(
    tmp_path: Path,
) -> None:
    weight = nn.Parameter(torch.zeros(3))
    goal = torch.tensor([1.0, -2.0, 0.5])

    def loss(_: int) -> Tensor:
        return ((weight - goal) ** 2).sum()

    schedule = Schedule(steps=203, learning_rate=0.1, weight_decay=0.0)
    history = optimise(loss, [weight], schedule, stage="test", device=CPU, precision=torch.float32)
    assert torch.allclose(weight, goal, atol=1e-2)
    history.write(tmp_path / "history.parquet")
    table = pd.read_parquet(tmp_path / "history.parquet")
    assert list(table["step"]) == list(range(1, 204))
    assert table["loss"].iloc[0] == pytest.approx(5.25)
    assert history.last() < 1e-3 < history.first()


def test_a_loss_that_is_no_number_stops_with_the_step() -> None:
    weight = nn.Parameter(torch.ones(1))

    def loss(step: int) -> Tensor:
        return (weight * (math.nan if step == 6 else 1.0)).sum()

    with pytest.raises(DivergedError, match="step 7"):
        optimise(
            loss,
            [weight],
            Schedule(steps=20, learning_rate=0.1),
            stage="fine-tune",
            device=CPU,
            precision=torch.float32,
        )


def test_last_is_the_mean_of_the_last_tenth() -> None:
    history = History(loss=[9.0] * 90 + [1.0] * 10)
    assert history.last() == 1.0
    assert history.first() == 9.0


def test_a_batch_never_holds_an_image_twice_and_a_pass_holds_each_once() -> None:
    pixels = torch.arange(12, dtype=torch.uint8)[:, None, None].expand(12, 2, 2).numpy()
    batches = UnlabelledImages(pixels, CPU).batches(4, torch.Generator().manual_seed(0))
    drawn = torch.cat([next(batches) for _ in range(6)])[:, 0, 0, 0]
    values = ((drawn + 1) * 127.5).round().int().tolist()
    assert sorted(values[:12]) == sorted(values[12:]) == list(range(12))
    assert values[:12] != values[12:]
