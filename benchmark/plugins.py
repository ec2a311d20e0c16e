"""What a plugin is: the base classes of methods, datasets and reports, and their options."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from rich.console import Console
    from torch import Tensor

    from benchmark.backbones.base import Backbone
    from benchmark.records import DatasetIndex
    from benchmark.store import Store
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages

Part = Literal["encoder", "decoder"]
Family = Literal[
    "control", "joint-embedding", "dense", "generative", "restorative", "weights", "other"
]


class PluginOptions(BaseModel):
    """Options of a plugin: a frozen pydantic model whose fields each carry a description."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Plugin(ABC):
    """What all plugins share: a name, a version and validated options.

    Attributes:
        name: The name on the command line; unique among the plugins of one kind.
        version: Raised whenever the same options give another result; part of every key.
        Options: The model of the options, given on the command line as ``name[option=value]``.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    Options: ClassVar[type[PluginOptions]] = PluginOptions

    def __init__(self, options: PluginOptions | None = None) -> None:
        self.options = options if options is not None else self.Options()


class Method(Plugin):
    """A pretraining strategy: leaves a randomly initialised backbone better initialised.

    Attributes:
        title: The name in tables and figures.
        family: What kind of strategy it is, for grouping. ``joint-embedding``: views of an image
            get one vector; ``dense``: places in them do; ``generative``, ``restorative``: an image
            is made, or mended; ``weights``: taken from elsewhere.
        citation: Where it was published, in one line.
        licence: The licence of the weights or code it relies on.
        trains: The parts of the backbone that it changes; all others start at random.
        pretraining_data: What it learnt from. ``pool``: the unlabelled images of the dataset.
        compares_images: Whether its loss compares the images of a batch with one another, so that
            the batch is part of the method: the harness then gives it ``comparison_batch_size``.
        recordable: Whether every step does the same operations, reads no value back, uses no number
            of Python's that changes, and draws from ``trainer.generator`` alone. A GPU then records
            a step and replays it, which is several times as fast for small networks.
        needs_gpu: Whether its published budget is out of reach of a CPU.
        long_finetuning: Whether the harness fine-tunes it for the compute of pretraining and
            fine-tuning together (the second control); no other method may set this.
    """

    title: ClassVar[str]
    family: ClassVar[Family]
    citation: ClassVar[str]
    licence: ClassVar[str] = "Apache-2.0"
    trains: ClassVar[frozenset[Part]] = frozenset()
    pretraining_data: ClassVar[Literal["none", "pool", "elsewhere"]] = "none"
    compares_images: ClassVar[bool] = False
    recordable: ClassVar[bool] = False
    needs_gpu: ClassVar[bool] = False
    long_finetuning: ClassVar[bool] = False

    @classmethod
    def default_backbone(cls) -> str | None:
        """The backbone it needs, where the default of the run does not suit it."""
        return None

    @classmethod
    def backbone_problem(cls, backbone: str) -> str | None:
        """Why it cannot start from this backbone, in one sentence, or None where it can.

        Args:
            backbone: ``unet`` or ``timm/<name>``, with ``[norm=group]`` where that is so.
        """
        return None

    @abstractmethod
    def pretrain(self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
        """Train the backbone in place.

        Args:
            backbone: Randomly initialised; only the parts named in ``trains`` are kept.
            images: The unlabelled pool at working size; never a test image, never a label.
            trainer: Runs the training loop within the budget that the harness has set.
        """

    def time_steps(self) -> int:
        """Number of noise levels that its network is conditioned on; 0: on none.

        Where there are any, the transfer ``frozen@T`` takes features at time step T.
        """
        return 0

    def at_time(self, images: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Images brought to a noise level; only for methods with time steps.

        Args:
            images: (batch, 1, height, width) in [-1, 1].
            t: (batch,) time steps, from 0 to below :meth:`time_steps`.
            noise: Of unit variance, in the shape of the images.
        """
        raise NotImplementedError(f"method {self.name!r} has no time steps")


class LandmarkDataset(Plugin):
    """Radiographs with landmarks, their spacing and their official splits.

    Attributes:
        title: The name in tables and figures.
        citation: Where it was published, in one line.
        licence: The licence or the terms of use of the images.
        synthetic: Whether the images are computed rather than acquired.
        needs_root: Whether ``--data-root`` must be given.
        source: Where the data can be had, for the message about a missing download.
    """

    title: ClassVar[str]
    citation: ClassVar[str]
    licence: ClassVar[str]
    synthetic: ClassVar[bool] = False
    needs_root: ClassVar[bool] = True
    source: ClassVar[str] = ""

    def __init__(self, options: PluginOptions | None = None, root: Path | None = None) -> None:
        super().__init__(options)
        self.root = root

    @abstractmethod
    def index(self) -> DatasetIndex:
        """Read ids, splits, annotations and sizes, but no pixels.

        Raises:
            DataError: A file is missing, or a label cannot be; one sentence names file and line.
        """

    @abstractmethod
    def read(self, image_id: str) -> np.ndarray:
        """The radiograph as stored: (height, width) uint8, bone bright.

        Raises:
            DataError: The image is missing, truncated or of a kind that is not read.
        """

    def read_file(self, path: Path) -> np.ndarray:
        """A radiograph that is no part of the dataset, read as its own are: uint8, bone bright.

        Raises:
            DataError: The file is missing, damaged or of a kind that is not read.
        """
        from benchmark.images import read_radiograph

        return read_radiograph(path)

    def settled(self) -> PluginOptions:
        """The options, with what was found out about the files filled in.

        Raises:
            DataError: A file is missing or wrong.
        """
        return self.options


class Report(Plugin):
    """A rendering of what the store holds; it reads the store and nothing else.

    Attributes:
        filename: The file that it writes into the store, or None where it is only shown. One that
            ends with ``/`` is a folder, for reports that write several files.
    """

    filename: ClassVar[str | None]

    def files(self, store: Store) -> Mapping[str, str | bytes]:
        """What it writes: content by path relative to the store; by default one text.

        A report that writes a folder overrides this; the folder is replaced as a whole.
        """
        return {} if self.filename is None else {self.filename: self.render(store)}

    @abstractmethod
    def render(self, store: Store) -> str:
        """The text of the report (Markdown, CSV, HTML) over all cells of the store."""

    def show(self, store: Store, console: Console, cells: Collection[str] | None = None) -> None:
        """Print to a terminal; by default the rendered text.

        Args:
            store: The store to read.
            console: Where to print.
            cells: Keys of the cells to show; all of the store where None.
        """
        console.print(self.render(store), markup=False, highlight=False, soft_wrap=True)
