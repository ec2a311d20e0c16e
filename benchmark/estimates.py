"""How long work will take: a rough model of cost, corrected by what the store has measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmark.grid import CellSpec, PretrainingSpec
from benchmark.registry import registry
from benchmark.store import Store
from benchmark.transfer import Transfer

# Core-seconds of a training step an image and megapixel, for the small U-Net of the preset quick
# and for a lite timm encoder: measured on one core of a 2.3 GHz Xeon, float32. They set the scale
# of a first guess only; measured cells take over as soon as the store has one.
UNET_SECONDS = 3.6
UNET_WORK = 496.0
TIMM_SECONDS = 3.5
# Multiply-adds of a U-Net on a larger encoder over those on a lite one, as
# `benchmark.operations.multiply_adds` counts them at 256 px: 17.5 and 1.46 billion.
TIMM_WORK = {"timm/densenet161": 12.0}
START_SECONDS = 8.0
PREPARE_SECONDS = 30.0
# An encoder alone, on two views of a quarter of the pixels each.
COMPARISON_SHARE = 0.3
# A frozen network is passed forwards only, which is a third of the work of a training step.
FROZEN_SHARE = 1 / 3


def _seconds_a_megapixel(backbone: dict[str, Any]) -> float:
    """Cost of a training step an image and megapixel, from the widths of the network."""
    if backbone["name"] != "unet":
        return TIMM_SECONDS * TIMM_WORK.get(backbone["name"], 1.0)
    options = backbone["options"]
    work = sum(width**2 / 4**level for level, width in enumerate(options["channels"]))
    return float(UNET_SECONDS * work * options["layers"] / options["patch"] ** 2 / UNET_WORK)


# Seconds of a step in this model from which on a GPU is full: between the small U-Net's 8 images of
# 160 x 128 px (0.5), of which an H100 does a step in 6 ms, and the standard U-Net's 32 of 256 px
# (132), which take 21 GB and a sixth of a second.
FULL_STEP_SECONDS = 60.0


def cell_fills_gpu(spec: CellSpec) -> bool:
    """Whether the fine-tuning of a cell leaves nothing of a GPU for another task."""
    return _fills_gpu(spec.backbone, spec.dataset.working_size, spec.protocol.batch_size)


def pretraining_fills_gpu(spec: PretrainingSpec) -> bool:
    """The same of a pretraining; large batches on networks of unknown width count as full."""
    assert spec.dataset is not None
    many = registry("method").load(spec.method.name).compares_images
    unknown = spec.backbone["name"] != "unet"
    return (many and unknown) or _fills_gpu(
        spec.backbone, spec.dataset.working_size, spec.batch_size
    )


def _fills_gpu(backbone: dict[str, Any], size: tuple[int, int], batch_size: int) -> bool:
    megapixels = size[0] * size[1] / 1e6 * batch_size
    return megapixels * _seconds_a_megapixel(backbone) >= FULL_STEP_SECONDS


@dataclass(frozen=True)
class Estimator:
    """Expected core-seconds of tasks.

    Attributes:
        factor: Measured over modelled seconds of the cells in the store.
        measured: Number of cells behind the factor; none means a first guess.
    """

    factor: float = 1.0
    measured: int = 0

    @classmethod
    def from_store(cls, store: Store) -> Estimator:
        """Correct the model by the finished cells of a store."""
        model = cls()
        seconds = guessed = 0.0
        count = 0
        for record in store.cells():
            if record.status == "done":
                try:
                    spec = CellSpec.model_validate(
                        {k: v for k, v in record.spec.items() if k != "preset"}
                    )
                except ValueError:
                    continue
                guessed += model.cell(spec)
                seconds += record.timings.total_seconds + START_SECONDS
                count += 1
        return cls(seconds / guessed, count) if count else model

    def preparation(self) -> float:
        """Decoding a dataset."""
        return PREPARE_SECONDS

    def pretraining(self, spec: PretrainingSpec) -> float:
        """One pretraining."""
        if spec.dataset is None:
            return START_SECONDS
        height, width = spec.dataset.working_size
        images = spec.steps * spec.batch_size
        rate = _seconds_a_megapixel(spec.backbone)
        if registry("method").load(spec.method.name).compares_images:
            rate *= COMPARISON_SHARE
        return START_SECONDS + self.factor * images * height * width / 1e6 * rate

    def cell(self, spec: CellSpec) -> float:
        """Fine-tuning and evaluation of a cell."""
        height, width = spec.dataset.working_size
        images = spec.finetuning_steps * spec.protocol.batch_size
        rate = _seconds_a_megapixel(spec.backbone)
        if Transfer.parse(spec.transfer).kind == "frozen":
            rate *= FROZEN_SHARE
        return START_SECONDS + self.factor * images * height * width / 1e6 * rate
