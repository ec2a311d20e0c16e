"""Running one cell of the grid: draw, fine-tune, predict, measure, write."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmark.acceleration import accelerate
from benchmark.accounting import Stopwatch, counted, timings
from benchmark.backbones import BackboneSpec
from benchmark.backbones.base import Detector
from benchmark.devices import resolve_precision
from benchmark.energy import EnergyMeter
from benchmark.environment import peak_gpu_memory_mb, peak_memory_mb
from benchmark.files import file_sha256, write_record
from benchmark.finetune import finetune, load_shots
from benchmark.frozen import FrozenDetector, NoisyInput
from benchmark.grid import CellSpec
from benchmark.history import History
from benchmark.inference import predict
from benchmark.measuring import floor_of, write_predictions
from benchmark.metrics import radial_errors
from benchmark.operations import multiply_adds
from benchmark.parallel import leads
from benchmark.prepared import PreparedDataset, load_prepared
from benchmark.pretraining import WEIGHTS, Machine
from benchmark.progress import Listener, silent
from benchmark.registry import registry
from benchmark.schema import CellLabels, CellRecord
from benchmark.seeding import stream_seed
from benchmark.splits import draw, first
from benchmark.store import Store
from benchmark.transfer import Transfer
from benchmark.validation import validation_loss
from benchmark.weights import initial_backbone, load_parts

PREDICTIONS = "predictions.parquet"
HISTORY = "history.parquet"


def training_ids(data: PreparedDataset, spec: CellSpec) -> tuple[str, ...]:
    """The few-shot draw of a cell: nested in shots, the same for all methods."""
    train = [data.ids[row] for row in data.rows("train")]
    if spec.protocol.published.draws == "sorted":
        return first(train, spec.shots)
    groups = {name: group for name, group in zip(data.ids, data.groups, strict=True) if group}
    return draw(train, data.record.name, spec.seed, spec.shots, groups)


def run_cell(
    store: Store,
    spec: CellSpec,
    labels: CellLabels,
    preset: str,
    machine: Machine,
    attempts: int = 1,
    listener: Listener = silent,
) -> CellRecord:
    """Compute a cell and write ``cells/<key>/``; an interrupted fine-tuning is gone on with.

    Raises:
        BenchmarkError: It cannot be computed; one sentence says why.
    """
    with machine.stopwatch(resolve_precision(spec.protocol.precision, machine.device)) as stopwatch:
        with counted("decode"):
            data = load_prepared(store, spec.dataset.key)
            ids = training_ids(data, spec)
        shots, test = data.rows_of(ids), data.rows("test")
        tested = _tune_and_test(store, spec, data, shots, machine, listener)
        with store.folder("cells", spec.key) as folder:
            with counted("checkpoint"):
                metrics = write_predictions(folder / PREDICTIONS, data, test, tested.predicted)
                tested.history.write(folder / HISTORY)
            record = CellRecord(
                key=spec.key,
                status="done",
                spec=spec.model_dump(mode="json") | {"preset": preset},
                labels=labels,
                dataset_key=spec.dataset.key,
                pretraining_key=spec.pretraining.key if spec.pretraining else None,
                unit=data.record.unit,
                metrics=metrics,
                floor=floor_of(data, shots, test),
                training_ids=ids,
                attempts=attempts,
                environment=machine.environment,
                files={name: file_sha256(folder / name) for name in (PREDICTIONS, HISTORY)},
                finished=datetime.now(UTC).isoformat(timespec="seconds"),
                **_costs(store, spec, tested, machine, stopwatch),
            )
            write_record(folder / "cell.json", record)
    if leads():
        store.checkpoint(spec.key).unlink(missing_ok=True)
    return record


@dataclass(frozen=True, eq=False)
class _Tested:
    """A fine-tuned detector, what it predicts for the test images, and what both have cost."""

    detector: nn.Module
    history: History
    predicted: np.ndarray
    finetuning_seconds: float
    energy: EnergyMeter


def _tune_and_test(
    store: Store,
    spec: CellSpec,
    data: PreparedDataset,
    shots: list[int],
    machine: Machine,
    listener: Listener,
) -> _Tested:
    started = time.monotonic()
    with machine.energy_meter() as energy:
        listener = energy.listening(listener)
        checkpoint = store.checkpoint(spec.key)
        detector, history = fine_tuned(store, spec, data, shots, machine, listener, checkpoint)
        seconds = time.monotonic() - started + history.earlier_seconds
        test = data.rows("test")
        predicted = predict(
            detector, data, test, spec.protocol, machine.device, listener, shots=shots
        )
    return _Tested(detector, history, predicted, seconds, energy)


def fine_tuned(
    store: Store,
    spec: CellSpec,
    data: PreparedDataset,
    shots: list[int],
    machine: Machine,
    listener: Listener,
    checkpoint: Path,
) -> tuple[Detector | FrozenDetector, History]:
    """The detector of a cell after fine-tuning, which goes on from its checkpoint.

    Args:
        store: Where the pretraining lies.
        spec: What is fine-tuned, and how.
        data: Holds the labelled images.
        shots: Their rows.
        machine: Where to compute.
        listener: Told of the progress.
        checkpoint: Where the state of the training is kept.
    """
    detector = initial_detector(store, spec, len(data.record.landmark_names)).to(machine.device)
    if isinstance(detector, Detector):
        size, batch_size = spec.dataset.working_size, spec.protocol.batch_size
        accelerate(detector.backbone, size, batch_size, spec.finetuning_steps)
    history = finetune(
        detector,
        load_shots(data, shots, machine.device, whole=_whole_labels(spec)),
        spec.protocol,
        steps=spec.finetuning_steps,
        seed=spec.seed,
        rate=rate_factor(spec),
        validate=_validation(detector, data, spec, machine, shots),
        listener=listener,
        checkpoint=checkpoint,
        checkpoint_seconds=machine.checkpoint_seconds,
    )
    return detector, history


def _costs(
    store: Store, spec: CellSpec, tested: _Tested, machine: Machine, stopwatch: Stopwatch
) -> dict[str, Any]:
    """The fields of a cell's record that say what it took."""
    pretrained = store.pretraining(spec.pretraining.key) if spec.pretraining else None
    earlier = tested.history.earlier_seconds
    return {
        "extra": pretrained.extra if pretrained else None,
        "parameters": sum(p.numel() for p in tested.detector.parameters()),
        "multiply_adds": multiply_adds(tested.detector, spec.dataset.working_size),
        "steps": len(tested.history.loss),
        "images_seen": _images_seen(spec, len(tested.history.loss)),
        "micro_batches": tested.history.parts,
        "peak_memory_mb": peak_memory_mb(),
        "peak_gpu_memory_mb": peak_gpu_memory_mb(machine.device),
        # What an interrupted training took before cannot be known, and a part is not the whole.
        "energy_joules": None if earlier else tested.energy.joules,
        "energy_shared_by": {} if earlier else tested.energy.shared_by,
        # Last, so that what stands above is in it.
        "timings": timings(
            stopwatch,
            spec.protocol.batch_size,
            startup=machine.startup_seconds,
            earlier=earlier,
            pretraining_seconds=pretrained.seconds if pretrained else 0.0,
            finetuning_seconds=tested.finetuning_seconds,
        ),
    }


def _images_seen(spec: CellSpec, steps: int) -> int:
    """Labelled images drawn in so many steps, repeats counted."""
    if not spec.protocol.published.epochs:
        return steps * spec.protocol.batch_size
    passes, more = divmod(steps, spec.protocol.steps_a_pass(spec.shots))
    return passes * spec.shots + min(more * spec.protocol.batch_size, spec.shots)


def initial_detector(store: Store, spec: CellSpec, landmarks: int) -> Detector | FrozenDetector:
    """The seed's initial network, with what the transfer takes over put in, under a fresh head."""
    transfer = Transfer.parse(spec.transfer)
    backbone = initial_backbone(BackboneSpec.from_json(spec.backbone), spec.seed)
    if spec.pretraining is not None:
        weights = store.root / "pretrained" / spec.pretraining.key / WEIGHTS
        load_parts(backbone, weights, transfer.parts)
    torch.manual_seed(stream_seed("head", spec.seed))
    if transfer.kind != "frozen":
        return Detector(backbone, landmarks)
    size = spec.dataset.working_size
    noisy = None
    if transfer.time is not None:
        plugin = registry("method").load(spec.method.name)
        method = plugin(plugin.Options.model_validate(spec.method.options))
        noisy = NoisyInput(method, transfer.time, size, spec.seed)
    return FrozenDetector(backbone, landmarks, size, noisy)


def rate_factor(spec: CellSpec) -> float:
    """What the protocol's learning rate is multiplied by."""
    rate = Transfer.parse(spec.transfer).rate
    return rate if spec.pretraining is not None else rate * spec.protocol.published.random_rate


def _whole_labels(spec: CellSpec) -> bool:
    return spec.protocol.published.labels == "whole"


def _validation(
    detector: Detector | FrozenDetector,
    data: PreparedDataset,
    spec: CellSpec,
    machine: Machine,
    shots: list[int],
) -> Callable[[], float] | None:
    if not spec.protocol.uses_validation:
        return None
    rows = data.rows("val")
    if spec.protocol.watches_loss:
        labelled = load_shots(data, rows, machine.device, whole=_whole_labels(spec))
        return lambda: validation_loss(detector, labelled, spec.protocol)

    def error() -> float:
        predicted = predict(detector, data, rows, spec.protocol, machine.device, shots=shots)
        return float(np.nanmean(radial_errors(predicted, data.points[rows], data.spacing[rows])))

    return error
