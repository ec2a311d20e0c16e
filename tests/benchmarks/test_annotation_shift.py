"""A change of convention between the parts of a dataset is found, and only where there is one."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.records import Sample
from benchmarks.annotation_shift import MM, annotator_offsets, changed, measured


def samples(moved_from: int) -> tuple[Sample, ...]:
    """400 images, of which the senior sets landmark 1 30 px lower from a number on."""
    random = np.random.default_rng(0)
    made = []
    for number in range(1, 401):
        junior = random.uniform(500, 1500, (3, 2))
        senior = junior + random.normal(0, 5, (3, 2))
        if number >= moved_from:
            senior[1, 1] += 30
        both = np.stack([senior, junior])
        made.append(
            Sample(
                id=f"{number:03d}",
                split="train",
                width=1935,
                height=2400,
                points=both.mean(0),
                spacing=(MM, MM),
                annotators=both,
            )
        )
    return tuple(made)


def test_a_landmark_that_means_something_else_in_test_2_is_found() -> None:
    ((landmark, offsets),) = changed(annotator_offsets(samples(301)))
    assert landmark == 1
    train, test_1, test_2 = (float(y) for _, y in offsets)
    assert (train, test_1, test_2) == pytest.approx((0, 0, 3), abs=0.2)


def test_an_offset_that_is_the_same_everywhere_is_none() -> None:
    assert list(changed(annotator_offsets(samples(1)))) == []


def test_errors_are_told_as_the_metric_has_them() -> None:
    errors = np.array([[[3.0, 4.0], [0.0, 1.0]]])
    assert measured(errors) == "3.000 | 3.000 | 50.0"
