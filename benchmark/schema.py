"""The records of the store: what each JSON file holds, as frozen pydantic models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from benchmark.checked_names import FileName, Key, KeyOrNothing
from benchmark.dataset_schema import (
    AnnotatorDistance,
    DatasetRecord,
    ExtraPool,
    Leak,
    Preview,
    Record,
)
from benchmark.tuning.records import TuningSource

__all__ = [
    "AnnotatorDistance",
    "CellLabels",
    "CellMetrics",
    "CellRecord",
    "DatasetRecord",
    "EnvironmentRecord",
    "ExtraPool",
    "Failure",
    "Fault",
    "Floor",
    "Joules",
    "Leak",
    "PretrainingRecord",
    "Preview",
    "Record",
    "RunRecord",
    "SharedBy",
    "Status",
    "Timings",
]


Status = Literal["done", "failed"]

# What :class:`benchmark.energy.EnergyMeter` measures, in the records of both stages.
Joules = Annotated[
    float | None,
    Field(description="This worker's part of the machine's; None where it does not tell."),
]
SharedBy = Annotated[
    dict[str, int],
    Field(description="By counter in those joules, cpu or gpu, the workers that shared it."),
]


Fault = Literal["method", "machine", "input"]


class Failure(Record):
    """Why something failed: the sentence for the user and the traceback for the developer."""

    sentence: str
    type: str = "Error"
    traceback: str = ""
    fault: Fault | None = Field(
        None,
        description="What has to change before another attempt can end otherwise: the method, the "
        "machine, or the user's files; None in records of older versions.",
    )


class Timings(Record):
    """Wall seconds of a cell or of a pretraining, and what follows from them.

    ``pretraining_seconds`` is of another piece of work, and ``finetuning_seconds`` is a span in
    which several stages lie. The stages, from ``decode_seconds`` to ``other_seconds``, add up to
    ``total_seconds``; :mod:`benchmark.accounting` measures them.
    """

    pretraining_seconds: float = Field(0.0, description="Of the pretraining that a cell rests on.")
    finetuning_seconds: float = Field(
        0.0, description="From building the detector to the end of its training."
    )
    startup_seconds: float = Field(
        0.0, description="From the start of the worker to that of its work; not in the total."
    )
    decode_seconds: float = Field(0.0, description="Reading the prepared images.")
    augmentation_seconds: float = Field(
        0.0, description="Drawing batches, and changing what the network is shown."
    )
    forward_backward_seconds: float = Field(0.0, description="The network's passes in training.")
    optimiser_seconds: float = Field(
        0.0,
        description="Updating weights: clipping and schedule, averages and slow copies.",
    )
    evaluation_seconds: float = Field(
        0.0, description="Predicting and measuring; of a pretraining, its probes."
    )
    checkpoint_seconds: float = Field(
        0.0, description="Writing checkpoints, weights and results, and reading checkpoints."
    )
    waiting_seconds: float = Field(
        0.0,
        description="Training, blocked: by the device, or by whoever is told of progress.",
    )
    other_seconds: float = Field(0.0, description="The rest, most of it imports and building.")
    total_seconds: float = 0.0
    images_per_second: float | None = Field(
        None, description="Of training, over the seconds of its steps alone."
    )
    flops_utilisation: float | None = Field(
        None, description="Share of the GPU's peak at this precision; None on what has no peak."
    )
    compiled: bool = Field(
        default=False, description="Whether the network computed with compiled kernels."
    )

    @property
    def overhead(self) -> float | None:
        """Share of the wall time, the worker's start included, in which no network was trained.

        What is left is :attr:`network_seconds`. None where nothing was trained or measured.
        """
        whole = self.startup_seconds + self.total_seconds
        return 1 - self.network_seconds / whole if whole and self.network_seconds else None

    @property
    def network_seconds(self) -> float:
        """Seconds of forward and backward passes and of the optimiser."""
        return self.forward_backward_seconds + self.optimiser_seconds


class PretrainingRecord(Record):
    """``pretrained/<key>/pretraining.json``: one pretraining, shared by all shots of a seed."""

    key: Key
    status: Status
    spec: dict[str, Any]
    method: str
    backbone: str
    dataset: str | None
    seed: int | None
    metrics: dict[str, float | str | None] = Field(default_factory=dict)
    steps: int = 0
    images_seen: int = 0
    seconds: float = 0.0
    timings: Timings = Field(default_factory=Timings)
    peak_memory_mb: float | None = None
    peak_gpu_memory_mb: float | None = Field(
        None, description="Largest allocation of this worker on its GPU; None without one."
    )
    energy_joules: Joules = None
    energy_shared_by: SharedBy = Field(default_factory=dict)
    extra: ExtraPool | None = Field(None, description="Unlabelled images beside the pool.")
    environment: KeyOrNothing = ""
    files: dict[FileName, str] = Field(default_factory=dict, description="sha256 by file name.")
    finished: str = ""
    error: Failure | None = None


class CellLabels(Record):
    """The coordinates of a cell in the grid, for tables and figures."""

    dataset: str
    method: str
    title: str
    backbone: str
    shots: int
    seed: int
    transfer: str = "whole"
    control: bool = False
    family: str = "other"
    tuned: TuningSource | None = Field(
        None, description="Where tuned options come from; None: the default options."
    )

    @property
    def transfer_text(self) -> str:
        """The transfer in a line of names: empty for the default."""
        return "" if self.transfer == "whole" else f" {self.transfer}"

    @property
    def options(self) -> str:
        """``tuned`` or ``default``."""
        return "tuned" if self.tuned else "default"

    @property
    def conditions_text(self) -> str:
        """Transfer and tuning in a line of names: empty for the defaults."""
        return f"{self.transfer_text}{' tuned' if self.tuned else ''}"


class CellMetrics(Record):
    """Errors over the test images, in the dataset's unit unless the name says px."""

    mre: float = Field(description="Mean radial error over all known points.")
    mre_std: float
    median: float
    p95: float
    sdr: dict[str, float] = Field(description="Percent of points within each threshold (<=).")
    n_images: int
    n_points: int
    per_landmark: dict[str, float | None]
    mre_px: float = Field(description="Mean radial error in native px.")


class Floor(Record):
    """The mean-shape predictor on the same test images: what any method has to beat."""

    mre: float
    sdr: dict[str, float]


class CellRecord(Record):
    """``cells/<key>/cell.json``: one point of the grid, done or failed."""

    key: Key
    status: Status
    spec: dict[str, Any]
    labels: CellLabels
    dataset_key: Key | None = None
    pretraining_key: Key | None = None
    unit: str = ""
    metrics: CellMetrics | None = None
    floor: Floor | None = None
    extra: ExtraPool | None = Field(
        None, description="Unlabelled images beside the pool that its pretraining saw."
    )
    training_ids: tuple[str, ...] = ()
    timings: Timings = Field(default_factory=Timings)
    parameters: int | None = None
    multiply_adds: int | None = Field(
        None, description="Of the detector's forward pass on one image at the working size."
    )
    steps: int = 0
    images_seen: int = Field(
        0, description="Labelled images drawn in the fine-tuning, repeats counted."
    )
    micro_batches: int = Field(
        1, description="Parts in which a batch went through at the end, where memory was short."
    )
    peak_memory_mb: float | None = None
    peak_gpu_memory_mb: float | None = Field(
        None, description="Largest allocation of this worker on its GPU; None without one."
    )
    energy_joules: Joules = None
    energy_shared_by: SharedBy = Field(default_factory=dict)
    attempts: int = 1
    environment: KeyOrNothing = ""
    files: dict[FileName, str] = Field(default_factory=dict, description="sha256 by file name.")
    finished: str = ""
    error: Failure | None = None


class EnvironmentRecord(Record):
    """``environments/<id>.json``: the machine and the software that made a result."""

    id: Key
    python: str
    platform: str
    cpu: str
    cores: int
    threads: int
    gpu: str | None = None
    processes: int = Field(1, description="At one training, each with a device of its own.")
    device: str = "cpu"
    precision: str = "float32"
    bfloat16_speedup: float | None = Field(
        None, description="Measured on the CPU, where the precision was chosen by it."
    )
    git_revision: str | None = None
    packages: dict[str, str] = Field(default_factory=dict)


class RunRecord(Record):
    """``runs/<time>.json``: one call of ``run``, and the cells that it asked for."""

    started: str
    finished: str = ""
    command: tuple[str, ...] = ()
    preset: str = ""
    cells: tuple[str, ...] = ()
    engine: str = "local"
    workers: int = 1
    margin: float | None = Field(
        None, description="The margin of practical equivalence, declared before the work began."
    )
    claim: str | None = Field(
        None, description="The method whose claim to the lowest error is put to the test."
    )
    seconds: float = 0.0
    idle: float | None = Field(
        None, description="Share of the workers' time in which they had no task; None: not known."
    )
