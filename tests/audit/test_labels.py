"""Faults of labels, each on a small set of shapes: found, named, and told from its neighbours."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.audit.checks import find_faults
from benchmark.audit.findings import Finding
from benchmark.records import Sample
from tests.audit.sets import NAMES, SHAPE, SIZE, grouped, material, shapes


def found(points: np.ndarray, **given: object) -> list[Finding]:
    return list(find_faults(material(points, **given)).all)  # type: ignore[arg-type]


def only(points: np.ndarray, **given: object) -> Finding:
    (finding,) = found(points, **given)
    return finding


def test_a_clean_set_has_no_finding() -> None:
    for seed in range(20):
        assert found(shapes(seed=seed)) == []


def test_half_a_set_of_mirrored_images_is_said_to_be_possible() -> None:
    points = shapes(40)
    points[25:, :, 0] = SIZE[0] - 1 - points[25:, :, 0]
    findings = found(points)
    assert {f.images[0] for f in findings} == {f"film{n}" for n in range(25, 40)}
    assert {(f.check, f.certainty) for f in findings} == {("mirrored", "possible")}
    assert "may hold both sides" in findings[0].sentence


@pytest.mark.parametrize("looks", ["as the others", "mirrored"])
def test_the_picture_decides_between_mirrored_images_and_exchanged_sides(looks: str) -> None:
    symmetric = np.array([(20, 20), (80, 20), (30, 60), (70, 60), (35, 90), (65, 90)], float)
    generator = np.random.default_rng(0)
    points = symmetric + generator.normal(0, 0.8, (40, 6, 2))
    points[3, :, 0] = SIZE[0] - 1 - points[3, :, 0]
    body = np.tile(np.linspace(20, 200, 32), (32, 1))
    thumbnails = {f"film{n:02d}": body + generator.normal(0, 20, (32, 32)) for n in range(40)}
    if looks == "mirrored":
        thumbnails["film03"] = thumbnails["film03"][:, ::-1]
    finding = only(points, thumbnails=thumbnails)
    assert finding.images == ("film03",)
    assert finding.check == ("mirrored" if looks == "mirrored" else "order")


def test_exchanged_neighbours_are_named() -> None:
    points = shapes(40)
    points[7, [2, 5]] = points[7, [5, 2]]
    finding = only(points)
    assert (finding.check, finding.images) == ("order", ("film07",))
    assert "c and f are exchanged" in finding.sentence


def test_a_shuffled_annotation_is_one_finding_and_not_eight_outliers() -> None:
    points = shapes(40)
    points[7] = points[7, [3, 0, 6, 5, 1, 7, 2, 4]]
    assert only(points).check == "order"


def test_an_outlier_is_one_landmark_with_its_distance() -> None:
    points = shapes(40)
    points[9, 4] += (12, -9)
    finding = only(points)
    assert (finding.check, finding.landmark) == ("outlier", NAMES[4])
    assert 9 < float(finding.sentence.split(" px")[0].split()[-1]) < 22


def test_a_shape_of_another_kind_is_unusual_as_a_whole() -> None:
    points = shapes(40)
    points[9] = np.random.default_rng(8).uniform(10, 90, SHAPE.shape)
    finding = only(points)
    assert (finding.check, finding.landmark) == ("outlier", "")
    assert "the shape is unlike the others" in finding.sentence


def test_points_outside_are_told_once_and_not_as_outliers_too() -> None:
    points = shapes(40)
    points[2, 1] = (150, 20)
    points[2, 3] = (25, -30)
    finding = only(points)
    assert (finding.check, finding.certainty) == ("outside", "certain")
    assert "1 more" in finding.sentence


def test_half_a_pixel_beyond_the_last_centre_is_inside() -> None:
    points = shapes(40)
    points[2] += (SIZE[0] - 0.5 - points[2, :, 0].max(), 0)
    assert [f for f in found(points) if f.check in {"outside", "one-based"}] == []


def test_counting_from_one_is_likely_only_where_nothing_lies_below_one() -> None:
    points = shapes(40).round()
    points[2] += (SIZE[0] - points[2, :, 0].max(), 0)
    (finding,) = (f for f in found(points) if f.check == "one-based")
    assert finding.certainty == "likely"
    points[5] -= (points[5, :, 0].min(), 0)
    (finding,) = (f for f in found(points) if f.check == "one-based")
    assert finding.certainty == "possible"


def test_a_whole_set_of_ratios_is_found_without_any_image_to_compare_with() -> None:
    findings = found(shapes(3)[:, :2] / np.array(SIZE))
    assert [f.check for f in findings] == ["ratios"] * 3


def test_placeholders_are_taken_for_missing_and_named() -> None:
    points = shapes(40)
    points[4, 2] = (0, 0)
    points[6, 5] = (-1, -1)
    findings = found(points)
    assert [(f.check, f.images[0], f.landmark) for f in findings] == [
        ("placeholder", "film04", "c"),
        ("placeholder", "film06", "f"),
    ]


def test_labels_of_the_original_on_a_small_copy_are_told_with_its_size() -> None:
    points = shapes(40)
    points[4] *= 0.25
    finding = only(points)
    assert finding.check == "scale"
    width = float(finding.sentence.split("about ")[1].split(" x")[0])
    assert width == pytest.approx(SIZE[0] / 4, rel=0.2)


def test_images_without_any_landmark_and_with_few_are_passed_over() -> None:
    points = shapes(40)
    points[3] = np.nan
    points[4, 2:] = np.nan
    points[5, 4:] = np.nan
    assert found(points) == []


def test_a_set_without_images_or_labels_is_no_error() -> None:
    assert found(shapes(1)[:0]) == []
    assert found(np.full((5, 8, 2), np.nan)) == []


def test_what_could_not_be_checked_is_said() -> None:
    unchecked = " ".join(find_faults(material(shapes(5))).unchecked)
    assert "fewer than 3 landmarks or 8 labelled images" in unchecked
    assert "spacing: none is known" in unchecked
    assert "single outliers" in " ".join(find_faults(material(shapes()[:, :3])).unchecked)


def test_one_wrong_spacing_is_told_from_a_large_subject() -> None:
    spacing = [(0.5, 0.5)] * 40
    spacing[7] = (1.0, 1.0)
    finding = only(shapes(40), unit="mm", spacing=spacing)
    assert (finding.check, finding.images, finding.certainty) == ("spacing", ("film07",), "likely")
    assert "where the others have 0.5" in finding.sentence
    assert found(shapes(40), unit="px@512", spacing=spacing) == []


@pytest.mark.parametrize("value", [0.001, 50.0])
def test_a_field_that_no_radiograph_has_is_certain(value: float) -> None:
    findings = found(shapes(12), unit="mm", spacing=[(value, value)] * 12)
    assert len(findings) == 12
    assert {(f.check, f.certainty) for f in findings} == {("spacing", "certain")}


def test_long_pixels_of_a_whole_set_are_one_finding() -> None:
    finding = only(shapes(12), unit="mm", spacing=[(0.5, 0.8)] * 12)
    assert (finding.check, finding.certainty) == ("spacing", "possible")
    assert "11 more images" in finding.sentence


def test_patients_are_told_with_the_images_of_each_split() -> None:
    def change(row: int, sample: Sample) -> Sample:
        return grouped(sample, "P1" if row in {0, 1, 2} else f"Q{row}")

    finding = only(shapes(12), change=change)
    assert (finding.check, finding.images) == ("patient", ("film00", "film01"))
    assert "1 test, 2 train" in finding.sentence
    assert "P1" not in finding.sentence


def two(points: np.ndarray, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.5, (2, *points.shape))
    return np.asarray(np.moveaxis(points + noise, 0, 1))


def test_a_disagreement_names_both_and_whom_the_shape_speaks_against() -> None:
    both = two(shapes(40, noise=0.3))
    both[6, 1, 3] += (8, 5)
    finding = only(both.mean(axis=1), annotators=both)
    assert (finding.check, finding.images, finding.landmark) == ("annotators", ("film06",), "d")
    assert "against the point of bob" in finding.sentence


def test_a_fault_of_one_annotator_is_not_hidden_in_the_mean() -> None:
    both = two(shapes(40))
    both[6, 1, :, 0] = SIZE[0] - 1 - both[6, 1, :, 0]
    finding = only(both.mean(axis=1), annotators=both)
    assert (finding.check, finding.annotator) == ("mirrored", "bob")


def test_what_annotators_always_disagree_by_is_no_outlier() -> None:
    both = two(shapes(40))
    both[:, 1, 3] += (15, 5)
    checks = {f.check for f in found(both.mean(axis=1), annotators=both)}
    assert "annotators" not in checks


@pytest.mark.parametrize("shift", [1.0, 0.5])
def test_a_constant_shift_between_annotators_is_another_origin(shift: float) -> None:
    both = two(shapes(40))
    both[6, 0] = both[6, 1] + shift
    finding = only(both.mean(axis=1), annotators=both)
    assert (finding.check, finding.annotator, finding.certainty) == ("one-based", "ann", "certain")


def test_copied_labels_are_told_unless_the_films_are_one() -> None:
    points = shapes(40)
    points[9] = points[8]
    finding = only(points)
    assert (finding.check, finding.images) == ("copied labels", ("film08", "film09"))
    picture = np.random.default_rng(0).uniform(0, 255, (32, 32))
    findings = found(points, thumbnails={"film08": picture, "film09": picture})
    assert [f.check for f in findings] == ["leak"]


def test_damaged_images_are_findings() -> None:
    damaged = dataclasses.replace(material(shapes(12)), damaged={"film03": "film03.png: broken."})
    (finding,) = find_faults(damaged).all
    assert (finding.check, finding.images, finding.sentence) == (
        "damaged",
        ("film03",),
        "film03.png: broken.",
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["as they are", "scaled", "random", "equal"]))
def test_no_labels_however_damaged_are_an_error(seed: int, kind: str) -> None:
    generator = np.random.default_rng(seed)
    points = shapes(int(generator.integers(1, 25)), seed=seed)[:, : generator.integers(1, 9)]
    if kind == "scaled":
        points[0] *= generator.choice([0, 1e-3, -1, 1e4])
    if kind == "random":
        points = generator.uniform(-1e6, 1e6, points.shape)
    if kind == "equal":
        points[:] = generator.choice([0.0, -1.0, 7.0])
    points[generator.random(points.shape[:2]) < generator.choice([0, 0.4])] = np.nan
    both = two(points, seed=seed)
    for annotators in (None, both):
        for finding in found(points, annotators=annotators, unit="mm"):
            assert finding.images
            assert finding.sentence
