"""The search space: the same effort for every method, and cells that follow the values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import UsageError
from benchmark.planning import make_plan
from benchmark.registry import registry
from benchmark.requests import run_config
from benchmark.tuning.space import (
    LEARNING_RATE,
    PRETRAINING_RATE,
    SIZE,
    SPAN,
    WARMUP,
    WEIGHT_DECAY,
    space_of,
    value_of,
    with_values,
)
from tests.tuning.searching import plans, request


@pytest.fixture(scope="module")
def every_method(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, ...]]:
    """The dimensions of all methods that need no option, by method."""
    root = tmp_path_factory.mktemp("space")
    made = plans(request(root, methods="all", backbones="timm/tf_efficientnet_lite0"))
    assert len({plan.key for plan in made}) == len(made)
    return {plan.labels.method: tuple(d.name for d in plan.dimensions) for plan in made}


def test_every_method_is_searched_over_as_many_options(
    every_method: dict[str, tuple[str, ...]],
) -> None:
    assert len(every_method) > 15
    assert {len(names) for names in every_method.values()} == {SIZE}


def test_all_share_the_rate_and_the_decay_and_each_has_one_option_of_its_own(
    every_method: dict[str, tuple[str, ...]],
) -> None:
    assert {names[:2] for names in every_method.values()} == {(LEARNING_RATE, WEIGHT_DECAY)}
    for name, names in every_method.items():
        trains = registry("method").load(name).pretraining_data == "pool"
        assert names[2] == (PRETRAINING_RATE if trains else WARMUP)


def test_shared_options_have_one_range_around_the_preset(tmp_path: Path) -> None:
    made = plans(request(tmp_path, methods="simclr,ddpm,scratch"))
    ranges = {plan.dimensions[:2] for plan in made}
    assert len(ranges) == 1
    for dimension in next(iter(ranges)):
        assert dimension.low == pytest.approx(dimension.default / SPAN)
        assert dimension.high == pytest.approx(dimension.default * SPAN)
    assert next(iter(ranges))[0].default == made[0].cells[0].protocol.learning_rate


def test_a_default_of_zero_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"protocol\.weight_decay is 0 for scratch"):
        plans(request(tmp_path, "protocol.weight_decay=0"))


def test_values_change_options_rates_and_pretraining_and_no_budget(tmp_path: Path) -> None:
    config = request(tmp_path, methods="simclr")
    spec = next(p for p in plans(config) if p.labels.method == "simclr").cells[0]
    values = {LEARNING_RATE: 3e-4, WEIGHT_DECAY: 0.02, PRETRAINING_RATE: 4e-3}
    other = with_values(spec, values)
    assert {name: value_of(name, other) for name in values} == values
    assert other.pretraining is not None
    assert spec.pretraining is not None
    assert other.pretraining.method.options["learning_rate"] == 4e-3
    assert other.key != spec.key
    assert other.pretraining.key != spec.pretraining.key
    same = ("dataset", "shots", "seed", "finetuning_steps", "backbone", "transfer")
    assert all(getattr(other, name) == getattr(spec, name) for name in same)
    assert other.pretraining.steps == spec.pretraining.steps
    assert other.protocol.steps == spec.protocol.steps


def test_the_default_values_are_the_default_cell_but_for_the_word_tuned(tmp_path: Path) -> None:
    spec = plans(request(tmp_path))[0].cells[0]
    values = {dimension.name: dimension.default for dimension in space_of(spec)}
    assert with_values(spec, values).key == spec.key
    tuned = with_values(spec, values, tuned=True)
    assert tuned.key != spec.key
    assert tuned.identity() == spec.identity() | {"tuned": True}


def test_a_value_that_a_method_does_not_take_is_one_sentence(tmp_path: Path) -> None:
    config = request(tmp_path, methods="simclr")
    spec = next(p for p in plans(config) if p.labels.method == "simclr").cells[0]
    with pytest.raises(UsageError, match="'simclr' does not take tuned options"):
        with_values(spec, {PRETRAINING_RATE: -1.0})


def test_the_number_of_trials_is_no_part_of_the_key_and_what_changes_a_score_is(
    tmp_path: Path,
) -> None:
    base = plans(request(tmp_path))[0].key
    assert plans(request(tmp_path, trials=30))[0].key == base
    for other in (
        request(tmp_path, tuning={"folds": 2}),
        request(tmp_path, tuning={"seed": 1}),
        request(tmp_path, tuning={"score": "val"}),
        request(tmp_path, shots="5"),
        request(tmp_path, seeds=2),
        request(tmp_path, "protocol.steps=5"),
    ):
        assert plans(other)[0].key != base


def test_keys_of_cells_without_tuned_options_are_as_they_were() -> None:
    dataset = "phantom-chest[train=40,test=3,size=64]"
    flags = {"methods": "simclr", "datasets": dataset, "shots": "5"}
    spec = make_plan(run_config(flags)).cells[0].spec
    assert "tuned" not in spec.identity()
    assert "tuned" not in spec.model_dump(mode="json")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"shots": "4,5"}, "one number of shots"),
        ({"datasets": "phantom-chest,phantom-hand"}, "one dataset"),
        ({"engine": "ray"}, "does not run on the engine 'ray'"),
        ({"devices": 2}, "--devices"),
        ({"shots": "1"}, "one labelled image cannot be divided"),
        ({"tuned": "tuned.toml"}, "leave --tuned out"),
        ({"protocol": {"selection": "val"}}, "protocol.selection"),
        ({"protocol": {"published": {"draws": "sorted"}}}, "leave --protocol published out"),
    ],
)
def test_what_cannot_be_tuned_is_refused_with_the_mend(
    tmp_path: Path, flags: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        plans(request(tmp_path, **flags))
