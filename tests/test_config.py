"""Settings: presets, their order of weight, and sentences about what will not do."""

from pathlib import Path

import pytest

from benchmark.config import load_preset, parse_setting, preset_names
from benchmark.errors import UsageError
from benchmark.requests import run_config


def test_every_shipped_preset_validates_and_says_what_it_is_for() -> None:
    assert preset_names() == ["paper", "paper-64", "quick", "standard"]
    for name in preset_names():
        assert len(load_preset(name).description) > 20


def test_quick_is_the_default_and_its_values_reach_the_run() -> None:
    quick, request = load_preset("quick"), run_config({})
    assert request.preset == "quick"
    assert request.protocol == quick.protocol
    assert request.pretraining == quick.pretraining


def test_a_preset_may_extend_another_and_say_what_is_run_where_the_user_does_not() -> None:
    whole, small = load_preset("paper"), load_preset("paper-64")
    assert small.backbone_options["unet"]["channels"] == [64, 96, 192, 384]
    assert (
        small.backbone_options["unet"] | {"channels": [256, 384, 768, 1536]}
        == (whole.backbone_options["unet"])
    )
    assert small.model_copy(update={"backbone_options": {}, "description": ""}) == (
        whole.model_copy(update={"backbone_options": {}, "description": ""})
    )
    request = run_config({"preset": "paper-64"})
    assert request.datasets == ("chest", "cephalometric", "hand")
    assert request.shots == (1, 5, 10, 25, 50)
    assert request.seeds == (0, 1, 2, 3, 4)
    asked = run_config({"preset": "paper-64", "shots": "5", "seeds": 2, "datasets": "hand"})
    assert (asked.shots, asked.seeds, asked.datasets) == ((5,), (0, 1), ("hand",))
    assert asked.methods == request.methods


def test_the_command_line_outweighs_the_file_and_set_outweighs_both(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("shots = [5]\nseeds = 3\n[protocol]\nsteps = 50\nsigma = 2.5\n")
    request = run_config({"shots": "10,50"}, file, ["protocol.steps=70"])
    assert request.shots == (10, 50)
    assert request.seeds == (0, 1, 2)
    assert request.protocol.steps == 70
    assert request.protocol.sigma == 2.5
    assert request.protocol.batch_size == load_preset("quick").protocol.batch_size


def test_a_margin_is_none_unless_it_is_declared_by_flag_file_or_set(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("margin = 0.25\n")
    assert run_config({}).margin is None
    assert run_config({}, file).margin == 0.25
    assert run_config({"margin": 0.0}, file).margin == 0
    assert run_config({"margin": 0.1}, file, ["margin=2"]).margin == 2


def test_reports_are_all_unless_they_are_named_or_none_is_wanted(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('reports = ["html"]\n')
    assert run_config({}).reports == ("all",)
    assert run_config({}, file).reports == ("html",)
    assert run_config({"reports": "html, latex"}, file).reports == ("html", "latex")
    assert run_config({"reports": "none"}, file).reports == ()
    assert run_config({}, file, ["reports=none"]).reports == ()


def test_data_roots_are_for_all_datasets_or_for_one_by_name(tmp_path: Path) -> None:
    request = run_config({"data_roots": [str(tmp_path), f"hand={tmp_path}/hand"]})
    assert request.data_roots == {"": tmp_path, "hand": tmp_path / "hand"}


def test_a_folder_whose_name_holds_an_equals_sign_is_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "spacing=0.1"
    folder.mkdir()
    assert run_config({"data_roots": [str(folder)]}).data_roots == {"": folder}


@pytest.mark.parametrize(
    ("flags", "settings", "words"),
    [
        ({"preset": "quik"}, [], ["unknown preset 'quik'", "did you mean 'quick'"]),
        ({"shots": "ten"}, [], ["--shots", "'ten'", "whole number"]),
        ({"shots": "0"}, [], ["--shots", "above zero"]),
        ({"shots": ","}, [], ["--shots is empty"]),
        ({}, ["protocol.stepps=3"], ["protocol.stepps", "did you mean 'steps'"]),
        ({}, ["protocol.steps=-3"], ["protocol.steps", "-3"]),
        ({}, ["protocol.steps"], ["path.to.option=value"]),
        ({"device": "tpu"}, [], ["device", "'tpu'"]),
        ({"margin": -0.1}, [], ["margin = -0.1", "greater than or equal to 0"]),
        ({"margin": float("nan")}, [], ["margin = nan", "finite"]),
        ({}, ["margin=inf"], ["margin = inf", "finite"]),
        ({}, ["margin=thin"], ["margin = 'thin'", "number"]),
    ],
)
def test_what_will_not_do_gets_one_sentence(
    flags: dict[str, str], settings: list[str], words: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        run_config(flags, None, settings)
    sentence = str(caught.value)
    assert "\n" not in sentence
    for word in words:
        assert word in sentence


def test_a_file_that_is_not_toml_names_itself_and_the_line(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("shots = [5\nseeds = 2\n")
    with pytest.raises(UsageError, match=r"run\.toml.*line"):
        run_config({}, file)


def test_set_reads_toml_values_and_takes_the_rest_as_text() -> None:
    assert parse_setting("protocol.steps=3") == {"protocol": {"steps": 3}}
    assert parse_setting("protocol.loss=bce") == {"protocol": {"loss": "bce"}}
    assert parse_setting("shots=[1, 5]") == {"shots": [1, 5]}
