"""The file between `tune` and `run --tuned`: written, read, and put beside the default options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmark.errors import UsageError
from benchmark.planning import Plan, make_plan
from benchmark.requests import run_config
from benchmark.tuning.records import TuningSource
from benchmark.tuning.space import LEARNING_RATE, PRETRAINING_RATE, WARMUP, WEIGHT_DECAY
from benchmark.tuning.tuned_file import TunedOptions, read_tuned, write_tuned

PHANTOM = "phantom-chest[train=40,test=3,size=64]"
SOURCE = TuningSource(
    study="0123456789abcdef",
    dataset="phantom-hand",
    score="folds",
    folds=3,
    shots=10,
    seeds=(0,),
    trials=20,
    preset="quick",
)
SIMCLR = {LEARNING_RATE: 4e-3, WEIGHT_DECAY: 0.02, PRETRAINING_RATE: 5e-4}
SCRATCH = {LEARNING_RATE: 1e-3, WEIGHT_DECAY: 0.02, WARMUP: 0.3}


def tuned(method: str, values: dict[str, float], **changes: object) -> TunedOptions:
    fields: dict[str, object] = {
        "method": method,
        "backbone": "unet",
        "method_version": 2 if method == "simclr" else 1,
        "score": 2.5,
        "default_score": 3.0,
        "unit": "mm",
        "values": values,
        "source": SOURCE,
    }
    return TunedOptions.model_validate(fields | changes)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Options of SimCLR and scratch on the U-Net."""
    path = tmp_path / "tuned.toml"
    write_tuned(
        path, [tuned("simclr", SIMCLR), tuned("scratch", SCRATCH)], "tune\n--trials 20", tmp_path
    )
    return path


def plan(file: Path | None, **flags: object) -> Plan:
    values = {"datasets": PHANTOM, "shots": "10", "methods": "simclr", **flags}
    return make_plan(run_config(values if file is None else values | {"tuned": file}))


def test_what_is_written_is_read_again_and_the_comment_stays_a_comment(file: Path) -> None:
    assert read_tuned(file) == (tuned("simclr", SIMCLR), tuned("scratch", SCRATCH))
    assert file.read_text().startswith("# Found by: tune --trials 20\n")


def test_tuned_cells_stand_beside_the_default_ones_and_have_other_keys(file: Path) -> None:
    plain, both = plan(None), plan(file)
    default = [cell for cell in both.cells if cell.labels.tuned is None]
    assert [cell.key for cell in default] == [cell.key for cell in plain.cells]
    others = [cell for cell in both.cells if cell.labels.tuned is not None]
    assert [(c.labels.method, c.labels.tuned) for c in others] == [
        ("simclr", SOURCE),
        ("scratch", SOURCE),
    ]
    assert not {cell.key for cell in others} & {cell.key for cell in default}
    spec = others[0].spec
    assert spec.protocol.learning_rate == 4e-3
    assert spec.protocol.weight_decay == 0.02
    assert spec.method.options["learning_rate"] == 5e-4
    assert spec.pretraining is not None
    assert spec.pretraining.method == spec.method
    assert others[1].spec.protocol.warmup == 0.3
    assert {cell.spec.finetuning_steps for cell in both.cells} == {
        plain.cells[0].spec.finetuning_steps
    }


def test_methods_without_tuned_options_keep_the_default_ones_and_that_is_said(file: Path) -> None:
    made = plan(file, methods="simclr,moco")
    rows = [(cell.labels.method, cell.labels.options) for cell in made.cells]
    assert ("moco", "default") in rows
    assert ("moco", "tuned") not in rows
    assert any("moco on unet has no tuned options" in note for note in made.notes)


def test_another_transfer_or_network_was_not_tuned(file: Path) -> None:
    made = plan(file, transfer="whole,frozen")
    assert {c.labels.transfer for c in made.cells if c.labels.tuned} == {"whole"}
    with pytest.raises(UsageError, match="options for no method of this run: it has simclr on"):
        plan(file, backbones="timm/tf_efficientnet_lite0")


@pytest.mark.parametrize(
    ("changes", "flags", "words"),
    [
        ({"method_version": 1}, {}, "was tuned as version 1 and is now 2"),
        ({"source": SOURCE.model_copy(update={"preset": "paper"})}, {}, "under the preset 'paper'"),
        (
            {"source": SOURCE.model_copy(update={"dataset": "phantom-chest", "score": "val"})},
            {},
            "labelled validation images of phantom-chest itself",
        ),
        (
            {"source": SOURCE.model_copy(update={"dataset": "phantom-chest"})},
            {"shots": "5,10"},
            "its rows at 5 labelled images owe something",
        ),
    ],
)
def test_what_makes_a_tuned_row_doubtful_is_said(
    tmp_path: Path, changes: dict[str, object], flags: dict[str, object], words: str
) -> None:
    path = tmp_path / "tuned.toml"
    write_tuned(path, [tuned("simclr", SIMCLR, **changes)], "tune", tmp_path)
    assert any(words in note for note in plan(path, **flags).notes)
    write_tuned(path, [tuned("simclr", SIMCLR)], "tune", tmp_path)
    assert not any(words in note for note in plan(path, **flags).notes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("format = 1", "format = 2"), "format = 2 will not do"),
        (("protocol.weight_decay", "protocol.steps"), "'protocol.steps', which is not tuned"),
        (('method = "scratch"', 'method = "simclr"'), "has simclr on unet (whole) twice"),
        (("score = 2.5", "score = 2.5\nsorce = 1"), "unknown setting"),
        (("score = 2.5", "score = "), "is not valid TOML"),
    ],
)
def test_a_file_that_says_something_else_is_one_sentence_with_its_name(
    file: Path, change: tuple[str, str], words: str
) -> None:
    file.write_text(file.read_text().replace(*change))
    with pytest.raises(UsageError, match=re.escape(words)) as told:
        read_tuned(file)
    assert str(file) in str(told.value)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*none\.toml"):
        plan(tmp_path / "none.toml")


def test_how_options_were_chosen_reads_as_a_sentence() -> None:
    assert SOURCE.sentence == (
        "20 trials of 3-fold cross-validation within the 10 labelled images of phantom-hand "
        "(seed 0)"
    )
    val = SOURCE.model_copy(update={"score": "val", "seeds": (0, 1)})
    assert val.sentence == (
        "20 trials scored on the validation images, after 10 labelled images of phantom-hand "
        "(seed 0, 1)"
    )
