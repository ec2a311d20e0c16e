"""The paper's metric against a second one in plain Python, written from what its code does."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from benchmark.metrics import radial_errors
from benchmark.published_metric import FLAWS, KINDS, Kind, MetricFlaws, published_errors

SIDE = 256
LANDMARKS: dict[Kind, int] = {kind: count for count, kind in KINDS.items()}
CASES = [
    (kind, dict(zip(FLAWS[kind], values, strict=True)))
    for kind in LANDMARKS
    for values in itertools.product([True, False], repeat=len(FLAWS[kind]))
]
Pixel = tuple[int, int]
Point = tuple[float, float]


def disk_around(centre: Pixel) -> set[Pixel]:
    """Pixels where a Gaussian of sigma 5 reaches half of its largest value in the image."""
    heights = {
        (x, y): math.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / 50)
        for x in range(max(0, centre[0] - 9), min(SIDE, centre[0] + 10))
        for y in range(max(0, centre[1] - 9), min(SIDE, centre[1] + 10))
    }
    half = 0.5 * max(heights.values())
    return {pixel for pixel, height in heights.items() if height >= half}


def contour_of(pixels: set[Pixel]) -> list[Pixel]:
    """The border pixels in order, by Moore's neighbour tracing."""
    around = [(-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1)]
    start = min(pixels, key=lambda p: (p[1], p[0]))
    path, here, looked = [start], start, 0
    while True:
        for turn in range(8):
            step = around[(looked + turn) % 8]
            there = (here[0] + step[0], here[1] + step[1])
            if there in pixels:
                looked = (looked + turn + 5) % 8
                break
        here = there
        if here == start:
            return path
        path.append(here)


def centroid_of(polygon: list[Pixel]) -> Point:
    """By the shoelace formula."""
    area = x = y = 0.0
    for (x0, y0), (x1, y1) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        cross = x0 * y1 - x1 * y0
        area, x, y = area + cross / 2, x + (x0 + x1) * cross / 6, y + (y0 + y1) * cross / 6
    return x / area, y / area


def read_back(point: Point, rounded: bool) -> Point:
    """A true point after its disk was drawn around the nearest pixel and found again."""
    pixel = (round(point[0]), round(point[1]))
    found = centroid_of(contour_of(disk_around(pixel)))
    if rounded:
        return found
    return point[0] + found[0] - pixel[0], point[1] + found[1] - pixel[1]


def errors_in_plain_python(
    predicted: list[Point],
    truth: list[Point],
    size: Point,
    spacing: Point,
    kind: Kind,
    flaws: MetricFlaws,
) -> list[float]:
    """The distances of one image, landmark by landmark."""
    found = [(x * SIDE / size[0], y * SIDE / size[1]) for x, y in predicted]
    true = [(x * SIDE / size[0], y * SIDE / size[1]) for x, y in truth]
    if flaws.cut_disks:
        true = [read_back(point, flaws.rounded_points) for point in true]
    if flaws.rounded_points:
        found = [(round(x), round(y)) for x, y in found]
        true = [(round(x), round(y)) for x, y in true]
    along_x, along_y = spacing[0] * size[0] / SIDE, spacing[1] * size[1] / SIDE
    if kind == "chest" and flaws.small_grid:
        along_x = along_y = 1.0
    if kind == "head" and flaws.exchanged_axes:
        along_x, along_y = along_y, along_x
    if kind == "hand" and flaws.squashed_wrist:
        along_x = along_y = 50 / math.dist(true[0], true[4])
    return [
        math.sqrt(((px - tx) * along_x) ** 2 + ((py - ty) * along_y) ** 2)
        for (px, py), (tx, ty) in zip(found, true, strict=True)
    ]


def a_test_set(kind: Kind, seed: int, images: int = 3) -> tuple[np.ndarray, ...]:
    """Predictions, truth, sizes and spacing; some landmarks lie where the border cuts a disk."""
    random = np.random.default_rng(seed)
    count = LANDMARKS[kind]
    sizes = {
        "head": np.full((images, 2), [1935.0, 2400.0]),
        "hand": random.integers([1100, 1700], [1700, 2400], (images, 2)).astype(float),
        "chest": random.integers(2000, 3100, (images, 2)).astype(float),
    }[kind]
    share = random.uniform(0.05, 0.95, (images, count, 2))
    edge = random.uniform(0, 0.02, (images, count, 2))
    share = np.where(random.random(share.shape) < 0.15, edge, share)
    share = np.where(random.random(share.shape) < 0.15, 1 - edge, share)
    truth = share * sizes[:, None]
    predicted = truth + random.normal(0, 20, truth.shape)
    wrist = np.hypot(*(truth[:, 4] - truth[:, 0]).T)
    spacing = {
        "head": np.full((images, 2), 0.1),
        "hand": np.repeat(50 / wrist[:, None], 2, axis=1),
        "chest": 512 / sizes,
    }[kind]
    return predicted, truth, sizes, spacing


@pytest.mark.parametrize(("kind", "switches"), CASES, ids=str)
def test_errors_equal_the_second_implementation_with_each_flaw_on_and_off(
    kind: Kind, switches: dict[str, bool]
) -> None:
    flaws = MetricFlaws(**switches)
    predicted, truth, sizes, spacing = a_test_set(kind, seed=len(kind))
    ours = published_errors(predicted, truth, sizes, spacing, kind, flaws)
    theirs = [
        errors_in_plain_python(p.tolist(), t.tolist(), tuple(size), tuple(space), kind, flaws)
        for p, t, size, space in zip(predicted, truth, sizes, spacing, strict=True)
    ]
    assert np.abs(ours - np.array(theirs)).max() < 1e-9


@pytest.mark.parametrize("kind", LANDMARKS)
def test_each_flaw_changes_the_number_and_without_all_it_is_our_own(kind: Kind) -> None:
    predicted, truth, sizes, spacing = a_test_set(kind, seed=3)
    flaws = MetricFlaws()
    whole = published_errors(predicted, truth, sizes, spacing, kind, flaws)
    for name in FLAWS[kind]:
        mended = published_errors(predicted, truth, sizes, spacing, kind, flaws.without(name))
        assert np.abs(mended - whole).max() > 0.1, name
        flaws = flaws.without(name) if name == "cut_disks" else flaws
    for name in FLAWS[kind]:
        flaws = flaws.without(name)
    mended = published_errors(predicted, truth, sizes, spacing, kind, flaws)
    assert mended == pytest.approx(radial_errors(predicted, truth, spacing), abs=1e-9)


def test_rounding_hides_what_is_below_half_a_pixel_of_the_grid() -> None:
    truth = np.array([[[1000.0, 1200.0]] * 19])
    size, spacing = np.array([[1935.0, 2400.0]]), np.array([[0.1, 0.1]])
    near = truth + 0.2 * size / SIDE
    assert published_errors(near, truth, size, spacing, "head").max() == 0


def test_exchanged_axes_count_an_error_along_x_at_the_height_of_a_pixel() -> None:
    truth = np.array([[[967.5, 1200.0]] * 19])
    size, spacing = np.array([[1935.0, 2400.0]]), np.array([[0.1, 0.1]])
    moved = truth + np.array([10 * 1935 / SIDE, 0])
    assert published_errors(moved, truth, size, spacing, "head") == pytest.approx(10 * 240 / SIDE)
    mended = MetricFlaws().without("exchanged_axes")
    right = published_errors(moved, truth, size, spacing, "head", mended)
    assert right == pytest.approx(10 * 193.5 / SIDE)


def test_a_missing_landmark_stays_missing() -> None:
    predicted, truth, sizes, spacing = a_test_set("chest", seed=0)
    truth[1, 2] = np.nan
    errors = published_errors(predicted, truth, sizes, spacing, "chest")
    assert np.isnan(errors[1, 2])
    assert np.isnan(errors).sum() == 1


def test_a_hand_without_a_wrist_has_no_scale() -> None:
    predicted, truth, sizes, spacing = a_test_set("hand", seed=0)
    truth[0, 4] = truth[0, 0]
    with pytest.raises(ValueError, match="wrist"):
        published_errors(predicted, truth, sizes, spacing, "hand")
