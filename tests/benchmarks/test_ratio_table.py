"""The table of the comparison: targets, bounds and failures read as what they are."""

import pytest

from benchmarks.comparisons import Measurement, Row
from benchmarks.ratio_table import HEADING, Machine, Measured, circumstances, table
from benchmarks.turns import ContestantError, Speed

MACHINE = Machine("2026-01-01", "some processor", 2, 1, "2.13", "abc", "def")


def measured(
    theirs: Speed | ContestantError, target: float | None = 10.0, unit: str = "s a step"
) -> Measured:
    rows = (Row("a step", "theirs", "ours", target),)
    measurement = Measurement((), rows, unit, lambda seconds: seconds, frozenset({"cv2"}))
    rounds = len(theirs.seconds) if isinstance(theirs, Speed) else 1
    return Measured("steps", measurement, {"theirs": theirs, "ours": Speed((1.0,) * rounds, {})})


def only_line(done: Measured) -> str:
    heading, line = table([done])
    assert heading == HEADING
    return line


@pytest.mark.parametrize(("last", "verdict"), [(12.0, "yes"), (9.0, "no")])
def test_the_median_of_the_rounds_decides(last: float, verdict: str) -> None:
    line = only_line(measured(Speed((8.0, last, 20.0), {})))
    assert line == (
        f"| a step | {last:g} s a step | 1 s a step | {last:g} | 8 to 20 | 10 | {verdict} |"
    )


@pytest.mark.parametrize(("seconds", "verdict"), [(12.0, "yes"), (9.0, "not shown")])
def test_what_rests_on_an_idle_stand_in_is_a_bound(seconds: float, verdict: str) -> None:
    line = only_line(measured(Speed((seconds,), {"replaced": ["cv2", "einops"]})))
    assert f"| at least {seconds:g} s a step | 1 s a step | at least {seconds:g} |" in line
    assert line.endswith(f"| {verdict} |")


def test_a_rate_is_bounded_from_above() -> None:
    line = only_line(measured(Speed((20.0,), {"replaced": ["cv2"]}), unit="images/s"))
    assert "| at most 20 images/s |" in line


@pytest.mark.parametrize("library", ["einops", "albumentations"])
def test_other_stand_ins_bound_nothing(library: str) -> None:
    assert "at " not in only_line(measured(Speed((20.0,), {"replaced": [library]})))


def test_what_could_not_be_measured_says_why() -> None:
    line = only_line(measured(ContestantError("no module | named x")))
    assert line == "| a step | not measured | no module / named x |  |  |  |  |"


def test_lines_that_explain_stand_after_those_with_a_target() -> None:
    why = measured(Speed((2.0,), {}), target=None)
    aim = measured(Speed((20.0,), {}))
    _, first, second = table([why, aim])
    assert first.endswith("| 10 | yes |")
    assert second.endswith("|  |  |")


def test_the_circumstances_name_machine_networks_and_replacements() -> None:
    facts = {"parameters": 35_705_153, "replaced": ["cv2", "einops"], "mre": 99.0}
    text = "\n".join(circumstances(MACHINE, ["a remark."], [measured(Speed((2.0,), facts))]))
    assert "- 2026-01-01; some processor, 2 cores, 1 thread(s) a process; torch 2.13." in text
    assert "- This project at abc, the paper's code at def." in text
    assert "- a remark." in text
    assert "theirs 35.71 M (float32)" in text
    assert "Not installed, hence replaced: cv2, einops." in text
    assert "99" not in text, "an error of points that nobody has looked for"
