"""The loop: its history, its account of time, and the loss that is no number."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from benchmark.accounting import STAGES, Stopwatch
from benchmark.backbones import build, parse_backbone
from benchmark.history import History
from benchmark.optimiser import Schedule
from benchmark.training import DivergedError, Trainer, optimise
from benchmark.unlabelled import UnlabelledImages

CPU = torch.device("cpu")


def test_a_least_squares_problem_is_solved_and_every_step_is_in_the_history(
    tmp_path: Path,
) -> None:
    weight = nn.Parameter(torch.zeros(3))
    goal = torch.tensor([1.0, -2.0, 0.5])

    def loss() -> Tensor:
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

    factors = iter([1.0] * 6 + [math.nan] * 14)

    def loss(factor: Tensor) -> Tensor:
        return (weight * factor).sum()

    with pytest.raises(DivergedError, match="step 7"):
        optimise(
            loss,
            [weight],
            Schedule(steps=20, learning_rate=0.1),
            stage="fine-tune",
            device=CPU,
            precision=torch.float32,
            draw=lambda: (torch.tensor(next(factors)),),
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


def trained(stopwatch: Stopwatch | None) -> tuple[nn.Linear, History]:
    """A linear map of six numbers to two, with batches of three, after seven steps."""
    torch.manual_seed(0)
    network = nn.Linear(6, 2)
    inputs = torch.rand(3, 6)

    def run() -> History:
        return optimise(
            lambda: network(inputs).square().mean(),
            network.parameters(),
            Schedule(steps=7, learning_rate=0.1),
            stage="test",
            device=CPU,
            precision=torch.float32,
        )

    if stopwatch is None:
        return network, run()
    with stopwatch:
        return network, run()


def test_the_loop_tells_the_stopwatch_its_steps_and_their_stages() -> None:
    stopwatch = Stopwatch()
    trained(stopwatch)
    totals = stopwatch.totals()
    assert totals["steps"] == 7
    took = {stage for stage in STAGES if totals[stage] > 0}
    assert took == {"forward_backward", "optimiser", "waiting"}
    assert stopwatch.step_flops is None


def test_one_step_is_counted_forwards_and_backwards_and_that_changes_no_weight() -> None:
    stopwatch = Stopwatch(peak_flops=1e12)
    network, history = trained(stopwatch)
    # Forwards, and the gradient of the weights; the inputs take none.
    assert stopwatch.step_flops == 2 * (2 * 3 * 6 * 2)
    plain, expected = trained(None)
    assert torch.equal(network.weight, plain.weight)
    assert history == expected


def test_counting_a_step_changes_no_weight_of_a_real_network(tmp_path: Path) -> None:
    def run(stopwatch: Stopwatch) -> dict[str, Tensor]:
        torch.manual_seed(0)
        backbone = build(parse_backbone("unet[channels=8-16,groups=4,attention=true]"))
        pixels = np.random.default_rng(0).integers(0, 255, (6, 32, 32), dtype=np.uint8)
        trainer = Trainer(
            steps=2,
            batch_size=4,
            device=CPU,
            precision=torch.bfloat16,
            generator=torch.Generator().manual_seed(0),
            folder=tmp_path,
        )
        with stopwatch:
            trainer.fit(
                lambda batch: backbone(batch).float().square().mean(),
                [backbone],
                UnlabelledImages(pixels, CPU),
            )
        return backbone.state_dict()

    counting = Stopwatch(peak_flops=1e12)
    counted, plain = run(counting), run(Stopwatch())
    assert all(torch.equal(counted[name], plain[name]) for name in plain)
    assert counting.step_flops is not None
    assert counting.totals()["augmentation"] > 0
