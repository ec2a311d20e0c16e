"""Transfer: what its words mean, which cells they make, and what users are told."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from benchmark.errors import UsageError
from benchmark.estimates import START_SECONDS, Estimator
from benchmark.planning import Plan, make_plan
from benchmark.requests import run_config
from benchmark.transfer import Transfer, explain

PHANTOM = "phantom-chest[train=12,test=3,size=64]"


def plan(transfer: str, methods: str = "ddpm,simclr", **flags: object) -> Plan:
    """A plan on twelve phantoms."""
    values = {"datasets": PHANTOM, "shots": "5", "methods": methods, "transfer": transfer, **flags}
    return make_plan(run_config(values, None, ["pretraining.comparison_batch_size=4"]))


def rows(made: Plan) -> list[tuple[str, str]]:
    """Method and transfer of each cell."""
    return sorted((cell.labels.method, cell.labels.transfer) for cell in made.cells)


@pytest.mark.parametrize("text", ["whole", "encoder", "frozen", "frozen@0", "frozen@50"])
def test_text_and_transfer_are_inverse(text: str) -> None:
    assert str(Transfer.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "froze", "Whole", "whole@5", "encoder@", "frozen@", "frozen@-1", "frozen@x"]
)
def test_anything_else_is_refused_with_the_choices(text: str) -> None:
    with pytest.raises(UsageError, match="choose from whole, encoder, frozen"):
        Transfer.parse(text)


def test_flags_and_files_give_a_list_without_repetition(tmp_path: Path) -> None:
    assert run_config({}).transfer == ("whole",)
    assert run_config({"transfer": "frozen, whole,frozen"}).transfer == ("frozen", "whole")
    file = tmp_path / "run.toml"
    file.write_text('transfer = ["encoder", "frozen@07"]')
    assert tomllib.loads(file.read_text())["transfer"][1] == "frozen@07"
    assert run_config({}, file).transfer == ("encoder", "frozen@7")
    assert run_config({}, None, ["transfer=frozen"]).transfer == ("frozen",)


@pytest.mark.parametrize("given", [" ,", ["forzen"], "forzen"])
def test_a_wrong_list_is_one_sentence(given: object) -> None:
    with pytest.raises(UsageError, match="transfer"):
        run_config({"transfer": given})


def test_every_transfer_has_its_control_and_nothing_is_planned_twice() -> None:
    assert rows(plan("whole,encoder,frozen,frozen@10")) == [
        ("ddpm", "encoder"),
        ("ddpm", "frozen"),
        ("ddpm", "frozen@10"),
        ("ddpm", "whole"),
        ("scratch", "frozen"),
        ("scratch", "whole"),
        ("simclr", "frozen"),
        ("simclr", "whole"),
    ]
    assert rows(plan("encoder", "simclr")) == [("scratch", "whole"), ("simclr", "whole")]
    assert rows(plan("frozen@10", "ddpm")) == [("ddpm", "frozen@10"), ("scratch", "frozen")]


def test_what_was_joined_or_left_out_is_said_once_for_all_methods() -> None:
    notes = plan("encoder,frozen@10", "ddpm,simclr,moco").notes
    assert len(notes) == 2
    assert "same experiment as whole" in notes[0]
    assert "(simclr, moco)" in notes[0]
    assert "frozen@10 is left out for simclr, moco" in notes[1]
    assert plan("whole,frozen").notes == ()


def test_the_long_control_is_no_control_of_a_frozen_network() -> None:
    made = plan("whole,frozen", "simclr,scratch-long")
    assert [row for row in rows(made) if row[0] == "scratch-long"] == [("scratch-long", "whole")]
    assert any("scratch-long" in note for note in made.notes)


def test_a_time_step_beyond_the_method_is_refused_with_its_range() -> None:
    with pytest.raises(UsageError, match=r"'ddpm' has the time steps 0 to 999"):
        plan("frozen@1000")
    plan("frozen@999")
    with pytest.raises(UsageError, match="0 to 19"):
        plan("frozen@20", "ddpm[diffusion_steps=20]")


def test_a_time_step_that_no_method_has_is_refused() -> None:
    with pytest.raises(UsageError, match="no method of this run was trained at time steps"):
        plan("whole,frozen@10", "simclr")


def test_a_diffusion_model_that_is_not_told_the_time_has_no_time_steps() -> None:
    made = plan("frozen,frozen@10", "ddpm,ddpm[time_conditioning=false]")
    assert rows(made).count(("ddpm", "frozen@10")) == 1
    assert rows(made).count(("ddpm", "frozen")) == 2


def test_the_key_tells_transfers_apart_and_the_default_keeps_the_keys_of_old_cells() -> None:
    cells = plan("whole,encoder,frozen,frozen@10", "ddpm").cells
    assert len({cell.key for cell in cells}) == len(cells)
    whole = next(c.spec for c in cells if c.spec.transfer == "whole")
    assert "transfer" not in whole.identity()
    old = type(whole).model_validate(whole.model_dump(exclude={"transfer"}))
    assert old.key == whole.key
    assert len({c.spec.pretraining.key for c in cells if c.spec.pretraining}) == 1


def test_a_frozen_cell_is_expected_to_cost_a_third() -> None:
    cost = {
        c.labels.transfer: Estimator().cell(c.spec) - START_SECONDS
        for c in plan("whole,encoder,frozen", "ddpm").cells
    }
    assert cost["frozen"] == pytest.approx(cost["whole"] / 3)
    assert cost["encoder"] == cost["whole"]


def test_the_explanation_tells_the_words_that_are_shown_and_no_others() -> None:
    text = explain(["whole", "frozen@5", "frozen@50"])
    assert "whole:" in text
    assert text.count("frozen@T:") == 1
    assert "encoder:" not in text
    assert "frozen@T with scratch under frozen" in text
