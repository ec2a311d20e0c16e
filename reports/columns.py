"""The columns of the leaderboard: one frozen specification each, shared by every rendering."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Direction = Literal["lower", "higher"]
Value = float | str | None

ARROWS: dict[Direction | None, str] = {"lower": "↓", "higher": "↑", None: ""}


def threshold_key(threshold: float) -> str:
    """The key of an SDR column and of ``CellMetrics.sdr``: ``2`` gives ``sdr@2.0``."""
    return f"sdr@{float(threshold)}"


def format_error(value: float) -> str:
    """An error with two decimals, as the field prints it."""
    return f"{value:.2f}"


def format_percent(value: float) -> str:
    """A percentage with one decimal, without the sign of percent (the heading has it)."""
    return f"{value:.1f}"


def format_gain(value: float) -> str:
    """A signed percentage; a true minus sign, so that columns align."""
    text = f"{value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def format_seconds(value: float) -> str:
    """A duration in one unit, to two or three digits: ``45 s``, ``3.4 min``, ``2.1 h``."""
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if value >= 1.5 * size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.1f} s" if 0 < value < 9.95 else f"{value:.0f} s"


def format_count(value: float) -> str:
    """A large number to three digits: ``950``, ``12.3 k``, ``2.51 M``."""
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:g}"


@dataclass(frozen=True)
class Column:
    """What a column shows and how; it knows nothing of the table it stands in.

    Attributes:
        key: The name in ``Row.entries`` and in the CSV file.
        title: The heading.
        explanation: One sentence for the reader.
        unit: Unit of the values; ``{unit}`` stands for the dataset's unit.
        direction: Which values are better, or None where no value is better.
        format: Turns a value that is not None into text.
        numeric: Whether the column is aligned to the right.
        priority: Columns with a greater number are left out first where the page is narrow.
    """

    key: str
    title: str
    explanation: str
    unit: str = ""
    direction: Direction | None = None
    format: Callable[[Any], str] = str
    numeric: bool = True
    priority: int = 0

    def unit_text(self, unit: str) -> str:
        """The unit with the dataset's own filled in."""
        return self.unit.replace("{unit}", unit)

    def subheading(self, unit: str) -> str:
        """Unit and direction, the second line of the heading."""
        return f"{self.unit_text(unit)} {ARROWS[self.direction]}".strip()

    def heading(self, unit: str) -> str:
        """Title, unit and direction on one line."""
        return f"{self.title} {self.subheading(unit)}".strip()

    def text(self, values: Mapping[str, Value], spreads: Mapping[str, float]) -> str:
        """The cell's text: empty where there is no value, ``± spread`` where there is one."""
        value = values.get(self.key)
        if value is None:
            return ""
        text = self.format(value)
        spread = spreads.get(self.key)
        return text if spread is None else f"{text} ± {self.format(spread)}"


METHOD = Column("method", "Method", "The pretraining strategy.", numeric=False)
BACKBONE = Column("backbone", "Backbone", "The network that was pretrained.", numeric=False)
TRANSFER = Column(
    "transfer",
    "Transfer",
    "What was taken over from the pretraining, and what was trained on the labelled images.",
    numeric=False,
)
VARIANT = Column(
    "variant", "Variant", "In what rows of one method, backbone and transfer differ.", numeric=False
)
MRE = Column(
    "mre",
    "MRE",
    "Mean radial error over all known landmarks of the test images; mean over the seeds.",
    "{unit}",
    "lower",
    format_error,
)
GAIN = Column(
    "gain",
    "Gain",
    "How much lower MRE is than that of scratch on the same backbone and seeds, under the same "
    "transfer, in percent.",
    "%",
    "higher",
    format_gain,
    priority=1,
)
MEDIAN = Column(
    "median",
    "Median",
    "Median radial error; mean over the seeds.",
    "{unit}",
    "lower",
    format_error,
    priority=3,
)
P95 = Column(
    "p95",
    "P95",
    "95th percentile of the radial error; mean over the seeds.",
    "{unit}",
    "lower",
    format_error,
    priority=3,
)
SEEDS = Column(
    "seeds", "Seeds", "Seeds that finished, of how many where some failed.", numeric=True
)
PRETRAINING_TIME = Column(
    "pretraining_seconds",
    "Pretrain",
    "Wall time of one pretraining; mean over the seeds.",
    "time",
    "lower",
    format_seconds,
    priority=4,
)
FINETUNING_TIME = Column(
    "finetuning_seconds",
    "Finetune",
    "Wall time of one fine-tuning; mean over the seeds.",
    "time",
    "lower",
    format_seconds,
    priority=5,
)
PARAMETERS = Column(
    "parameters",
    "Parameters",
    "Weights of the detector.",
    format=format_count,
    priority=6,
)


def sdr_columns(thresholds: Sequence[float]) -> tuple[Column, ...]:
    """One column a threshold; the first threshold of the field matters most."""
    return tuple(
        Column(
            threshold_key(threshold),
            f"SDR {threshold:g}",
            f"Landmarks within {threshold:g} of the truth, in percent; mean over the seeds.",
            "%",
            "higher",
            format_percent,
            priority=1 if place == 0 else 2,
        )
        for place, threshold in enumerate(thresholds)
    )


def leaderboard_columns(thresholds: Sequence[float]) -> tuple[Column, ...]:
    """All columns in the order in which they stand in a table."""
    return (
        METHOD,
        BACKBONE,
        TRANSFER,
        VARIANT,
        MRE,
        GAIN,
        *sdr_columns(thresholds),
        MEDIAN,
        P95,
        PRETRAINING_TIME,
        FINETUNING_TIME,
        PARAMETERS,
        SEEDS,
    )
