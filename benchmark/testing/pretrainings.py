"""Short pretrainings of a method on phantoms: undisturbed, interrupted, and by the harness."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmark.backbones import parse_backbone
from benchmark.backbones.base import Backbone
from benchmark.grid import PluginChoice, PretrainingSpec
from benchmark.plugins import Part
from benchmark.pretraining import WEIGHTS, Machine, run_pretraining
from benchmark.progress import Listener, silent
from benchmark.representation import embedding_health
from benchmark.seeding import stream_seed
from benchmark.store import Store
from benchmark.testing import phantoms
from benchmark.testing.file_watch import watching
from benchmark.testing.subject import Subject
from benchmark.training import Trainer
from benchmark.weights import initial_backbone

CPU = torch.device("cpu")


@dataclass(frozen=True)
class ShortRun:
    """The circumstances of a short pretraining.

    Attributes:
        backbone: As on the command line.
        steps: Optimiser steps.
        batch_size: Images a step, also for methods that compare images.
        seed: Of the initial network and all random streams.
        options: Laid over the options of the method.
    """

    backbone: str
    steps: int
    batch_size: int
    seed: int = 0
    options: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Pretrained:
    """What a pretraining leaves behind.

    Attributes:
        backbone: The network.
        before: Its tensors before the training, by name.
        trainer: With history and notes.
    """

    backbone: Backbone
    before: Mapping[str, Tensor]
    trainer: Trainer

    def weights(self, parts: Collection[Part] = ("encoder", "decoder")) -> dict[str, Tensor]:
        """The tensors of some parts by name."""
        tensors = self.backbone.state_dict()
        return {name: t for name, t in tensors.items() if self.backbone.part_of(name) in parts}

    def changed_parts(self) -> set[str]:
        """The parts of which at least one tensor differs from its start."""
        after = self.weights()
        return {
            self.backbone.part_of(name)
            for name, tensor in self.before.items()
            if not torch.equal(tensor, after[name])
        }


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether all tensors are bit-identical."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@contextmanager
def one_thread() -> Iterator[None]:
    """Results are bit-identical for one number of threads only, and small ones gain by none."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def own_folder() -> Iterator[Path]:
    """A temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="landmark-check-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pretrain(
    subject: Subject, run: ShortRun, listener: Listener = silent, checkpoint: Path | None = None
) -> Pretrained:
    """Pretrain as the harness does, without a store; with a checkpoint, save at every step."""
    method = subject.create(dict(run.options))
    backbone = initial_backbone(parse_backbone(run.backbone), run.seed)
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    torch.manual_seed(stream_seed("pretraining", subject.name, run.seed))
    stream = stream_seed("pretraining-data", subject.name, run.seed)
    images: Any = phantoms.pool() if method.pretraining_data == "pool" else None
    with own_folder() as folder, one_thread():
        trainer = Trainer(
            steps=run.steps,
            batch_size=run.batch_size,
            device=CPU,
            precision=torch.float32,
            generator=torch.Generator().manual_seed(stream),
            folder=folder,
            listener=listener,
            checkpoint=checkpoint,
            checkpoint_seconds=0.0,
        )
        method.pretrain(backbone, images, trainer)
    return Pretrained(backbone, before, trainer)


def health(run: ShortRun, trained: Pretrained) -> tuple[dict[str, float], dict[str, float]]:
    """Spread and rank of the embeddings of the initial network, and of the trained one."""
    untrained = initial_backbone(parse_backbone(run.backbone), run.seed)
    with one_thread():
        images = phantoms.pool()
        return embedding_health(untrained, images), embedding_health(trained.backbone, images)


def pretraining_spec(subject: Subject, run: ShortRun) -> PretrainingSpec:
    """The same as the harness would plan it."""
    method = subject.create(dict(run.options))
    return PretrainingSpec(
        dataset=phantoms.dataset_spec() if method.pretraining_data == "pool" else None,
        method=PluginChoice.of(type(method), method.options),
        backbone=parse_backbone(run.backbone).as_json(),
        steps=run.steps,
        batch_size=run.batch_size,
        precision="float32",
        seed=run.seed,
    )


def by_the_harness(
    subject: Subject, run: ShortRun, store: Store
) -> tuple[dict[str, Tensor], list[str]]:
    """Pretrain in a store.

    Returns:
        The weights that the harness has kept, and the paths below the store's datasets that the
        method opened while it had the word.
    """
    spec = pretraining_spec(subject, run)
    opened: list[str] = []
    with one_thread(), _listening(subject, store.root / "datasets", opened):
        run_pretraining(store, spec, Machine(CPU, "conformance"))
    return load_file(store.root / "pretrained" / spec.key / WEIGHTS), opened


@contextmanager
def _listening(subject: Subject, folder: Path, opened: list[str]) -> Iterator[None]:
    """Watch the folder while the method's own code runs, and not while the harness reads it."""
    plugin: Any = subject.load()
    own = plugin.__dict__.get("pretrain")
    pretrain = plugin.pretrain

    def watched(self: Any, *arguments: Any, **named: Any) -> None:
        with watching(folder, seen=opened):
            pretrain(self, *arguments, **named)

    plugin.pretrain = watched
    try:
        yield
    finally:
        if own is None:
            del plugin.pretrain
        else:
            plugin.pretrain = own
