"""Writes a plausible store without training anything, for the tests of the reports."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.files import key_of, write_record, write_text
from benchmark.schema import (
    CellLabels,
    CellMetrics,
    CellRecord,
    DatasetRecord,
    EnvironmentRecord,
    Failure,
    Floor,
    Leak,
    PretrainingRecord,
    Preview,
    RunRecord,
    Timings,
)
from benchmark.store import Store
from benchmark.tuning.records import TuningSource
from tests.reports.synthetic_data import (
    DATASETS,
    STRATEGIES,
    Data,
    Strategy,
    draw_radiograph,
    image_id,
    truth,
)

ENVIRONMENT = "0123456789abcdef"
FAILURE = "the loss was not finite at step 12: lower protocol.learning_rate"
REFERENCES = {
    "ddpm": (1.0, "the loss of predicting no noise"),
    "simclr": (3.43, "the loss of guessing among the batch"),
}


def build_store(
    root: Path,
    *,
    datasets: Sequence[Data] = DATASETS,
    strategies: Sequence[Strategy] = STRATEGIES,
    shots: Sequence[int] = (10, 50),
    seeds: Sequence[int] = (0, 1),
    failed: Sequence[tuple[str, str, int, int]] = (("cephalometric", "simclr", 10, 1),),
    preset: str = "quick",
    transfer: str = "whole",
    spec_changes: Mapping[str, Any] | None = None,
    tuned: TuningSource | None = None,
) -> Store:
    """Write datasets, pretrainings, cells, an environment and a run.

    Args:
        root: The folder of the store.
        datasets: What the cells are measured on.
        strategies: The rows.
        shots: The numbers of labelled images.
        seeds: The seeds.
        failed: (dataset, method, shots, seed) of the cells on ``unet`` that fail.
        preset: Written into the specs.
        transfer: Of all cells; ``whole`` is left out of the specs, as in those of old cells.
        spec_changes: Parts of the spec that are replaced.
        tuned: Where the options of all cells come from; None: they are the default ones.
    """
    store = Store(root)
    store.write_environment(
        EnvironmentRecord(
            id=ENVIRONMENT,
            python="3.11.9",
            platform="Linux-6.1",
            cpu="AMD EPYC",
            cores=2,
            threads=1,
            git_revision="0" * 40,
            packages={"numpy": "2.4.0", "torch": "2.13.0"},
        )
    )
    keys = []
    for data in datasets:
        dataset_key = _write_dataset(store, data)
        for strategy in strategies:
            for seed in seeds:
                pretraining = _write_pretraining(store, data, strategy, seed)
                for count in shots:
                    labels = CellLabels(
                        dataset=data.name,
                        method=strategy.method,
                        title=strategy.title,
                        backbone=strategy.backbone,
                        shots=count,
                        seed=seed,
                        control=strategy.control,
                        transfer=transfer,
                        tuned=tuned,
                    )
                    spec = _spec(data, strategy, labels, preset) | dict(spec_changes or {})
                    place = (data.name, strategy.method, count, seed)
                    fails = place in failed and strategy.backbone == "unet"
                    record = _cell(labels, spec, dataset_key, pretraining, data)
                    keys.append(_write_cell(store, record, data, strategy, fails=fails))
    command = ["python", "-m", "benchmark", "run", "--shots", ",".join(map(str, shots))]
    write_record(
        root / "runs" / f"{preset}-{transfer}{'-tuned' if tuned else ''}.json",
        RunRecord(started="2026-01-01T00:00:00", command=tuple(command), cells=tuple(keys)),
    )
    return store


def _spec(data: Data, strategy: Strategy, labels: CellLabels, preset: str) -> dict[str, Any]:
    trains = strategy.method in REFERENCES
    method = {"name": strategy.method, "version": 1, "options": {"width": 32} if trains else {}}
    backbone = {"name": strategy.backbone, "options": {}}
    pretraining = {
        "method": method,
        "backbone": backbone,
        "steps": 200,
        "batch_size": 16,
        "precision": "float32",
        "seed": labels.seed,
    }
    return {
        "dataset": {
            "dataset": {"name": data.name, "version": 1, "options": {}},
            "title": data.title,
            "fingerprint": key_of(repr(data)),
            "working_size": [160, 128],
        },
        "method": method,
        "backbone": backbone,
        "shots": labels.shots,
        "seed": labels.seed,
        "protocol": {"version": 1, "steps": 200, "learning_rate": 0.002, "decoder": "local"},
        "finetuning_steps": 200,
        "pretraining": None if strategy.method == "scratch" else pretraining,
        "preset": preset,
    } | ({} if labels.transfer == "whole" else {"transfer": labels.transfer})


def _write_dataset(store: Store, data: Data) -> str:
    fingerprint = key_of(repr(data))
    key = key_of(["dataset", fingerprint])
    record = DatasetRecord(
        key=key,
        name=data.name,
        title=data.title,
        synthetic=data.synthetic,
        unit=data.unit,
        thresholds=data.thresholds,
        landmark_names=data.landmarks,
        counts={"train": 60, "val": 10, "test": data.test_images, "pool": 69},
        working_size=(160, 128),
        annotator_distance=data.annotator_distance,
        notes=("Spacing is 0.1 mm per native pixel along both axes.",),
        leaks=(Leak(pool_id="pool-4", test_id="test-02", correlation=0.998),),
        fingerprint=fingerprint,
        citation="Wang et al., Medical Image Analysis, 2016.",
        licence="research only",
    )
    points = truth(data)
    previews = {}
    with store.folder("datasets", key) as folder:
        write_record(folder / "dataset.json", record)
        (folder / "previews").mkdir()
        for number in range(min(12, data.test_images)):
            file = f"previews/{number}.png"
            draw_radiograph(points[number], data, number).save(folder / file)
            previews[image_id(number)] = Preview(
                file=file, width=data.size[0], height=data.size[1]
            ).model_dump()
        write_text(folder / "previews.json", json.dumps(previews))
        rows = [
            {"id": image_id(n), "width": data.size[0], "height": data.size[1]}
            for n in range(data.test_images)
        ]
        write_text(folder / "index.json", json.dumps(rows))
    return key


def _write_pretraining(store: Store, data: Data, strategy: Strategy, seed: int) -> str | None:
    if strategy.method == "scratch":
        return None
    own = strategy.method in REFERENCES
    identity = [strategy.method, strategy.backbone]
    key = key_of([*identity, data.name, seed] if own else identity)
    reference, meaning = REFERENCES.get(strategy.method, (None, None))
    metrics: dict[str, float | str | None] = {"reference_loss": reference}
    if reference is not None:
        metrics |= {"loss_first": reference * 1.02, "loss_last": reference * 0.12}
        metrics |= {"reference_meaning": meaning, "embedding_std": 0.62, "effective_rank": 21.4}
    record = PretrainingRecord(
        key=key,
        status="done",
        spec={},
        method=strategy.method,
        backbone=strategy.backbone,
        dataset=data.name if own else None,
        seed=seed if own else None,
        metrics=metrics,
        steps=200 if own else 0,
        images_seen=3200 if own else 0,
        seconds=83.0 if own else 0.4,
        environment=ENVIRONMENT,
    )
    with store.folder("pretrained", key) as folder:
        write_record(folder / "pretraining.json", record)
        if reference is not None:
            _write_history(folder, reference, 0.12 * reference, seed)
        if strategy.method == "ddpm":
            _write_samples(folder / "samples.png", data)
    return key


def _write_samples(path: Path, data: Data) -> None:
    from PIL import Image

    tiles = [draw_radiograph(truth(data)[n], data, 50 + n, longest=140) for n in range(12, 20)]
    width, height = tiles[0].size
    sheet = Image.new("L", (4 * width, 2 * height))
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (place % 4 * width, place // 4 * height))
    sheet.save(path)


def _write_history(folder: Path, first: float, last: float, seed: int) -> None:
    import pandas as pd

    steps = np.arange(1, 201)
    noise = np.random.default_rng(seed).normal(0, 0.05, len(steps))
    losses = (last + (first - last) * np.exp(-steps / 35)) * np.exp(noise)
    frame = pd.DataFrame({"step": steps, "loss": losses, "learning_rate": 1e-3})
    frame.to_parquet(folder / "history.parquet")


def _cell(
    labels: CellLabels, spec: dict[str, Any], dataset_key: str, pretraining: str | None, data: Data
) -> CellRecord:
    return CellRecord(
        key=key_of({name: value for name, value in spec.items() if name != "preset"}),
        status="done",
        spec=spec,
        labels=labels,
        dataset_key=dataset_key,
        pretraining_key=pretraining,
        unit=data.unit,
        environment=ENVIRONMENT,
        finished=f"2026-01-01T0{labels.seed % 10}:00:00",
    )


def _write_cell(
    store: Store, record: CellRecord, data: Data, strategy: Strategy, *, fails: bool
) -> str:
    with store.folder("cells", record.key) as folder:
        if fails:
            failure = Failure(sentence=FAILURE, type="ValueError", traceback="Traceback ...")
            update: dict[str, Any] = {"status": "failed", "error": failure}
        else:
            update = _measure(folder, record, data, strategy)
        write_record(folder / "cell.json", record.model_copy(update=update))
    return record.key


def _measure(folder: Path, record: CellRecord, data: Data, strategy: Strategy) -> dict[str, Any]:
    import pandas as pd

    labels = record.labels
    rng = np.random.default_rng(int(record.key, 16))
    points = truth(data)
    radius = strategy.error * (50 / labels.shots) ** 0.35 * rng.normal(1, 0.04)
    spread = rng.gamma(2.0, 0.5, (len(points), 1, 1)) + 0.3
    offset = rng.normal(0, radius / 1.6, points.shape) * spread / np.array(data.spacing)
    predicted = np.where(np.isfinite(points), points, 0.5 * np.array(data.size)) + offset
    errors_px = np.hypot(*np.moveaxis(predicted - points, -1, 0))
    errors = np.hypot(*np.moveaxis((predicted - points) * np.array(data.spacing), -1, 0))
    count, landmarks = errors.shape
    pd.DataFrame(
        {
            "image_id": np.repeat([image_id(n) for n in range(count)], landmarks),
            "landmark": np.tile(data.landmarks, count),
            "x": predicted[..., 0].ravel(),
            "y": predicted[..., 1].ravel(),
            "x_true": points[..., 0].ravel(),
            "y_true": points[..., 1].ravel(),
            "error_px": errors_px.ravel(),
            "error": errors.ravel(),
            "unit": data.unit,
            "spacing_x": data.spacing[0],
            "spacing_y": data.spacing[1],
        }
    ).to_parquet(folder / "predictions.parquet")
    _write_history(folder, 8.0, 2.0 + strategy.error / 2, labels.seed)
    known = errors[np.isfinite(errors)]
    sdr = {str(t): float(100 * np.mean(known <= t)) for t in data.thresholds}
    return {
        "metrics": CellMetrics(
            mre=float(known.mean()),
            mre_std=float(known.std()),
            median=float(np.median(known)),
            p95=float(np.percentile(known, 95)),
            sdr=sdr,
            n_images=count,
            n_points=known.size,
            per_landmark={
                name: float(np.nanmean(errors[:, n])) for n, name in enumerate(data.landmarks)
            },
            mre_px=float(np.nanmean(errors_px)),
        ),
        "floor": Floor(mre=9.5 + labels.seed, sdr={str(t): t for t in data.thresholds}),
        "timings": Timings(finetuning_seconds=64.0 + labels.seed),
        "parameters": 2_510_000 if strategy.backbone == "unet" else 6_130_000,
        "steps": 200,
    }
