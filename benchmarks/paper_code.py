"""What is measured of the paper's released code, which is imported from a checkout of it.

Di Via, Odone and Pastore, WACV 2025. No line of it is part of this project: the functions below
call it as its own scripts do, in a process whose path the checkout is on.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.stand_ins import install
from benchmarks.turns import Turns

LANDMARKS = 19
SIGMA = 5
"""As in its configuration."""


def _import_from(
    checkout: str, folder: str, packages: str | None, *names: str
) -> tuple[list[str], list[Any]]:
    """The libraries that were stood in for, and modules of one of the checkout's folders.

    Its folders use the same names for different modules, so a process imports from one only.
    """
    import benchmark  # noqa: F401  # lets torchvision be imported beside any torch

    sys.dont_write_bytecode = True  # the checkout stays as it is
    sys.path.insert(0, str(Path(checkout) / folder))
    if packages is not None:
        sys.path.append(packages)
    missing = install()
    modules = [importlib.import_module(name) for name in names]
    return sorted(missing.replaced), modules


def finetuning_batches(
    turns: Turns,
    *,
    checkout: str,
    packages: str | None,
    cephalo: str,
    size: int,
    batch: int,
    workers: int,
    shots: int,
) -> None:
    """Epochs over the first labelled images, as ``downstream_task/main.py`` loads them."""
    from torch.utils.data import DataLoader

    replaced, (datasets,) = _import_from(
        checkout, "downstream_task", packages, "landmarks_datasets"
    )
    dataset = datasets.Cephalo(cephalo, "train", size=(size, size), num_channels=1, sigma=SIGMA)
    dataset.indexes = dataset.indexes[:shots]
    loader: Any = DataLoader(dataset, batch_size=batch, shuffle=True, num_workers=workers)
    turns.ready(replaced=replaced)
    while True:
        turns.begin()
        turns.done(sum(len(item["heatmaps"]) for item in loader))


def pretraining_batches(
    turns: Turns,
    *,
    checkout: str,
    packages: str | None,
    cephalo: str,
    size: int,
    batch: int,
    workers: int,
) -> None:
    """Epochs over the images without labels, as ``ddpm_pretraining/main.py`` loads them."""
    replaced, (loading,) = _import_from(checkout, "ddpm_pretraining", packages, "utils")
    loader, _ = loading.load_data(cephalo, size, 1, batch, num_workers=workers)
    turns.ready(replaced=replaced)
    while True:
        turns.begin()
        turns.done(sum(len(item["image"]) for item in loader))


def decoding(
    turns: Turns, *, checkout: str, packages: str | None, inputs: str, everything: bool
) -> None:
    """Points and accuracy from heatmaps, on CPU as in the release.

    Args:
        turns: The turns.
        checkout: The checkout.
        packages: A folder with libraries that it needs.
        inputs: The folder that :func:`benchmarks.paper_inputs.write_heatmaps` wrote.
        everything: All that its evaluation computes (it takes the true points from heatmaps too,
            and adds three more metrics); else contours, MRE and SDR of given true points alone.
    """
    import torch

    replaced, (metrics, utilities) = _import_from(
        checkout, "downstream_task", packages, "metrics", "utilities"
    )
    logits = np.load(Path(inputs) / "logits.npy")
    points = np.load(Path(inputs) / "points.npy")
    size = (logits.shape[3], logits.shape[2])
    ratios = (points / np.array(size)).astype(np.float64)
    turns.ready(replaced=replaced)
    masks = [utilities.points_to_heatmap(r, img_size=size, sigma=SIGMA) for r in ratios]
    true_masks = torch.from_numpy(np.stack(masks)).float()
    predicted, truth = torch.from_numpy(logits), torch.from_numpy(ratios)
    sizes = torch.tensor([size] * len(points)).float()
    millimetres = np.array([2400 / size[0], 1935 / size[1]]) * 0.1  # as its evaluation has it
    while True:
        turns.begin()
        if everything:
            *_, distances = metrics.compute_batch_metrics(
                truth, true_masks, predicted, sizes, LANDMARKS, True, SIGMA
            )
        else:
            distances = []
            for maps, ratio in zip(logits, ratios, strict=True):
                found = utilities.extract_landmarks(maps, LANDMARKS)
                pair = [utilities.scale_points(p, size) for p in (found, ratio)]
                distances += metrics.cal_all_distance(*pair, millimetres)
        mre, _ = metrics.compute_mre(distances), metrics.compute_sdr(distances)
        turns.done(len(points), mre=float(mre))


def pretraining_step(
    turns: Turns,
    *,
    checkout: str,
    packages: str | None,
    width: int,
    size: int,
    batch: int,
    steps: int,
    recompute: bool = True,
) -> None:
    """Steps of DDPM pretraining on images in memory; an optimiser step and the average each.

    Args:
        turns: The turns.
        checkout: The checkout.
        packages: A folder with libraries that it needs.
        width: Base width; the release takes the image's side.
        size: Side of the images, px.
        batch: Images a step.
        steps: Steps a turn.
        recompute: Whether activations are computed again on the way back, as in the release.
    """
    import torch

    replaced, (models,) = _import_from(checkout, "ddpm_pretraining", packages, "model.ddpm_model")
    ddpm = models.DDPM(
        image_size=width,
        channels=1,
        device="cpu",
        lr=1e-4,
        optimizer="adamw",
        timesteps=500,
        use_ema=True,
    )
    if not recompute:
        ddpm.model.forward = _without_recomputing(ddpm.model.forward)
    images = torch.rand(batch, 1, size, size)
    turns.ready(replaced=replaced, parameters=_parameters(ddpm.model))
    for _ in _each_step(turns, steps):
        loss = ddpm.p_losses(x=images, t=ddpm.sample_timesteps(batch), loss_type="l2")
        loss.backward()
        torch.nn.utils.clip_grad_value_(ddpm.model.parameters(), clip_value=1.0)
        ddpm.optimizer.step()
        ddpm.optimizer.zero_grad()
        ddpm.update_ema()


def finetuning_step(
    turns: Turns,
    *,
    checkout: str,
    packages: str | None,
    width: int,
    size: int,
    batch: int,
    steps: int,
) -> None:
    """Steps of fine-tuning the whole U-Net on batches in memory, an optimiser step each."""
    import torch

    replaced, (training, models, utilities) = _import_from(
        checkout, "downstream_task", packages, "model.deep_learning", "model.models", "utilities"
    )
    model = models.Unet(dim=width, channels=1, self_condition=True)
    model.final_conv = torch.nn.Conv2d(model.final_conv.in_channels, LANDMARKS, 1)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5)
    loss = torch.nn.CrossEntropyLoss()
    ratios = np.random.default_rng(0).uniform(0.1, 0.9, (batch, LANDMARKS, 2))
    masks = [utilities.points_to_heatmap(r, img_size=(size, size), sigma=SIGMA) for r in ratios]
    item = {
        "name": ["generated"] * batch,
        "image": torch.rand(batch, 1, size, size),
        "landmarks": torch.from_numpy(ratios).float(),
        "heatmaps": torch.from_numpy(np.stack(masks)).float(),
    }
    turns.ready(replaced=replaced, parameters=_parameters(model))
    for _ in _each_step(turns, steps):
        training.train_step(model, torch.device("cpu"), [item], loss, optimiser, useHeatmaps=True)


def _each_step(turns: Turns, steps: int) -> Iterator[int]:
    """Steps without end, a number of them in each turn."""
    while True:
        turns.begin()
        yield from range(steps)
        turns.done(steps)


def _without_recomputing(forward: Any) -> Any:
    return lambda *inputs: forward(*inputs, checkpointing=False)


def _parameters(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
