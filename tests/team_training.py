"""A program for the tests of several processes at one training: trains, and prints its losses.

    python tests/team_training.py PROCESSES

Without ``LOCAL_RANK`` in its environment it is the first of the processes and starts the others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmark.backbones import parse_backbone
from benchmark.backbones.base import Detector
from benchmark.devices import generator
from benchmark.finetune import Shots, finetune
from benchmark.parallel import average_gradients, together
from benchmark.protocol import AugmentationConfig, ProtocolConfig
from benchmark.registry import registry
from benchmark.team import RANK, free_port, join_team
from benchmark.training import Trainer
from benchmark.unlabelled import UnlabelledImages, as_unit_range
from benchmark.weights import initial_backbone

STEPS, BATCH = 4, 8
NETWORK = "unet[channels=8-16,layers=1,patch=2,groups=4]"
# One of each kind: noise and time steps; a mask for every image; a queue, a slow copy and
# statistics over the batch in the head; a loss of all images at once.
METHODS = ("ddpm[samples=0]", "masked", "moco", "barlowtwins")
CPU = torch.device("cpu")


def images() -> np.ndarray:
    """Sixteen smooth images of 64 px."""
    coarse = torch.rand((16, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    fine = torch.nn.functional.interpolate(coarse, size=(64, 64), mode="bicubic").clamp(0, 1)
    return (fine[:, 0] * 255).byte().numpy()


def pretraining_losses(method: str, folder: Path) -> list[float]:
    """The loss of each step."""
    plugin = registry("method").create(method)
    torch.manual_seed(1)
    trainer = Trainer(
        steps=STEPS,
        batch_size=BATCH,
        device=CPU,
        precision=torch.float32,
        generator=generator(2, CPU),
        folder=folder,
    )
    backbone = initial_backbone(parse_backbone(NETWORK, {}), 0)
    plugin.pretrain(backbone, UnlabelledImages(images(), CPU), trainer)
    assert trainer.history is not None
    return trainer.history.loss


def finetuning_losses() -> list[float]:
    """The loss of each step."""
    random = torch.Generator().manual_seed(3)
    points: Tensor = torch.rand((16, 5, 2), generator=random) * 40 + 12
    torch.manual_seed(4)
    detector = Detector(initial_backbone(parse_backbone(NETWORK, {}), 0), 5)
    protocol = ProtocolConfig(
        precision="float32", batch_size=BATCH, augmentation=AugmentationConfig()
    )
    shots = Shots(torch.from_numpy(images()), points)
    return finetune(detector, shots, protocol, steps=STEPS, seed=0).loss


def gradients() -> list[float]:
    """The gradient of every weight after one step through all passes, as one list of numbers.

    AdamW would hide a factor between the network's gradients and those of a head.
    """
    backbone = initial_backbone(parse_backbone(NETWORK, {}), 0)
    torch.manual_seed(5)
    head = torch.nn.Sequential(
        torch.nn.Linear(backbone.encoder_channels, 6), torch.nn.BatchNorm1d(6)
    )
    batch = as_unit_range(torch.from_numpy(images()[:BATCH]))
    mask = (torch.rand((BATCH, 1, 8, 8), generator=torch.Generator().manual_seed(6)) > 0.5).float()

    @together
    def backward() -> None:
        with backbone.masking(mask):
            seen = backbone.encode(batch)
        decoded = backbone.decode(seen, t=torch.arange(BATCH))
        similar: Tensor = head(backbone.embed(batch)) @ head(backbone.embed(-batch)).T
        odd = backbone(batch[:3]).mean()
        (decoded.square().mean() + similar.softmax(1).diagonal().sum() + odd).backward()

    backward()
    weights = [*backbone.parameters(), *head.parameters()]
    average_gradients(weights)
    return [float(w.grad.double().square().sum().sqrt()) for w in weights if w.grad is not None]


def numbers() -> dict[str, list[float]]:
    """Losses by method and of a fine-tuning, and gradients."""
    with tempfile.TemporaryDirectory() as folder:
        losses = {method: pretraining_losses(method, Path(folder)) for method in METHODS}
    return losses | {"fine-tuning": finetuning_losses(), "gradients": gradients()}


def main(size: int) -> None:
    """Train everything, and print the losses from the first process."""
    torch.set_num_threads(1)
    others: list[subprocess.Popen[bytes]] = []
    leads = RANK not in os.environ
    if leads and size > 1:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        command = [sys.executable, __file__, str(size)]
        others = [
            subprocess.Popen(command, env=os.environ | {RANK: str(rank)}) for rank in range(1, size)
        ]
        os.environ[RANK] = "0"
    if size > 1:
        join_team(size, CPU)
    found = numbers()
    if leads:
        print(json.dumps(found))
    for other in others:
        assert other.wait(60) == 0


if __name__ == "__main__":
    main(int(sys.argv[1]))
