"""Fine-tuning: equal draws of the shots, best weights on request, and better than the floor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmark.accounting import HostClock, Stopwatch
from benchmark.backbones import parse_backbone
from benchmark.backbones.base import Detector
from benchmark.finetune import Draws, finetune, load_shots
from benchmark.heatmaps import gaussian_target
from benchmark.inference import predict
from benchmark.metrics import mean_shape, place_shape, radial_errors
from benchmark.planning import make_plan
from benchmark.preparation import prepare
from benchmark.prepared import PreparedDataset, load_prepared
from benchmark.progress import Listener, Progress, silent
from benchmark.protocol import AugmentationConfig, ProtocolConfig
from benchmark.requests import run_config
from benchmark.store import Store
from benchmark.unlabelled import as_unit_range
from benchmark.weights import initial_backbone

CPU = torch.device("cpu")
BACKBONE = parse_backbone("unet[channels=16-32-64,patch=2]")
GENTLE = AugmentationConfig(rotation=5, scale=0.05, shift=0.03, collimation_probability=0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    """Twenty chest phantoms to train on and eight to test on, at 64 px."""
    values = {"datasets": "phantom-chest[train=20,test=8,size=96]", "methods": "scratch"}
    plan = make_plan(run_config({**values, "shots": "20"}, None, ["protocol.image_size=64"]))
    store = Store(tmp_path_factory.mktemp("store"))
    spec = plan.cells[0].spec.dataset
    prepare(store, spec, None)
    return load_prepared(store, spec.key)


def detector(data: PreparedDataset) -> Detector:
    backbone = initial_backbone(BACKBONE, 0)
    torch.manual_seed(0)
    return Detector(backbone, len(data.record.landmark_names))


def test_every_shot_is_drawn_as_often_as_any_other() -> None:
    draw = Draws(5, 4, torch.Generator().manual_seed(0))
    rows = torch.cat([draw() for _ in range(5)])
    assert torch.bincount(rows, minlength=5).tolist() == [4] * 5


def test_a_batch_may_be_larger_than_the_shots() -> None:
    assert sorted(Draws(1, 8, torch.Generator())().tolist()) == [0] * 8


def test_twenty_shots_beat_the_mean_shape_by_far(data: PreparedDataset) -> None:
    protocol = ProtocolConfig(steps=150, augmentation=GENTLE)
    network, train, test = detector(data), data.rows("train"), data.rows("test")
    history = finetune(network, load_shots(data, train, CPU), protocol, steps=150, seed=0)
    assert history.last() < history.first() - 2
    found = predict(network, data, test, protocol, CPU, shots=train)
    truth, spacing = data.points[test], data.spacing[test]
    ours = radial_errors(found, truth, spacing).mean()
    shape = mean_shape(data.points[train], data.sizes[train])
    floor = radial_errors(place_shape(shape, data.sizes[test]), truth, spacing).mean()
    assert ours < floor / 2


def test_the_same_seed_gives_the_same_predictions_to_the_bit(data: PreparedDataset) -> None:
    protocol = ProtocolConfig(steps=3)
    rows = data.rows("train")[:5]
    shots = load_shots(data, rows, CPU)

    def run(seed: int) -> np.ndarray:
        network = detector(data)
        finetune(network, shots, protocol, steps=3, seed=seed)
        return predict(network, data, data.rows("test")[:2], protocol, CPU, shots=rows)

    first = run(0)
    assert np.array_equal(first, run(0))
    assert not np.array_equal(first, run(1))


class TwoPeaks(torch.nn.Module):
    """Shows each landmark of given images where it is, and one of them higher in a corner, too."""

    def __init__(self, points: torch.Tensor, size: tuple[int, int]) -> None:
        super().__init__()
        self.maps = gaussian_target(points, size)
        self.maps[:, 1] *= 0.9
        self.maps[:, 1, 3, 3] = self.maps[:, 1].amax((-2, -1)) * 2

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.maps[: len(images)].clamp_min(1e-12).log()


def test_a_landmark_far_from_the_shape_is_looked_for_again(data: PreparedDataset) -> None:
    train, test = data.rows("train"), data.rows("test")
    points = torch.from_numpy(data.working_points(test)).float()
    network = TwoPeaks(points, (data.pixels.shape[1], data.pixels.shape[2]))

    def found(limit: float) -> np.ndarray:
        protocol = ProtocolConfig(shape_limit=limit)
        return predict(network, data, test, protocol, CPU, shots=train)

    free, limited = found(0), found(6)
    others = [landmark for landmark in range(points.shape[1]) if landmark != 1]
    assert np.array_equal(free[:, others], limited[:, others])
    distances = [np.linalg.norm(p - data.points[test], axis=-1)[:, 1] for p in (free, limited)]
    assert distances[0].min() > 15
    assert distances[1].max() < 0.5


def test_selection_keeps_the_weights_with_the_least_validation_error(
    data: PreparedDataset,
) -> None:
    network = detector(data)
    seen: list[float] = []
    states: list[torch.Tensor] = []

    def validate() -> float:
        states.append(network.head.projection.weight.detach().clone())
        seen.append([3.0, 1.0, 2.0][len(seen)])
        return seen[-1]

    shots = load_shots(data, data.rows("train")[:4], CPU)
    protocol = ProtocolConfig(steps=3, batch_size=2)
    finetune(network, shots, protocol, steps=3, seed=0, validate=validate)
    assert seen == [3.0, 1.0, 2.0]
    assert torch.equal(network.head.projection.weight, states[1])


class StoppedClock(HostClock):
    """Goes on only where a test moves it."""

    now = 0.0

    def mark(self) -> float:
        return self.now


def test_validation_is_evaluation_and_drawing_shots_is_augmentation(
    data: PreparedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = StoppedClock()

    def validate() -> float:
        clock.now += 10
        return 1.0

    def unit_range(pixels: torch.Tensor) -> torch.Tensor:
        clock.now += 1
        return as_unit_range(pixels)

    for module in ("finetune", "inference"):
        monkeypatch.setattr(f"benchmark.{module}.as_unit_range", unit_range)
    shots = load_shots(data, data.rows("train")[:4], CPU)
    with Stopwatch(clock) as stopwatch:
        protocol = ProtocolConfig(steps=3, batch_size=2)
        finetune(detector(data), shots, protocol, steps=3, seed=0, validate=validate)
        predict(detector(data), data, data.rows("test")[:2], protocol, CPU, shots=[0])
    took = {stage: seconds for stage, seconds in stopwatch.totals().items() if seconds}
    assert took == {"steps": 3, "augmentation": 3, "evaluation": 3 * 10 + 1}


def test_a_landmark_that_no_shot_has_leaves_the_network_trainable(data: PreparedDataset) -> None:
    shots = load_shots(data, data.rows("train")[:4], CPU)
    shots.points[:, 2] = float("nan")
    network = detector(data)
    history = finetune(network, shots, ProtocolConfig(steps=2), steps=2, seed=0)
    assert np.isfinite(history.loss).all()
    assert torch.isfinite(network.head.projection.weight).all()


def test_cells_read_the_store_and_not_the_users_files(data: PreparedDataset) -> None:
    assert isinstance(data.pixels, np.memmap)
    assert Path(str(data.pixels.filename)).name == "images.npy"


class PowerFailureError(Exception):
    """Ends a training in the middle."""


@pytest.mark.parametrize("stop", [1, 4, 6])
def test_a_resumed_fine_tuning_ends_as_an_undisturbed_one(
    data: PreparedDataset, tmp_path: Path, stop: int
) -> None:
    """Weights, statistics of normalisation, the best weights so far, draws and random streams."""
    errors = iter([3.0, 2.0, 1.0, 4.0, 5.0, 6.0])
    protocol = ProtocolConfig(steps=6, batch_size=4, precision="float32")
    shots = load_shots(data, data.rows("train")[:5], CPU)

    def run(checkpoint: Path | None, errors: Iterator[float], listener: Listener) -> Any:
        torch.manual_seed(0)
        network = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3, padding=1),
            torch.nn.BatchNorm2d(4),
            torch.nn.Dropout(0.2),
            torch.nn.Conv2d(4, data.points.shape[1], 3, padding=1),
        )
        history = finetune(
            network,
            shots,
            protocol,
            steps=6,
            seed=0,
            validate=lambda: next(errors),
            listener=listener,
            checkpoint=checkpoint,
            checkpoint_seconds=0.0,
        )
        return network.state_dict(), history

    def fail(progress: Progress) -> None:
        if progress.step >= stop:
            raise PowerFailureError

    expected, whole = run(None, iter([3.0, 2.0, 1.0, 4.0, 5.0, 6.0]), silent)
    file = tmp_path / "kept.safetensors"
    with pytest.raises(PowerFailureError):
        run(file, errors, fail)
    seen: list[int] = []
    weights, history = run(file, errors, lambda progress: seen.append(progress.step))
    assert seen == list(range(stop + 1, 7))
    assert history == whole
    assert history.earlier_seconds > 0
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_the_average_of_the_weights_is_tested_in_place_of_the_last_ones(
    data: PreparedDataset,
) -> None:
    shots = load_shots(data, data.rows("train")[:4], CPU)
    last, averaged = detector(data), detector(data)
    plain = ProtocolConfig(steps=6, batch_size=2)
    one = finetune(last, shots, plain, steps=6, seed=0)
    other = finetune(
        averaged, shots, plain.model_copy(update={"weight_average": 0.9}), steps=6, seed=0
    )
    # The training is the same; what is kept of it is not.
    assert one.loss == other.loss
    start = detector(data)
    moved = [
        (p - q).norm().item() for p, q in zip(last.parameters(), start.parameters(), strict=True)
    ]
    less = [
        (p - q).norm().item()
        for p, q in zip(averaged.parameters(), start.parameters(), strict=True)
    ]
    assert 0 < sum(less) < sum(moved)


def test_the_average_survives_an_interruption(data: PreparedDataset, tmp_path: Path) -> None:
    shots = load_shots(data, data.rows("train")[:4], CPU)
    protocol = ProtocolConfig(steps=6, batch_size=2, weight_average=0.9)

    class StoppedError(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.step >= 5:
            raise StoppedError

    whole, parts = detector(data), detector(data)
    finetune(whole, shots, protocol, steps=6, seed=0)
    kept = tmp_path / "training.safetensors"
    with pytest.raises(StoppedError):
        finetune(
            parts,
            shots,
            protocol,
            steps=6,
            seed=0,
            listener=stop,
            checkpoint=kept,
            checkpoint_seconds=0,
        )
    parts = detector(data)
    finetune(parts, shots, protocol, steps=6, seed=0, checkpoint=kept)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(one, other)
