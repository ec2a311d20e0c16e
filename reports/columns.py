"""The columns of the leaderboard: one frozen specification each, shared by every rendering."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from benchmark.statistics.results import Interval

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


def format_energy(value: float) -> str:
    """An energy in watt-hours to three digits."""
    return f"{value:.3g}"


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
        has_interval: Whether rows may have an interval for it.
        bracketed: Whether the interval stands behind the value where there is one.
        legend: What must be said under a table that shows the column.
    """

    key: str
    title: str
    explanation: str
    unit: str = ""
    direction: Direction | None = None
    format: Callable[[Any], str] = str
    numeric: bool = True
    priority: int = 0
    has_interval: bool = False
    bracketed: bool = False
    legend: str = ""

    def unit_text(self, unit: str) -> str:
        """The unit with the dataset's own filled in."""
        return self.unit.replace("{unit}", unit)

    def subheading(self, unit: str) -> str:
        """Unit and direction, the second line of the heading."""
        return f"{self.unit_text(unit)} {ARROWS[self.direction]}".strip()

    def heading(self, unit: str) -> str:
        """Title, unit and direction on one line."""
        return f"{self.title} {self.subheading(unit)}".strip()

    def text(self, values: Mapping[str, Value], intervals: Mapping[str, Interval]) -> str:
        """The cell's text: empty where there is no value, ``value [low, high]`` where it is known.

        Args:
            values: The row's values by column key.
            intervals: The row's intervals by column key; those of other columns are ignored.
        """
        value = values.get(self.key)
        if value is None:
            return ""
        text = self.format(value)
        interval = intervals.get(self.key) if self.bracketed else None
        return text if interval is None else f"{text} {self.interval_text(interval)}"

    def interval_text(self, interval: Interval) -> str:
        """The ends of an interval in brackets."""
        return f"[{self.format(interval.low)}, {self.format(interval.high)}]"


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
    "Mean radial error over all known landmarks of the test images, mean over the seeds; in "
    "brackets its 95 % interval for new seeds and new images.",
    "{unit}",
    "lower",
    format_error,
    has_interval=True,
    bracketed=True,
)
RANK = Column(
    "rank",
    "Rank",
    "The ranks that resampling seeds and images leaves possible, in 95 % of the draws.",
    priority=2,
)
PLACE = Column(
    "place",
    "Place",
    "One more than the number of rows that are better by more than chance (paired over seeds and "
    "images, p below 0.05 after Holm's correction over all pairs): ties share a place.",
    direction="lower",
    format=format_count,
    priority=1,
    legend="One more than the number of rows that are better by more than chance (paired, p below "
    "0.05 after Holm over all pairs), so ties share a place.",
)
GAIN = Column(
    "gain",
    "Gain",
    "How much lower MRE is than that of scratch on the same backbone and seeds, under the same "
    "transfer, in percent; in brackets its 95 % interval.",
    "%",
    "higher",
    format_gain,
    priority=1,
    has_interval=True,
    bracketed=True,
)
LABELS_SAVED = Column(
    "labels_saved",
    "Labels saved",
    "How many more labelled images scratch needs for the same error, read off its curve over the "
    "numbers of shots that were run, with its 95 % interval.",
    "images",
    "higher",
    priority=4,
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
MULTIPLY_ADDS = Column(
    "multiply_adds",
    "Multiply-adds",
    "Multiply-adds of the detector on one image at the working size.",
    format=format_count,
    priority=7,
)
IMAGES_SEEN = Column(
    "images_seen",
    "Images seen",
    "Images drawn in both stages, repeats counted.",
    format=format_count,
    priority=7,
)
ENERGY = Column(
    "energy",
    "Energy",
    "Energy of both stages where the machine tells it, divided by the workers that shared it.",
    "Wh",
    "lower",
    format_energy,
    priority=7,
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
            has_interval=True,
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
        RANK,
        PLACE,
        GAIN,
        LABELS_SAVED,
        *sdr_columns(thresholds),
        MEDIAN,
        P95,
        PRETRAINING_TIME,
        FINETUNING_TIME,
        PARAMETERS,
        MULTIPLY_ADDS,
        IMAGES_SEEN,
        ENERGY,
        SEEDS,
    )


# Left out of a table in which no row has a value.
OPTIONAL = (VARIANT, RANK, PLACE, LABELS_SAVED, MULTIPLY_ADDS, IMAGES_SEEN, ENERGY)
