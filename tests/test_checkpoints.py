"""An interrupted training goes on as if nothing had happened, and its file is no pickle."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmark.accounting import Stopwatch
from benchmark.checkpoints import Checkpoint, ModuleState, load_state, save_state
from benchmark.errors import PluginError, StoreError, UsageError
from benchmark.housekeeping import tidy
from benchmark.progress import Listener, Progress, silent
from benchmark.store import Store
from benchmark.training import Trainer
from benchmark.unlabelled import UnlabelledImages

STEPS = 12


class PowerFailureError(Exception):
    """Ends a training in the middle."""


class Queue(nn.Module):
    """A buffer that a state dict leaves out, as lightly's queues are."""

    last: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("last", torch.zeros(4, 4), persistent=False)


def images() -> UnlabelledImages:
    pixels = np.random.default_rng(0).integers(0, 255, (10, 8, 8), dtype=np.uint8)
    return UnlabelledImages(pixels, torch.device("cpu"))


def train(
    folder: Path, checkpoint: Path | None, listener: Listener = silent, steps: int = STEPS
) -> tuple[Trainer, dict[str, Tensor]]:
    """A network with dropout and a buffer that its state dict leaves out, in batches of four."""
    torch.manual_seed(1)
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(64, 4))
    queue = Queue()
    trainer = Trainer(
        steps=steps,
        batch_size=4,
        device=torch.device("cpu"),
        precision=torch.float32,
        generator=torch.Generator().manual_seed(2),
        folder=folder,
        listener=listener,
        checkpoint=checkpoint,
        checkpoint_seconds=0.0,
    )

    def loss(batch: Tensor) -> Tensor:
        noise = torch.empty_like(batch).normal_(generator=trainer.generator)
        out: Tensor = network(batch + noise)
        difference = (out - queue.last).square().mean()
        queue.last = out.detach()
        return difference

    trainer.fit(loss, [network], images(), keeps=[queue])
    return trainer, network.state_dict()


def stop_at(step: int) -> Listener:
    def listen(progress: Progress) -> None:
        if progress.step >= step:
            raise PowerFailureError

    return listen


@pytest.mark.parametrize("stop", [1, 2, 7, STEPS])
def test_a_resumed_training_ends_with_the_weights_of_an_undisturbed_one(
    tmp_path: Path, stop: int
) -> None:
    whole, expected = train(tmp_path, None)
    file = tmp_path / "kept.safetensors"
    with pytest.raises(PowerFailureError):
        train(tmp_path, file, stop_at(stop))
    steps: list[int] = []
    resumed, weights = train(tmp_path, file, lambda progress: steps.append(progress.step))
    assert steps == list(range(stop + 1, STEPS + 1))
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert resumed.history == whole.history
    assert resumed.earlier_seconds > 0


def test_a_resumed_training_of_channels_last_weights_ends_as_an_undisturbed_one(
    tmp_path: Path,
) -> None:
    """Files keep no strides, and a fused optimiser reads its averages as they lie in memory."""

    def run(checkpoint: Path | None, listener: Listener = silent) -> dict[str, Tensor]:
        torch.manual_seed(0)
        network = _two_convolutions()
        trainer = Trainer(
            steps=6,
            batch_size=4,
            device=torch.device("cpu"),
            precision=torch.float32,
            generator=torch.Generator().manual_seed(2),
            folder=tmp_path,
            listener=listener,
            checkpoint=checkpoint,
            checkpoint_seconds=0.0,
        )
        trainer.fit(lambda batch: network(batch).square().mean(), [network], images())
        return network.state_dict()

    expected = run(None)
    file = tmp_path / "kept.safetensors"
    with pytest.raises(PowerFailureError):
        run(file, stop_at(3))
    weights = run(file)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def _two_convolutions() -> nn.Module:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3))
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def test_a_resumed_training_goes_on_with_the_account_of_its_time(tmp_path: Path) -> None:
    file = tmp_path / "kept.safetensors"
    with Stopwatch() as first:
        first.add({"decode": 5.0})
        with pytest.raises(PowerFailureError):
            train(tmp_path, file, stop_at(7))
    kept = load_state(file)["stages"]
    assert kept["steps"] == 7
    assert kept["decode"] == 0, "of before the training, which a resumed one does itself"
    assert 0 < kept["forward_backward"] <= first.totals()["forward_backward"]
    with Stopwatch() as second:
        trainer, _ = train(tmp_path, file, stop_at(STEPS + 1))
    totals = second.totals()
    assert totals["steps"] == STEPS
    assert totals["forward_backward"] > kept["forward_backward"]
    assert load_state(file)["stages"]["steps"] == STEPS
    assert trainer.earlier_seconds > 0


def test_a_checkpoint_from_before_there_was_an_account_is_taken_up(tmp_path: Path) -> None:
    file = tmp_path / "kept.safetensors"
    with pytest.raises(PowerFailureError):
        train(tmp_path, file, stop_at(7))
    state = load_state(file)
    del state["stages"]
    save_state(state, file)
    with Stopwatch() as stopwatch:
        train(tmp_path, file)
    assert stopwatch.steps == STEPS - 7


def test_a_state_comes_back_as_it_was_and_no_pickle_is_written(tmp_path: Path) -> None:
    state = {
        "step": 3,
        "rate": 0.1 + 0.2,
        "name": "tensor",
        "nothing": None,
        "nested": {0: {"exp_avg": torch.randn(2, 3)}, 1: [torch.arange(4), 2.5]},
        "empty": torch.empty(0, dtype=torch.long),
    }
    file = tmp_path / "state.safetensors"
    save_state(state, file)
    back = load_state(file)
    assert back["step"] == 3
    assert back["rate"] == 0.1 + 0.2
    assert back["name"] == "tensor"
    assert back["nothing"] is None
    assert torch.equal(back["nested"][0]["exp_avg"], state["nested"][0]["exp_avg"])  # type: ignore[index]
    assert torch.equal(back["nested"][1][0], torch.arange(4))
    assert back["empty"].dtype == torch.long
    assert b"pickle" not in file.read_bytes()
    assert file.read_bytes()[8:9] == b"{"
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_what_a_kill_in_the_middle_of_saving_leaves_behind_is_tidied_away(tmp_path: Path) -> None:
    store = Store(tmp_path)
    saving = (
        "import sys, pathlib, torch\n"
        "from benchmark.checkpoints import save_state\n"
        "while True: save_state({'weights': torch.ones(1 << 24)}, pathlib.Path(sys.argv[1]))\n"
    )
    checkpoint = store.checkpoint("a" * 16)
    checkpoint.parent.mkdir()

    def drafts() -> list[str]:
        return [path.name for path in checkpoint.parent.iterdir() if path.name[0] == "."]

    process = subprocess.Popen([sys.executable, "-c", saving, str(checkpoint)])
    try:
        while not drafts():
            assert process.poll() is None
            time.sleep(0.001)
    finally:
        process.kill()
        process.wait()
    tidy(store)
    assert drafts() == []


def test_a_damaged_checkpoint_is_dropped_and_the_training_begins_anew(tmp_path: Path) -> None:
    _, expected = train(tmp_path, None)
    file = tmp_path / "kept.safetensors"
    file.write_bytes(b"half a file")
    _, weights = train(tmp_path, file)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_a_checkpoint_of_another_training_is_refused_with_the_file_to_delete(
    tmp_path: Path,
) -> None:
    file = tmp_path / "kept.safetensors"
    other = Checkpoint(file, 0.0, {"network": ModuleState(nn.Linear(2, 2))})
    other.save(3)
    with pytest.raises(StoreError, match=r"kept\.safetensors is of another version.*delete it"):
        train(tmp_path, file)


def test_a_second_training_is_refused_because_it_would_double_the_budget(tmp_path: Path) -> None:
    trainer, _ = train(tmp_path, None, steps=1)
    with pytest.raises(PluginError, match="once"):
        trainer.fit(lambda batch: batch.mean(), [nn.Linear(1, 1)], images())


def test_a_batch_larger_than_the_pool_is_refused_rather_than_made_smaller(tmp_path: Path) -> None:
    trainer = Trainer(
        steps=1,
        batch_size=11,
        device=torch.device("cpu"),
        precision=torch.float32,
        generator=torch.Generator(),
        folder=tmp_path,
    )
    with pytest.raises(UsageError, match="a batch of 11 images does not fit a pool of 10"):
        trainer.fit(lambda batch: batch.mean(), [nn.Linear(1, 1)], images())
