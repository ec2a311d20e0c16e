"""Planning: which cells a run has, which controls, and what its keys depend on."""

from __future__ import annotations

import pytest

from benchmark.errors import UsageError
from benchmark.planning import Plan, make_plan
from benchmark.requests import run_config

PHANTOM = "phantom-chest[train=12,test=3,size=64]"


def plan(*settings: str, **flags: object) -> Plan:
    """A plan on twelve phantoms."""
    values = {"datasets": PHANTOM, "shots": "5,10", "methods": "simclr", **flags}
    return make_plan(run_config(values, None, settings))


def keys(made: Plan, method: str = "simclr") -> set[str]:
    return {cell.key for cell in made.cells if cell.labels.method == method}


def pretrainings(made: Plan) -> set[str]:
    return {cell.spec.pretraining.key for cell in made.cells if cell.spec.pretraining}


def test_every_backbone_of_a_run_gets_its_control() -> None:
    made = plan(methods="simclr,imagenet")
    rows = {(c.labels.method, c.labels.backbone) for c in made.cells}
    lite = "timm/tf_efficientnet_lite0"
    assert rows == {
        ("simclr", "unet"),
        ("imagenet", lite),
        ("scratch", "unet"),
        ("scratch", lite),
    }
    assert {c.labels.method for c in made.cells if c.labels.control} == {"scratch"}


def test_backbones_put_all_methods_on_one_network() -> None:
    made = plan(methods="simclr,imagenet", backbones="timm/tf_efficientnet_lite0")
    assert {c.labels.backbone for c in made.cells} == {"timm/tf_efficientnet_lite0"}
    assert len(made.cells) == 3 * 2


def test_a_method_is_left_out_of_a_backbone_that_it_cannot_use_and_that_is_said() -> None:
    made = plan(methods="simclr,imagenet", backbones="unet,timm/tf_efficientnet_lite0")
    assert ("imagenet", "unet") not in {(c.labels.method, c.labels.backbone) for c in made.cells}
    assert any("imagenet" in note for note in made.notes)


def test_the_long_control_has_the_compute_of_both_stages() -> None:
    made = plan("pretraining.steps=100", "pretraining.batch_size=16", methods="scratch-long")
    steps = {c.labels.method: c.spec.finetuning_steps for c in made.cells}
    protocol = run_config({}).protocol
    assert steps["scratch-long"] == steps["scratch"] + 100 * 16 / protocol.batch_size


def test_no_other_method_differs_in_steps_augmentation_or_protocol() -> None:
    made = plan(methods="ddpm,simclr,moco,imagenet")
    assert len({c.spec.protocol.model_dump_json() for c in made.cells}) == 1
    assert len({c.spec.finetuning_steps for c in made.cells}) == 1
    steps = {c.spec.pretraining.steps for c in made.cells if c.spec.pretraining}
    assert steps == {run_config({}).pretraining.steps, 0}


def test_the_key_holds_what_changes_the_result_and_nothing_else() -> None:
    base = keys(plan())
    assert keys(plan(workers=3, threads=2, output="elsewhere", device="cpu")) == base
    assert keys(plan(shots="10,5")) == base
    assert keys(plan(shots="10")) < base
    for change in ("protocol.steps=7", "protocol.augmentation.rotation=3", "pretraining.steps=9"):
        assert keys(plan(change)).isdisjoint(base)
    for flags in ({"methods": "simclr[temperature=0.3]"}, {"backbones": "unet[patch=1]"}):
        assert keys(plan(**flags)).isdisjoint(base)
    other = "phantom-chest[train=12,test=3,size=64,dose=500]"
    assert keys(plan(datasets=other)).isdisjoint(base)


def test_the_protocol_does_not_change_the_pretraining_and_its_budget_not_the_control() -> None:
    base = plan()
    assert pretrainings(plan("protocol.steps=7")) == pretrainings(base)
    longer = plan("pretraining.steps=9")
    assert pretrainings(longer).isdisjoint(pretrainings(base))
    assert keys(longer, "scratch") == keys(base, "scratch")


def test_seeds_have_pretrainings_of_their_own_unless_they_share() -> None:
    assert len(pretrainings(plan(seeds=3))) == 3
    assert len(pretrainings(plan(seeds=3, share_pretraining=True))) == 1


def test_weights_from_elsewhere_depend_on_neither_dataset_nor_seed() -> None:
    two = f"{PHANTOM},phantom-hand[train=12,test=3,size=64]"
    assert len(pretrainings(plan(methods="imagenet", datasets=two, seeds=2))) == 1


def test_shots_beyond_the_training_set_are_refused_with_its_size() -> None:
    with pytest.raises(UsageError, match="--shots 13 exceeds the 12 training images"):
        plan(shots="13")


def test_selection_by_validation_needs_a_validation_split() -> None:
    with pytest.raises(UsageError, match="no validation images"):
        plan("protocol.selection=val")
