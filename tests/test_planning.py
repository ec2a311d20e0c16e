"""Planning: which cells a run has, which controls, and what its keys depend on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from benchmark import fingerprint
from benchmark.errors import DataError, UsageError
from benchmark.files import key_of
from benchmark.grid import PluginChoice, PretrainingSpec
from benchmark.planning import Plan, make_plan
from benchmark.requests import run_config

PHANTOM = "phantom-chest[train=12,test=3,size=64]"


def plan(*settings: str, **flags: object) -> Plan:
    """A plan on twelve phantoms, with batches that such a pool holds."""
    values = {"datasets": PHANTOM, "shots": "5,10", "methods": "simclr", **flags}
    batch = "pretraining.comparison_batch_size=4"
    return make_plan(run_config(values, None, (batch, *settings)))


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


def test_cells_without_leaking_tests_are_others_and_so_are_their_pretrainings() -> None:
    base, without = plan(), plan(exclude_leaks=True)
    for method in ("simclr", "scratch"):
        assert keys(base, method).isdisjoint(keys(without, method))
    assert pretrainings(base).isdisjoint(pretrainings(without))
    # Elsewhere they differ in nothing, and keys from before there was the choice are kept.
    for cell in base.cells:
        assert "exclude_leaks" not in cell.spec.dataset.identity()
        assert "exclude_leaks" not in cell.spec.model_dump(mode="json")["dataset"]
    dumped = without.cells[0].spec.model_dump(mode="json")
    assert dumped["dataset"].pop("exclude_leaks") is True
    assert dumped["dataset"] == base.cells[0].spec.dataset.model_dump(mode="json")


def test_leaks_cannot_be_both_allowed_and_excluded() -> None:
    with pytest.raises(UsageError, match="give one of the two"):
        plan(allow_leaks=True, exclude_leaks=True)


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


def weights(path: Path, value: float = 1.0) -> Path:
    """A small file of weights."""
    save_file({"weight": np.full(3, value, np.float32)}, path)
    return path


def test_weights_from_a_file_are_known_by_their_content_wherever_they_lie(tmp_path: Path) -> None:
    file = weights(tmp_path / "a.safetensors")

    def made(path: Path, **flags: object) -> Plan:
        return plan(methods=f"checkpoint[file={path}]", **flags)

    first = made(file)
    base = keys(first, "checkpoint")
    assert len(base) == 2
    moved = weights(tmp_path / "moved.safetensors")
    assert keys(made(moved), "checkpoint") == base
    assert pretrainings(made(moved)) == pretrainings(first)
    both = plan(methods=f"checkpoint[file={file}],checkpoint[file={moved}]")
    assert len([cell for cell in both.cells if cell.labels.method == "checkpoint"]) == len(base)
    weights(file, value=2.0)
    assert keys(made(file), "checkpoint").isdisjoint(base)
    assert pretrainings(made(file)).isdisjoint(pretrainings(first))
    assert len(pretrainings(made(file, seeds=2))) == 1


def test_a_worker_is_told_where_the_file_lies_and_finds_the_same_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = weights(tmp_path / "a.safetensors")
    monkeypatch.chdir(tmp_path)
    made = plan(methods="checkpoint[file=a.safetensors]")
    spec = next(cell.spec.pretraining for cell in made.cells if cell.spec.pretraining)
    sent = PretrainingSpec.model_validate_json(spec.model_dump_json())
    assert sent.method.options["file"] == str(file)
    assert sent.key == spec.key
    sent.method.ensure_files_unchanged()
    weights(file, value=2.0)
    with pytest.raises(DataError, match=r"a\.safetensors has changed since the run was planned"):
        sent.method.ensure_files_unchanged()
    file.unlink()
    with pytest.raises(DataError, match=r"a\.safetensors: the file cannot be read"):
        sent.method.ensure_files_unchanged()


def test_choices_that_name_no_file_keep_the_key_and_the_record_that_they_had() -> None:
    choice = PluginChoice(name="simclr", version=1, options={"temperature": 0.2})
    values = {"name": "simclr", "version": 1, "options": {"temperature": 0.2}}
    assert choice.model_dump(mode="json") == values
    assert choice.key == key_of(values) == "b7617cb6596a5370"


def test_a_file_is_read_once_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = weights(tmp_path / "a.safetensors")
    read: list[Path] = []
    digest = fingerprint.file_digest

    def counted(path: Path) -> str:
        read.append(path)
        return digest(path)

    monkeypatch.setattr(fingerprint, "file_digest", counted)
    plan(methods=f"checkpoint[file={file}]", backbones="unet,timm/resnet10t")
    plan(methods=f"checkpoint[file={file}]")
    assert read == [file]


def test_all_leaves_out_what_must_be_given_an_option_and_says_so(tmp_path: Path) -> None:
    made = plan(methods="all")
    assert "checkpoint" not in {cell.labels.method for cell in made.cells}
    (note,) = [note for note in made.notes if note.startswith("checkpoint:")]
    assert "left out of 'all', because it needs file=...; add checkpoint[file=...]" in note
    file = weights(tmp_path / "a.safetensors")
    preset = tmp_path / "with-file.toml"
    preset.write_text(
        'description = "for tests"\ndefault_backbone = "unet"\n'
        f'[method_options.checkpoint]\nfile = "{file}"\n'
    )
    made = plan(methods="all", preset=str(preset))
    assert "checkpoint" in {cell.labels.method for cell in made.cells}
    assert not [note for note in made.notes if note.startswith("checkpoint:")]


def test_shots_beyond_the_training_set_are_refused_with_its_size() -> None:
    with pytest.raises(UsageError, match="--shots 13 exceeds the 12 training images"):
        plan(shots="13")


def test_a_batch_that_the_pool_does_not_hold_is_refused_before_anything_is_computed() -> None:
    with pytest.raises(UsageError, match=r"'simclr' compares 13 images .* has 12: lower it with"):
        plan("pretraining.comparison_batch_size=13")
    plan("pretraining.comparison_batch_size=12")
    plan("pretraining.comparison_batch_size=13", methods="ddpm,imagenet")


def test_methods_that_compare_images_get_the_batch_for_that_and_others_the_usual_one() -> None:
    made = plan("pretraining.batch_size=2", methods="simclr,ddpm")
    sizes = {
        c.labels.method: c.spec.pretraining.batch_size for c in made.cells if c.spec.pretraining
    }
    assert sizes == {"simclr": 4, "ddpm": 2}


def test_selection_by_validation_needs_a_validation_split() -> None:
    with pytest.raises(UsageError, match="no validation images"):
        plan("protocol.selection=val")
