"""A planted set: each kind of fault is found in the images that have it, and nowhere else."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmark.audit.checks import CHECKS
from tests.audit import planted

if TYPE_CHECKING:
    from tests.conftest import CommandLine

pytestmark = pytest.mark.slow

Row = dict[str, str]


@pytest.fixture(scope="module")
def rows(
    command_line: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Row]]:
    """All findings in the planted set, as the file that `--save` writes."""
    path = tmp_path_factory.mktemp("audit") / "findings.csv"
    result = command_line(
        "audit", "planted", "--plugin", planted.__file__, "--save", path, "--strict"
    )
    assert result.returncode == 3, result.stderr
    with path.open(encoding="utf-8") as file:
        yield list(csv.DictReader(file))


def images_of(rows: list[Row], check: str) -> set[str]:
    return {name for row in rows if row["check"] == check for name in row["images"].split()}


def test_every_kind_of_fault_but_refusals_is_planted() -> None:
    assert set(planted.FAULTS) == set(CHECKS) - {"refused"}


@pytest.mark.parametrize("check", sorted(planted.FAULTS))
def test_each_fault_is_found_in_its_images_and_in_no_others(rows: list[Row], check: str) -> None:
    assert images_of(rows, check) == planted.FAULTS[check]


def test_no_image_is_reported_for_a_fault_that_it_does_not_have(rows: list[Row]) -> None:
    checks = defaultdict(set)
    for row in rows:
        for name in row["images"].split():
            checks[name].add(row["check"])
    planted_in = defaultdict(set)
    for check, names in planted.FAULTS.items():
        for name in names:
            planted_in[name].add(check)
    assert checks == planted_in


def test_each_finding_says_how_sure_it_is_and_what_is_wrong(rows: list[Row]) -> None:
    assert {row["certainty"] for row in rows} == {"certain", "likely", "possible"}
    by_check = {row["check"]: row for row in rows}
    assert by_check["copy"]["certainty"] == by_check["ratios"]["certainty"] == "certain"
    assert by_check["swapped"]["certainty"] == by_check["order"]["certainty"] == "likely"
    assert all(row["finding"] for row in rows)


def test_a_fault_of_one_annotator_is_said_to_be_theirs(rows: list[Row]) -> None:
    (offset,) = (r for r in rows if planted.train(7) in r["images"])
    assert (offset["annotator"], offset["certainty"]) == ("junior", "certain")
    (apart,) = (r for r in rows if r["check"] == "annotators")
    assert (apart["landmark"], apart["certainty"]) == ("gonion", "likely")
    assert "against the point of junior" in apart["finding"]


def test_a_mirrored_film_is_told_from_mirrored_labels(rows: list[Row]) -> None:
    (mirrored,) = (r for r in rows if r["check"] == "mirrored")
    assert "so does the picture" in mirrored["finding"]


def test_nothing_is_found_in_three_hundred_clean_images(command_line: CommandLine) -> None:
    result = command_line("audit", "phantom-cephalometric[train=200,test=100,size=64]", "--strict")
    assert result.returncode == 0, result.stdout
    assert "300 images" in result.stdout
    assert "Nothing found." in result.stdout


def test_the_known_duplicates_of_isbi_are_found(
    command_line: CommandLine, shared_data: Path, tmp_path: Path
) -> None:
    root, saved = shared_data / "cephalometric", tmp_path / "findings.csv"
    result = command_line("audit", "cephalometric", "--data-root", root, "--save", saved)
    assert result.returncode == 0, result.stderr
    with saved.open(encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    pairs = {frozenset(r["images"].split()) for r in found if r["check"] in ("copy", "leak")}
    with (root / "duplicates.csv").open() as file:
        known = {frozenset((r["image_a"], r["image_b"])) for r in csv.DictReader(file)}
    assert len(known) == 22
    assert known <= pairs
    assert len(pairs - known) <= 2
    # The junior's gnathion is the senior's menton, within 2 mm, and the other way round.
    exchanged = [r["images"] for r in found if r["check"] == "order"]
    assert exchanged == ["297"]
