"""The Shenzhen chest films: ratios, px at 512, nine exclusions, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmark.datasets.chest import Chest
from benchmark.datasets.official import OfficialOptions, official_split
from benchmark.errors import DataError
from benchmark.labels.shenzhen import read_ratios
from benchmark.records import SPLITS

pytestmark = pytest.mark.usefixtures("private_cache")

Build = Callable[..., Path]


def partial(root: Path) -> Chest:
    return Chest(OfficialOptions(partial=True), root=root)


def test_ratios_become_pixels_of_the_file_and_errors_pixels_at_512(build_chest: Build) -> None:
    index = partial(build_chest()).index()
    sample = index.samples[0]
    assert index.unit == "px@512"
    assert (sample.width, sample.height) == (80, 100)
    np.testing.assert_allclose(sample.points[1], [0.2 * 80, 0.1 * 100])
    np.testing.assert_allclose(
        sample.points * sample.spacing / 512, [[0.1 * k, 0.05 * k] for k in range(1, 7)]
    )


def test_the_nine_excluded_films_are_in_no_split(build_chest: Build) -> None:
    splits = [official_split("chest", split) for split in SPLITS]
    assert [len(ids) for ids in splits] == [195, 34, 41]
    excluded = {f"CHNCXR_{n:04d}_0" for n in (59, 178, 228, 267, 276, 285, 295, 303, 310)}
    assert not excluded & {name for ids in splits for name in ids}
    index = partial(build_chest()).index()
    assert [sample.id for sample in index.samples] == ["CHNCXR_0001_0", "CHNCXR_0326_0"]


@pytest.mark.parametrize(
    ("line", "text", "expected"),
    [
        (0, "5", "line 1: the number of landmarks, 6, is needed here, not '5'"),
        (6, None, "line 7: 6 lines 'x y' are needed, but this one is missing"),
        (3, "0.5", "line 4: 6 lines 'x y' are needed, but this one reads '0.5'"),
        (3, "0.5 low", "line 4: 'low' stands where a number (ratio)"),
        (3, "0.5 1.0001", "line 4: 1.0001 is no ratio"),
        (3, "-0.1 0.5", "line 4: -0.1 is no ratio"),
        (6, "0.6 0.3\n0.1 0.1", "line 8: a line stands after the 6 landmarks"),
    ],
)
def test_a_label_that_cannot_be_is_refused_with_file_and_line(
    build_chest: Build, line: int, text: str | None, expected: str
) -> None:
    root = build_chest()
    path = root / "labels" / "CHNCXR_0326_0.txt"
    lines = path.read_text().splitlines()
    lines[line : line + 1] = [] if text is None else [text]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError) as caught:
        partial(root).index()
    assert f"CHNCXR_0326_0.txt, {expected}" in str(caught.value)


def test_a_missing_download_is_said_where_to_get(build_chest: Build) -> None:
    root = build_chest()
    (root / "labels" / "CHNCXR_0001_0.txt").unlink()
    with pytest.raises(DataError, match=r"269 of 270 .*labels/CHNCXR_0001_0.txt.*kaggle.com"):
        Chest(root=root).index()


def test_all_real_labels_are_read_and_the_sample_is_grey(shared_data: Path) -> None:
    labels = sorted((shared_data / "chest" / "labels").iterdir())
    ratios = np.stack([read_ratios(path, 6) for path in labels])
    assert ratios.shape == (279, 6, 2)
    right, left = ratios[:, :3, 0].mean(), ratios[:, 3:, 0].mean()
    assert right < 0.5 < left  # the patient's right is on the left of the film
    pixels = Chest(root=shared_data / "chest").read("CHNCXR_0053_0")
    assert pixels.shape == (289, 253)
    assert pixels.max() > 200
