"""Running one pretraining: a method, a backbone, the unlabelled pool and a budget."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from benchmark.acceleration import accelerate
from benchmark.accounting import CudaClock, Stopwatch, counted, timings
from benchmark.backbones import BackboneSpec
from benchmark.backbones.base import Backbone
from benchmark.config import CHECKPOINT_SECONDS
from benchmark.devices import generator, resolve_precision
from benchmark.energy import POWERCAP, EnergyMeter
from benchmark.environment import peak_gpu_memory_mb, peak_memory_mb
from benchmark.errors import PluginError
from benchmark.extra_images import load_extra
from benchmark.files import file_sha256, write_record
from benchmark.grid import PretrainingSpec
from benchmark.operations import peak_flops
from benchmark.parallel import leads
from benchmark.plugins import Method, Part
from benchmark.prepared import load_prepared
from benchmark.probing import probe
from benchmark.progress import Listener, silent
from benchmark.registry import registry
from benchmark.representation import embedding_health
from benchmark.schema import ExtraPool, PretrainingRecord
from benchmark.seeding import stream_seed
from benchmark.store import Store
from benchmark.training import Trainer
from benchmark.unlabelled import UnlabelledImages
from benchmark.weights import initial_backbone, save_parts

WEIGHTS = "backbone.safetensors"


@dataclass(frozen=True)
class Machine:
    """What a worker was given: where to compute, beside whom, and the id of its environment.

    Attributes:
        device: The CPU, or the GPU that the worker is pinned to.
        environment: The id of the environment record.
        workers: Workers on this machine, this one included.
        gpu_workers: Workers on this GPU, this one included.
        powercap: The folder in which Linux counts the energy of the CPU.
        devices: Processes at one training, each with a device.
        startup_seconds: From the start of the worker to that of its work.
        checkpoint_seconds: Between two checkpoints of a training.
    """

    device: torch.device
    environment: str
    workers: int = 1
    gpu_workers: int = 1
    powercap: Path = POWERCAP
    devices: int = 1
    startup_seconds: float = 0.0
    checkpoint_seconds: float = CHECKPOINT_SECONDS

    def energy_meter(self) -> EnergyMeter:
        """A meter for the device of this worker; of several devices it would tell a part."""
        if self.devices > 1:
            return EnergyMeter(powercap=Path(os.devnull))
        gpu = None
        if self.device.type == "cuda":
            gpu = f"GPU-{torch.cuda.get_device_properties(self.device).uuid}"
        return EnergyMeter(self.workers, gpu, self.gpu_workers, self.powercap)

    def stopwatch(self, precision: torch.dtype) -> Stopwatch:
        """A stopwatch for the device of this worker, with its peak at a precision."""
        if self.device.type != "cuda":
            return Stopwatch()
        peak = peak_flops(torch.cuda.get_device_name(self.device), precision)
        return Stopwatch(CudaClock(self.device), peak)


@counted("decode")
def _images(store: Store, spec: PretrainingSpec, device: torch.device) -> UnlabelledImages:
    """The pool: nothing but pixels of images that are neither test images nor leaks of one."""
    assert spec.dataset is not None
    prepared = load_prepared(store, spec.dataset.key)
    pixels = prepared.pixels[prepared.in_pool]
    if spec.extra_pool is not None:
        pixels = np.concatenate([pixels, load_extra(store, spec.extra_pool.key)])
    return UnlabelledImages(pixels, device, spec.inputs)


@counted("evaluation")
def _probe(store: Store, spec: PretrainingSpec, backbone: Backbone) -> dict[str, float]:
    """Ask the trained and the untrained network for attributes, once the method is done."""
    assert spec.dataset is not None
    data = load_prepared(store, spec.dataset.key)
    untrained = initial_backbone(BackboneSpec.from_json(spec.backbone), spec.seed or 0)
    return probe(backbone, untrained.to(next(backbone.parameters()).device), data)


def _checksums(backbone: Backbone) -> dict[str, float]:
    """A digest of each tensor, to see which parts a method has changed."""
    return {k: float(v.double().abs().sum()) for k, v in backbone.state_dict().items()}


def run_pretraining(
    store: Store, spec: PretrainingSpec, machine: Machine, listener: Listener = silent
) -> PretrainingRecord:
    """Pretrain and write ``pretrained/<key>/``; an interrupted pretraining is gone on with.

    Raises:
        BenchmarkError: The method cannot do its work; one sentence says why.
        DataError: A file that an option names has changed since the run was planned.
        PluginError: The method changed a part of the backbone that it does not declare.
    """
    spec.method.ensure_files_unchanged()
    precision = resolve_precision(spec.precision, machine.device)
    checkpoint = store.checkpoint(spec.key)
    method = registry("method").load(spec.method.name)
    with machine.stopwatch(precision) as stopwatch, store.folder("pretrained", spec.key) as folder:
        meter = machine.energy_meter()
        trainer = Trainer(
            steps=spec.steps,
            batch_size=spec.batch_size,
            device=machine.device,
            precision=precision,
            generator=generator(
                stream_seed("pretraining-data", spec.method.name, spec.seed), machine.device
            ),
            folder=folder,
            listener=meter.listening(listener),
            checkpoint=checkpoint,
            checkpoint_seconds=machine.checkpoint_seconds,
            recordable=method.recordable,
            compares_images=method.compares_images,
        )
        seconds = _train(store, spec, machine, trainer, meter, stopwatch)
        extra = store.extra_pool(spec.extra_pool.key) if spec.extra_pool is not None else None
        record = _record(spec, trainer, machine, seconds, meter, stopwatch, extra)
        write_record(folder / "pretraining.json", record)
    if leads():
        checkpoint.unlink(missing_ok=True)
    return record


def _train(
    store: Store,
    spec: PretrainingSpec,
    machine: Machine,
    trainer: Trainer,
    meter: EnergyMeter,
    stopwatch: Stopwatch,
) -> float:
    """Pretrain, and keep weights, history and notes; the seconds without probes and files."""
    plugin = registry("method").load(spec.method.name)
    method = plugin(plugin.Options.model_validate(spec.method.options))
    backbone = initial_backbone(BackboneSpec.from_json(spec.backbone), spec.seed or 0)
    backbone.to(machine.device)
    before = _checksums(backbone)
    torch.manual_seed(stream_seed("pretraining", spec.method.name, spec.seed))
    pool = _images(store, spec, machine.device) if spec.dataset is not None else None
    if pool is not None:
        accelerate(backbone, pool.size, trainer.batch_size, trainer.steps)
    with meter:
        method.pretrain(backbone, pool, trainer)  # type: ignore[arg-type]
    seconds = stopwatch.elapsed() + trainer.earlier_seconds
    changed = _changed_parts(method, backbone, before)
    if pool is not None:
        with counted("evaluation"):
            health = embedding_health(backbone, pool)
        trainer.note(**health, **_probe(store, spec, backbone))
    with counted("checkpoint"):
        # A part that weights from elsewhere have left alone is the cell's own seed's to draw.
        save_parts(backbone, changed, trainer.folder / WEIGHTS)
        if trainer.history is not None:
            trainer.history.write(trainer.folder / "history.parquet")
    return seconds


def _changed_parts(method: Method, backbone: Backbone, before: dict[str, float]) -> frozenset[Part]:
    """The parts that a method has changed; one that it does not declare is refused."""
    after = _checksums(backbone)
    changed = {backbone.part_of(name): name for name in after if after[name] != before[name]}
    for part, name in changed.items():
        if part not in method.trains:
            declared = " and ".join(sorted(method.trains)) or "nothing"
            raise PluginError(
                f"method {method.name!r} changed the {part} ({name}) but declares that it trains "
                f"{declared}: correct its attribute 'trains'"
            )
    return frozenset(changed)


def _record(
    spec: PretrainingSpec,
    trainer: Trainer,
    machine: Machine,
    seconds: float,
    meter: EnergyMeter,
    stopwatch: Stopwatch,
    extra: ExtraPool | None,
) -> PretrainingRecord:
    # What an interrupted training took before cannot be known, and a part is not the whole.
    whole = not trainer.earlier_seconds
    return PretrainingRecord(
        key=spec.key,
        status="done",
        spec=spec.model_dump(mode="json"),
        method=spec.method.name,
        backbone=BackboneSpec.from_json(spec.backbone).label,
        dataset=spec.dataset.title if spec.dataset else None,
        seed=spec.seed,
        metrics=trainer.metrics,
        steps=len(trainer.history.loss) if trainer.history is not None else 0,
        images_seen=trainer.images_seen,
        seconds=seconds,
        timings=timings(
            stopwatch,
            trainer.batch_size,
            startup=machine.startup_seconds,
            earlier=trainer.earlier_seconds,
        ),
        peak_memory_mb=peak_memory_mb(),
        peak_gpu_memory_mb=peak_gpu_memory_mb(machine.device),
        energy_joules=meter.joules if whole else None,
        energy_shared_by=meter.shared_by if whole else {},
        extra=extra,
        environment=machine.environment,
        files={WEIGHTS: file_sha256(trainer.folder / WEIGHTS)},
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
