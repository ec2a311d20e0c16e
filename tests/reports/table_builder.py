"""Tables of results that nothing measured, for the tests of the figures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from benchmark.files import key_of
from benchmark.reports.tables import (
    CONTROL,
    DatasetGroup,
    Identity,
    LeaderboardTable,
    Pair,
    Reference,
    Row,
)
from benchmark.schema import CellLabels, CellMetrics, CellRecord, Timings
from benchmark.statistics.results import Comparison, Components, Interval, Verdict

NAMES = (
    ("ddpm", "DDPM"),
    ("simclr", "SimCLR"),
    ("moco", "MoCo v2"),
    (CONTROL, "From scratch"),
    ("byol", "BYOL"),
    ("mae", "Masked autoencoder"),
    ("vicreg", "VICReg"),
    ("dino", "DINO"),
    ("imagenet", "ImageNet"),
)
LANDMARKS = ("sella", "nasion", "orbitale", "porion", "menton", "gonion")


def make_table(
    count: int = 4,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    shots: int = 50,
    landmarks: Sequence[str] = LANDMARKS,
    intervals: bool = True,
    failing: bool = False,
    long_names: bool = False,
    name: str = "cephalometric",
    detail: str = "",
    margin: float | None = None,
) -> LeaderboardTable:
    """A table of ``count`` rows, best first: about 1.0, 1.1, 1.2, ... mm at 50 shots.

    Args:
        count: The number of rows with a result.
        seeds: Those of every row.
        shots: The number of labelled images.
        landmarks: Their names.
        intervals: Whether rows have intervals and pairs are compared.
        failing: Whether a last row has failed cells only.
        long_names: Whether backbone, transfer and variant are long.
        name: Of the dataset.
        detail: What tells the dataset from another of that name.
        margin: Of equivalence.
    """
    group = DatasetGroup(name, f"The {name} data", detail, "mm", (2.0, 2.5, 3.0, 4.0), (), ())
    rows = [
        _row(place, shots, seeds, landmarks, intervals=intervals, long_names=long_names)
        for place in range(count)
    ]
    pairs = tuple(_pair(one, other, margin) for one, other in combinations(rows, 2))
    if failing:
        rows.append(_row(count, shots, (), landmarks, intervals=False, long_names=long_names))
    floor = Reference("floor", "mean shape", "The mean shape.", {"mre": 9.5})
    return LeaderboardTable(
        group=group,
        shots=shots,
        rows=tuple(rows),
        references=(floor,),
        pairs=pairs if intervals else (),
        margin=margin,
    )


def _row(
    place: int,
    shots: int,
    seeds: Sequence[int],
    landmarks: Sequence[str],
    *,
    intervals: bool,
    long_names: bool,
) -> Row:
    method, title = NAMES[place % len(NAMES)]
    again = place // len(NAMES)
    method, title = (f"{method}-{again}", f"{title} {again}") if again else (method, title)
    backbone = "timm/convnextv2_atto.fcmae_ft_in1k" if long_names else "unet"
    variant = "options.temperature=0.07, protocol.learning_rate=0.002" if long_names else ""
    identity = Identity(method, backbone, "frozen@250" if long_names else "whole", variant)
    mre = (1.0 + 0.1 * place) * (50 / shots) ** 0.4
    done = tuple(_cell(identity, title, shots, seed, mre, landmarks) for seed in seeds)
    values = {"mre": mre if done else None, "gain": 100 * (1 - mre / 1.3) if done else None}
    values |= {"finetuning_seconds": 60.0 + place if done else None}
    values |= {"pretraining_seconds": 300.0 * 1.7 ** (-place) if done and place != 3 else None}
    return Row(
        identity,
        title,
        method == CONTROL,
        values,
        {},
        done,
        () if done else (_cell(identity, title, shots, 0, None, landmarks),),
        {"mre": Interval(mre, 0.9 * mre, 1.12 * mre)} if intervals else {},
    )


def _cell(
    identity: Identity,
    title: str,
    shots: int,
    seed: int,
    mre: float | None,
    landmarks: Sequence[str],
) -> CellRecord:
    labels = CellLabels(
        dataset="cephalometric",
        method=identity.method,
        title=title,
        backbone=identity.backbone,
        shots=shots,
        seed=seed,
        control=identity.method == CONTROL,
    )
    key = key_of(f"{identity}-{shots}-{seed}")
    if mre is None:
        return CellRecord(key=key, status="failed", spec={}, labels=labels)
    own = mre * (1 + 0.03 * (seed - 1))
    hardness = np.linspace(0.6, 1.4, len(landmarks))
    metrics = CellMetrics(
        mre=own,
        mre_std=0.5 * own,
        median=0.9 * own,
        p95=2.5 * own,
        sdr={"2.0": 80.0},
        n_images=30,
        n_points=30 * len(landmarks),
        per_landmark={n: float(own * h) for n, h in zip(landmarks, hardness, strict=True)},
        mre_px=10 * own,
    )
    return CellRecord(
        key=key,
        status="done",
        spec={},
        labels=labels,
        metrics=metrics,
        timings=Timings(finetuning_seconds=60.0),
    )


def _pair(first: Row, second: Row, margin: float | None) -> Pair:
    """Rows up to a tenth apart may differ by chance, others do not."""
    difference = (first.number("mre") or 0.0) - (second.number("mre") or 0.0)
    p_value = 0.2 if abs(difference) < 0.15 else 0.001
    within = margin is not None and abs(difference) + 0.06 < margin
    verdict: Verdict = "equivalent" if within else ("undecided" if p_value > 0.05 else "lower")
    comparison = Comparison(
        difference=Interval(difference, difference - 0.06, difference + 0.06),
        components=Components(difference, 3, 30, 0.01, 0.1, 0.1, 0.03, 20.0),
        p_value=p_value,
        sign_flip_p=p_value,
        win_rate=Interval(0.6, 0.5, 0.7),
        margin=margin,
        verdict=verdict,
    )
    return Pair(first.identity, second.identity, comparison, p_value)
