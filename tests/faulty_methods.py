"""Methods that break one promise each, for the tests of the conformance suite."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from benchmark.plugins import Family, Method, Part, PluginOptions

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class HonestMethod(Method):
    """Keeps every promise: tells the grey values of sixteen regions of a noisy image."""

    name = "honest"
    title = "Honest"
    family: ClassVar[Family] = "other"
    citation = "no publication"
    trains: ClassVar[frozenset[Part]] = frozenset({"encoder"})
    pretraining_data = "pool"

    def pretrain(self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
        """Regress a number far from where the head starts, so that few steps show a fall."""
        import torch

        head = torch.nn.Linear(backbone.encoder_channels, 16)

        def loss(batch: Tensor) -> Tensor:
            noise = torch.randn(batch.shape, generator=trainer.generator)
            predicted: Tensor = head(backbone.embed(batch + 0.1 * noise))
            regions = torch.nn.functional.adaptive_avg_pool2d(batch, 4).flatten(1)
            return (predicted - 3 - regions).square().mean()

        self.fit(loss, backbone, head, images, trainer)

    def fit(
        self, loss: Any, backbone: Backbone, head: Any, images: UnlabelledImages, trainer: Trainer
    ) -> None:
        """What the faulty ones replace."""
        trainer.fit(loss, [backbone, head], images, learning_rate=1e-2)


class SecretMethod(HonestMethod):
    """Changes the decoder and does not say so."""

    name = "secret"

    def fit(
        self, loss: Any, backbone: Backbone, head: Any, images: UnlabelledImages, trainer: Trainer
    ) -> None:
        """Train, then scale the decoder."""
        super().fit(loss, backbone, head, images, trainer)
        for parameter in backbone.part_parameters("decoder"):
            parameter.data.mul_(1.5)


class IdleMethod(HonestMethod):
    """Declares the decoder and leaves it as it was."""

    name = "idle"
    trains: ClassVar[frozenset[Part]] = frozenset({"encoder", "decoder"})


class ClockMethod(HonestMethod):
    """Draws its random numbers from the clock."""

    name = "clock"

    def pretrain(self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
        """Seed with the time."""
        trainer.generator.manual_seed(time.time_ns() % 2**60)
        super().pretrain(backbone, images, trainer)


class ConstantMethod(HonestMethod):
    """Ignores the seed."""

    name = "constant"

    def pretrain(self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
        """Start from the same weights with the same numbers, whatever the seed."""
        import torch

        trainer.generator.manual_seed(0)
        torch.manual_seed(0)
        for name, parameter in backbone.named_parameters():
            if backbone.part_of(name) != "encoder":
                continue
            if parameter.ndim > 1:
                torch.nn.init.kaiming_uniform_(parameter, a=5**0.5)
            else:  # as in a fresh network: scales of normalisation 1, and no offsets
                parameter.data.fill_(0.0 if name.endswith("bias") else 1.0)
        super().pretrain(backbone, images, trainer)


class CollapsingMethod(HonestMethod):
    """Gives every image the same embedding."""

    name = "collapsing"

    def fit(
        self, loss: Any, backbone: Backbone, head: Any, images: UnlabelledImages, trainer: Trainer
    ) -> None:
        """Train as told, then set every kernel of the encoder to zero; offsets are left."""
        super().fit(loss, backbone, head, images, trainer)
        for parameter in backbone.part_parameters("encoder"):
            if parameter.ndim > 1:
                parameter.data.zero_()


class ForgetfulMethod(HonestMethod):
    """Has an average that is not among what it keeps."""

    name = "forgetful"

    def fit(
        self, loss: Any, backbone: Backbone, head: Any, images: UnlabelledImages, trainer: Trainer
    ) -> None:
        """Weigh each loss by the ones before."""
        average = [0.0]

        def weighed(batch: Tensor) -> Tensor:
            value: Tensor = loss(batch)
            average[0] = 0.5 * average[0] + 0.5 * float(value.detach())
            return value * (1 + 0.1 * average[0])

        super().fit(weighed, backbone, head, images, trainer)


class PeepingMethod(HonestMethod):
    """Reads the prepared images of the store, test images among them."""

    name = "peeping"

    def fit(
        self, loss: Any, backbone: Backbone, head: Any, images: UnlabelledImages, trainer: Trainer
    ) -> None:
        """Look beside the folder that it may write to."""
        store: Path = trainer.folder.parent.parent
        for file in store.glob("datasets/*/images.npy"):
            file.read_bytes()
        super().fit(loss, backbone, head, images, trainer)


class SmugglingMethod(HonestMethod):
    """Takes ids from the store through another process, which no audit hook sees."""

    name = "smuggling"

    def fit(
        self, loss: Any, backbone: Backbone, head: Any, images: UnlabelledImages, trainer: Trainer
    ) -> None:
        """Let a checksum of the ids shift the head's first weights."""
        import subprocess

        store: Path = trainer.folder.parent.parent
        if (store / "datasets").is_dir():
            listing = subprocess.run(
                ["sh", "-c", "cat datasets/*/index.json | cksum"],
                cwd=store, capture_output=True, check=True,
            )  # fmt: skip
            head.weight.data.add_(int(listing.stdout.split()[0]) % 97 / 100)
        super().fit(loss, backbone, head, images, trainer)


class StandingMethod(HonestMethod):
    """Has a loss that does not fall."""

    name = "standing"

    def fit(
        self, loss: Any, backbone: Backbone, head: Any, images: UnlabelledImages, trainer: Trainer
    ) -> None:
        """Hardly anything of the loss can be changed."""
        super().fit(lambda batch: 5 + 1e-3 * loss(batch).tanh(), backbone, head, images, trainer)


class UnpublishedMethod(HonestMethod):
    """Names no publication."""

    name = "unpublished"
    citation = " "


class WordlessOptions(PluginOptions):
    """Options of which one is not described."""

    strength: float = 1.0


class WordlessMethod(HonestMethod):
    """Has an option without a description."""

    name = "wordless"
    Options = WordlessOptions


class CarelessOptions(PluginOptions):
    """Options of which one takes anything."""

    anything: Any = Field(1, description="Whatever you like.")


class CarelessMethod(HonestMethod):
    """Takes any value for an option."""

    name = "careless"
    Options = CarelessOptions


class StickyMethod(HonestMethod):
    """Cannot be pickled."""

    name = "sticky"

    def __init__(self, options: PluginOptions | None = None) -> None:
        super().__init__(options)
        self.loss = lambda batch: batch.mean()


class HomesickMethod(HonestMethod):
    """Works only in the process of the tests."""

    name = "homesick"

    def pretrain(self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
        """Ask for a module that a worker does not load."""
        import sys

        if "pytest" not in sys.modules:
            raise RuntimeError("where is pytest")
        super().pretrain(backbone, images, trainer)
