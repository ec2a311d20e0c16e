"""The search space: as many dimensions for every method, and the shared ones with one range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmark.errors import UsageError
from benchmark.grid import CellSpec, PluginChoice, Spec
from benchmark.plugins import Method
from benchmark.registry import registry

S = TypeVar("S", bound=Spec)

SIZE = 3
"""Dimensions of every space."""

SPAN = 10.0
"""Every dimension reaches from its default divided by this to its default times this."""

LEARNING_RATE, WEIGHT_DECAY = "protocol.learning_rate", "protocol.weight_decay"
WARMUP = "protocol.warmup"
PRETRAINING_RATE = "method.learning_rate"
PROTOCOL = frozenset({LEARNING_RATE, WEIGHT_DECAY, WARMUP})
"""What tuning may change of the protocol, by its path in a cell's spec."""

TITLES: Mapping[str, str] = {
    LEARNING_RATE: "learning rate",
    WEIGHT_DECAY: "weight decay",
    WARMUP: "warm-up",
    PRETRAINING_RATE: "learning rate of the pretraining",
}
LARGEST: Mapping[str, float] = {WARMUP: 0.5}
"""Ends of ranges that the span would go beyond: a rate that rises to the end never falls."""


class Dimension(BaseModel):
    """One option that is tuned, on a logarithmic scale.

    Attributes:
        name: ``protocol.<setting>`` of the fine-tuning, or ``method.<option>``.
        low: The least value.
        high: The greatest value.
        default: The value of the preset, or what the user has set; trial 0 has it.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    low: float
    high: float
    default: float

    @property
    def title(self) -> str:
        """For tables and figures."""
        return TITLES[self.name]


def space_of(spec: CellSpec) -> tuple[Dimension, ...]:
    """What is tuned of a method: rate and decay of the fine-tuning, and one option of its own.

    The third is the learning rate of the pretraining. A method that trains nothing on the pool, or
    has no such option, gets the warm-up of the fine-tuning in its place: where the start cannot be
    tuned, how carefully it is left can.

    Args:
        spec: A cell with the default options.

    Raises:
        UsageError: A default is zero, from which no range on a logarithmic scale follows.
    """
    own = WARMUP
    if has_own_rate(registry("method").load(spec.method.name)):
        own = PRETRAINING_RATE
    space = tuple(_dimension(name, spec) for name in (LEARNING_RATE, WEIGHT_DECAY, own))
    assert len(space) == SIZE, "every method gets a space of the same size"
    return space


def has_own_rate(method: type[Method]) -> bool:
    """Whether the method's pretraining on the pool has a learning rate that is an option."""
    return method.pretraining_data == "pool" and "learning_rate" in method.Options.model_fields


def _dimension(name: str, spec: CellSpec) -> Dimension:
    default = value_of(name, spec)
    if default <= 0:
        raise UsageError(
            f"{name} is {default:g} for {spec.method.name}, and tuning searches a range around it "
            f"on a logarithmic scale: set it above zero"
        )
    high = min(default * SPAN, LARGEST.get(name, float("inf")))
    return Dimension(name=name, low=default / SPAN, high=high, default=default)


def value_of(name: str, spec: CellSpec) -> float:
    """The value of a dimension in a cell's spec."""
    place, _, option = name.partition(".")
    values = spec.protocol.model_dump() if place == "protocol" else spec.method.options
    return float(values[option])


def with_values(spec: CellSpec, values: Mapping[str, float], *, tuned: bool = False) -> CellSpec:
    """A cell under other options, of the method and of the fine-tuning.

    The pretraining follows the method's options; dataset, shots, seed, steps and batches stay.

    Args:
        spec: A cell with the default options.
        values: By the names of dimensions.
        tuned: Whether it is told from a cell whose own options these are.

    Raises:
        UsageError: The method does not take a value.
    """
    protocol = {name.partition(".")[2]: v for name, v in values.items() if name in PROTOCOL}
    options = {
        name.partition(".")[2]: v for name, v in values.items() if name.startswith("method.")
    }
    method = _choice(spec.method, options)
    pretraining = spec.pretraining
    return _changed(
        spec,
        method=method,
        protocol=spec.protocol.model_copy(update=protocol),
        pretraining=_changed(pretraining, method=method) if pretraining is not None else None,
        tuned=tuned,
    )


def _changed(spec: S, **changes: Any) -> S:
    """A spec with other fields, made anew: a copy would bring its old key along."""
    fields = {name: getattr(spec, name) for name in type(spec).model_fields}
    return type(spec)(**{**fields, **changes})


def _choice(choice: PluginChoice, options: Mapping[str, Any]) -> PluginChoice:
    if not options:
        return choice
    model = registry("method").load(choice.name).Options
    try:
        checked = model.model_validate({**choice.options, **options})
    except ValidationError as error:
        raise UsageError(
            f"method {choice.name!r} does not take tuned options "
            f"({error.errors()[0]['msg'].lower()}): tune it again"
        ) from error
    return _changed(choice, options=checked.model_dump(mode="json"))
