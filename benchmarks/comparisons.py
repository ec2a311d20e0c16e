"""What is measured against the paper's code: who takes part, and what each is compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from benchmarks.turns import Contestant

FILES = ("native files", "scaled files")
SHOTS = {"native files": 10, "scaled files": 50}
"""Labelled images in an epoch: fewer where each takes the paper's code long."""

WORKERS = (2, 0)
"""Of its data loader: as released, and none, which is quicker where epochs are short."""

SAME = "as the paper's"
"""Augmentation of ours with the strengths of the paper's."""

PLAIN = "not augmented"

DECODED = 25
"""Images with heatmaps in a turn of the paper's code; ours goes through them ten times."""

SMALL = 64
"""Side of the images of training steps that take little time and memory, px."""

PRESETS = ("standard", "quick")
"""Whose networks are scaled to the paper's number of parameters."""


@dataclass(frozen=True)
class Setting:
    """What all measurements share; folders as text, because it goes through JSON.

    Attributes:
        checkout: The paper's code.
        packages: A folder with libraries that it needs, or None.
        files: Folders with radiographs and labels in the layout of the paper's code.
        arrays: The same, prepared.
        heatmaps: What is decoded.
        store: Where the choice of precision is kept.
        threads: Threads of every process.
        size: Side of the images of data and heatmaps, px; as released, 256.
        step_size: Side of the images of training steps, px.
        width: Base width of the paper's U-Net.
        batch: Images a batch and a step.
    """

    checkout: str
    packages: str | None
    files: Mapping[str, str]
    arrays: str
    heatmaps: str
    store: str
    threads: int
    size: int = 256
    step_size: int = SMALL
    width: int = 64
    batch: int = 4


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Attributes:
        what: For the reader.
        slow: The contestant whose time is divided.
        fast: The contestant by whose time it is divided.
        target: The ratio that is asked for; None: the line explains another.
    """

    what: str
    slow: str
    fast: str
    target: float | None = None


@dataclass(frozen=True)
class Measurement:
    """Contestants that take turns, and the lines that come of it.

    Attributes:
        contestants: The paper's code first.
        rows: Lines, by names of contestants.
        unit: Of the two times in a line.
        amount: From seconds an item to a number in that unit.
        libraries: Those of the paper's code whose work is part of what is timed.
    """

    contestants: tuple[Contestant, ...]
    rows: tuple[Row, ...]
    unit: str
    amount: Callable[[float], float]
    libraries: frozenset[str] = frozenset()


def _theirs(name: str, function: str, setting: Setting, **settings: Any) -> Contestant:
    common = {"checkout": setting.checkout, "packages": setting.packages}
    return Contestant(name, f"benchmarks.paper_code:{function}", common | settings)


def _ours(name: str, function: str, *, told: tuple[str, ...] = (), **settings: Any) -> Contestant:
    return Contestant(name, f"benchmarks.own_code:{function}", settings, told)


def finetuning_data(setting: Setting) -> Measurement:
    """Labelled batches: image and a heatmap for each landmark."""
    common = {"size": setting.size, "batch": setting.batch}
    theirs = {
        (files, workers): _theirs(
            f"{files}, workers={workers}",
            "finetuning_batches",
            setting,
            cephalo=setting.files[files],
            shots=SHOTS[files],
            workers=workers,
            **common,
        )
        for files in FILES
        for workers in WORKERS
    }
    ours = {
        augmentation: _ours(
            augmentation,
            "finetuning_batches",
            arrays=setting.arrays,
            batch=setting.batch,
            shots=SHOTS["scaled files"],
            augmentation=augmentation,
        )
        for augmentation in ("own", SAME)
    }
    rows = [
        _batches("labelled", c.name, "own", "with its own augmentation") for c in theirs.values()
    ]
    for workers in WORKERS:
        name = theirs["scaled files", workers].name
        rows.append(_batches("labelled", name, SAME, f"augmented {SAME}"))
    return _images_a_second((*theirs.values(), *ours.values()), tuple(rows))


def pretraining_data(setting: Setting) -> Measurement:
    """Unlabelled batches."""
    theirs = {
        (files, workers): _theirs(
            f"{files}, workers={workers}",
            "pretraining_batches",
            setting,
            cephalo=setting.files[files],
            size=setting.size,
            batch=setting.batch,
            workers=workers,
        )
        for files in FILES
        for workers in WORKERS
    }
    common: dict[str, Any] = {"arrays": setting.arrays, "batch": setting.batch}
    ours = (
        _ours(PLAIN, "pretraining_batches", augmentation=None, **common),
        _ours(SAME, "pretraining_batches", augmentation=SAME, **common),
    )
    rows = [
        _batches("unlabelled", c.name, own, how)
        for own, how in ((PLAIN, "not augmented, as for its DDPM"), (SAME, f"augmented {SAME}"))
        for c in theirs.values()
    ]
    return _images_a_second((*theirs.values(), *ours), tuple(rows))


def _batches(kind: str, theirs: str, ours: str, how: str) -> Row:
    return Row(f"{kind} batches, {theirs}; ours {how}", theirs, ours, 10.0)


def _images_a_second(contestants: tuple[Contestant, ...], rows: tuple[Row, ...]) -> Measurement:
    libraries = frozenset({"albumentations"})
    return Measurement(contestants, rows, "images/s", lambda seconds: 1 / seconds, libraries)


def decoding(setting: Setting) -> Measurement:
    """Heatmaps of 250 test images to points, MRE and SDR."""
    theirs = tuple(
        _theirs(name, "decoding", setting, inputs=setting.heatmaps, everything=everything)
        for name, everything in (("all its metrics", True), ("MRE and SDR alone", False))
    )
    repeat = 250 // DECODED
    ours = tuple(
        _ours(name, "decoding", inputs=setting.heatmaps, decoder=name, repeat=repeat)
        for name in ("local", "contour")
    )
    rows = (
        Row("decoding and all that its evaluation computes", "all its metrics", "local", 20.0),
        Row("decoding, MRE and SDR alone", "MRE and SDR alone", "local", 20.0),
        Row("decoding, MRE and SDR alone; ours by contours", "MRE and SDR alone", "contour"),
    )
    return Measurement(
        (*theirs, *ours), rows, "s for 250", lambda seconds: 250 * seconds, frozenset({"cv2"})
    )


def pretraining_step(setting: Setting) -> Measurement:
    """A step of DDPM pretraining at an equal number of parameters."""
    common = _step_settings(setting)
    theirs = _theirs("released", "pretraining_step", setting, width=setting.width, **common)
    ours = _own_steps("pretraining_step", setting)
    rows = _step_rows("DDPM step", 3.0)
    if setting.step_size > SMALL:  # where all activations are kept, large images fill the memory
        return _seconds_a_step((theirs, *ours), rows)
    name = "activations kept"
    settings = {"width": setting.width, "recompute": False, **common}
    kept = _theirs(name, "pretraining_step", setting, **settings)
    why = Row("DDPM step of the paper's code, activations kept", "released", name)
    return _seconds_a_step((theirs, kept, *ours), (*rows, why))


def finetuning_step(setting: Setting) -> Measurement:
    """A step of fine-tuning at an equal number of parameters."""
    common = _step_settings(setting)
    theirs = _theirs("released", "finetuning_step", setting, width=setting.width, **common)
    ours = _own_steps("finetuning_step", setting)
    return _seconds_a_step((theirs, *ours), _step_rows("fine-tuning step", 2.0))


def _step_settings(setting: Setting) -> dict[str, int]:
    # Where images are large a step is long enough to be timed alone.
    steps = 2 if setting.step_size <= SMALL else 1
    return {"size": setting.step_size, "batch": setting.batch, "steps": steps}


def _own_steps(function: str, setting: Setting) -> tuple[Contestant, ...]:
    wanted = [(preset, "auto") for preset in PRESETS] + [(PRESETS[0], "float32")]
    return tuple(
        _ours(
            preset if precision == "auto" else f"{preset}, {precision}",
            function,
            told=("parameters",),
            preset=preset,
            size=setting.step_size,
            batch=setting.batch,
            precision=precision,
            threads=setting.threads,
            store=setting.store,
        )
        for preset, precision in wanted
    )


def _step_rows(what: str, target: float) -> tuple[Row, ...]:
    rows = [Row(f"{what}, network of `{p}`", "released", p, target) for p in PRESETS]
    single = f"{PRESETS[0]}, float32"
    return (*rows, Row(f"{what}, network of `{PRESETS[0]}` in float32", "released", single))


def _seconds_a_step(contestants: tuple[Contestant, ...], rows: tuple[Row, ...]) -> Measurement:
    return Measurement(contestants, rows, "s a step", lambda seconds: seconds)


MEASUREMENTS: Mapping[str, Callable[[Setting], Measurement]] = MappingProxyType(
    {
        "finetuning-data": finetuning_data,
        "pretraining-data": pretraining_data,
        "decoding": decoding,
        "pretraining-step": pretraining_step,
        "finetuning-step": finetuning_step,
    }
)
"""By the name that ``--only`` takes."""
