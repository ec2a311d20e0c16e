"""Our side of the comparison: networks of equal size, and turns that the training loop ends."""

import io
import json

import pytest

from benchmark.backbones import build
from benchmark.backbones.options import UNetOptions
from benchmark.config import load_preset
from benchmarks.own_code import AUGMENTATIONS, WITHIN, backbone_of_size, finetuning_step
from benchmarks.turns import Turns

PAPERS = 35_705_153
"""Parameters of the paper's U-Net at base width 64."""


@pytest.mark.parametrize("preset", ["quick", "standard"])
def test_the_network_keeps_the_shape_of_the_preset_and_has_the_size_asked_for(
    preset: str,
) -> None:
    spec = backbone_of_size(preset, PAPERS)
    found = sum(p.numel() for p in build(spec).parameters())
    assert abs(found / PAPERS - 1) <= WITHIN
    preset_options = UNetOptions.model_validate(load_preset(preset).backbone_options["unet"])
    assert isinstance(spec.options, UNetOptions)
    factors = {
        ours / theirs
        for ours, theirs in zip(spec.options.channels, preset_options.channels, strict=True)
    }
    assert len(factors) == 1
    assert spec.options.model_copy(update={"channels": preset_options.channels}) == preset_options


def test_a_size_that_no_width_gives_is_refused() -> None:
    with pytest.raises(ValueError, match="choose another base width"):
        backbone_of_size("standard", 1_000)


def test_the_papers_strengths_leave_nothing_but_geometry() -> None:
    config = AUGMENTATIONS["as the paper's"].model_dump()
    kept = {name for name, value in config.items() if value and name != "dose"}
    assert kept == {"rotation", "scale", "shift"}


def test_a_turn_ends_where_the_training_loop_reports(tmp_path: object) -> None:
    reports = io.StringIO()
    with pytest.raises(SystemExit):  # after the third turn nobody tells it to go on
        finetuning_step(
            Turns(io.StringIO("go\ngo\n"), reports),
            preset="quick",
            parameters=2_579_776,
            size=32,
            batch=2,
            precision="float32",
            threads=1,
            store=str(tmp_path),
        )
    facts, *turns = (json.loads(line) for line in reports.getvalue().splitlines())
    assert facts["precision"] == "float32"
    assert [turn["items"] for turn in turns] == [5, 5]
