"""The physics of the phantoms: solids of known thickness, coverage, noise and scatter."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.datasets.phantom.curves import coverage, interpolation, softened_polygon, spline
from benchmark.datasets.phantom.exposure import expose, sample_exposure
from benchmark.datasets.phantom.scene import Scene
from benchmark.datasets.phantom.subjects import Pose, Streams

CIRCLE = np.linspace(0, 2 * np.pi, 90, endpoint=False)
DISK = np.stack([np.cos(CIRCLE), np.sin(CIRCLE)], 1)


@settings(deadline=None, max_examples=40)
@given(x=st.floats(22.0, 40.0), y=st.floats(22.0, 40.0), radius=st.floats(3.0, 20.0))
def test_coverage_has_the_area_and_the_centre_of_the_polygon(
    x: float, y: float, radius: float
) -> None:
    covered = coverage(DISK * radius + (x, y), 64, 64)
    area = 45 * np.sin(2 * np.pi / 90) * radius**2
    centres = np.arange(64) + 0.5
    assert covered.sum() == pytest.approx(area, rel=0.01)
    assert (covered.sum(0) @ centres) / covered.sum() == pytest.approx(x, abs=0.03)
    assert (covered.sum(1) @ centres) / covered.sum() == pytest.approx(y, abs=0.03)


def test_coverage_of_an_outline_that_leaves_the_image_is_cut_and_not_wrapped() -> None:
    covered = coverage(np.array([[-50.0, 10], [90, 10], [90, 20], [-50, 20]]), 32, 32)
    np.testing.assert_array_equal(covered[10:20], 1)
    assert covered.sum() == 10 * 32


def test_an_ellipsoid_has_the_mass_of_its_volume() -> None:
    scene = Scene(200, 100.0)
    scene.ellipsoid(np.array([48.0, 51.0]), (20.0, 12.0), 0.4, 30.0, 0.02)
    volume = 4 / 3 * np.pi * 20 * 12 * 15
    assert scene.integral.sum() * scene.spacing**2 == pytest.approx(0.02 * volume, rel=0.01)


def test_a_tube_is_as_thick_as_its_diameter_and_hollow_where_asked() -> None:
    scene = Scene(400, 100.0)
    line = np.array([[20.0, 50.125], [80.0, 50.125]])
    scene.tube(line, 8.0, 0.05, hollow=0.5)
    middle = scene.integral[:, 200]
    assert middle[200] == pytest.approx(0.05 * 8.0, rel=1e-3)
    assert middle.max() == pytest.approx(0.05 * 2 * np.sqrt(8**2 - 4**2), rel=0.02)
    assert np.ptp(np.flatnonzero(middle)) * scene.spacing == pytest.approx(16.0, abs=0.5)


def test_a_long_bone_reaches_from_tip_to_tip() -> None:
    scene = Scene(400, 100.0)
    start, end = np.array([30.0, 20.0]), np.array([30.0, 80.0])
    scene.long_bone(start, end, (6.0, 4.0, 6.0), 1.5)
    rows = np.flatnonzero(scene.integral.max(1) > 0)
    assert scene.axis[rows[0]] == pytest.approx(20.0, abs=0.3)
    assert scene.axis[rows[-1]] == pytest.approx(80.0, abs=0.3)


def test_cortex_is_a_bright_line_along_the_edge_of_a_region() -> None:
    scene = Scene(200, 100.0)
    scene.region(DISK * 30 + 50, 20.0, 10.0, 0.04, cortex=2.0, core=0.01)
    profile = scene.integral[100]
    assert profile.max() > 1.3 * profile[100]
    assert abs(scene.axis[profile[:100].argmax()] - 20.0) < 3.0


def test_solids_of_a_union_do_not_add_up() -> None:
    union, usual = Scene(64, 64.0, union=True), Scene(64, 64.0)
    for scene in (union, usual):
        for _ in range(2):
            scene.ellipsoid(np.array([32.0, 32.0]), (10.0, 10.0), 0.0, 20.0, 0.02)
    np.testing.assert_allclose(2 * union.integral, usual.integral, rtol=1e-5)


def test_solids_outside_the_field_are_ignored() -> None:
    scene = Scene(64, 64.0)
    far = np.array([500.0, 10.0])
    scene.ellipsoid(far, (5.0, 5.0), 0.0, 5.0, 1.0)
    scene.tube(np.stack([far, far + 5]), 1.0, 1.0)
    scene.region(DISK * 4 + far, 5.0, 1.0, 1.0)
    scene.long_bone(far, far + 9, (2.0, 2.0), 1.0)
    assert not scene.integral.any()


def test_curves_pass_through_their_knots() -> None:
    knots = np.array([[0.0, 0], [10, 2], [12, 9], [3, 8]])
    np.testing.assert_allclose(spline(knots, 5)[::5], knots)
    np.testing.assert_allclose(spline(knots, 5, closed=False)[::5], knots)
    np.testing.assert_allclose(softened_polygon(knots)[::4], knots)


def test_interpolation_is_exact_at_nodes_and_for_lines() -> None:
    nodes = np.array([0, 4, 9])
    np.testing.assert_allclose(
        interpolation(nodes, 10) @ (2.0 * nodes + 1), 2.0 * np.arange(10) + 1
    )
    np.testing.assert_array_equal(interpolation(np.array([0]), 1), [[1.0]])


def test_a_pose_shrinks_and_shifts_until_the_landmarks_fit() -> None:
    landmarks = np.array([[0.0, 0.0], [300.0, 20.0]])
    placed = Pose((1.0, 1.0), 0.3, np.array([-40.0, 90.0])).keeping(landmarks, 200.0, 10.0)(
        landmarks
    )
    assert placed.min() >= 10 - 1e-9
    assert placed.max() <= 190 + 1e-9


def wedge() -> np.ndarray:
    return np.tile(np.linspace(0, 4, 128, dtype=np.float32), (128, 1))


def test_the_display_grows_with_the_line_integral() -> None:
    exposure = sample_exposure(np.random.default_rng(1), 1e6)
    image = expose(
        wedge(), np.ones((128, 128), np.float32), 1.0, exposure, np.random.default_rng(2)
    )
    columns = image.mean(0)[4:-4]
    assert (np.diff(columns) > -1.5).all()
    assert columns[-1] - columns[0] > 150


def test_noise_is_stronger_behind_more_matter_and_at_less_dose() -> None:
    def noise(dose: float) -> np.ndarray:
        exposure = replace(
            sample_exposure(np.random.default_rng(1), dose),
            gamma=1.0,
            blur=0.3,
            scatter_ratio=0.1,
            heel=(0.0, 0.0),
        )
        image = expose(
            wedge(), np.ones((128, 128), np.float32), 1.0, exposure, np.random.default_rng(2)
        )
        return np.asarray(image[:, 20:110].astype(float).std(0))

    at_low, at_high = noise(400.0), noise(40_000.0)
    assert at_low[-30:].mean() > 2 * at_low[:30].mean()
    assert at_low.mean() > 5 * at_high.mean()


def test_scatter_fills_the_shadow_of_thick_parts() -> None:
    integral = np.full((128, 128), 3.0, np.float32)
    integral[40:60, 40:60] += 1.0
    integral[80:100, 80:100] -= 1.0

    def thick_to_thin_contrast(ratio: float) -> float:
        exposure = replace(
            sample_exposure(np.random.default_rng(1), 1e6),
            scatter_ratio=ratio,
            heel=(0.0, 0.0),
            gamma=1.0,
            window=(0.0, 100.0),
        )
        opened = np.ones_like(integral)
        image = expose(integral, opened, 2.0, exposure, np.random.default_rng(2)).astype(float)
        thick, thin, around = image[45:55, 45:55], image[85:95, 85:95], image[10:30, 80:120]
        return float((thick.mean() - around.mean()) / (around.mean() - thin.mean()))

    # Without scatter the logarithm makes both steps of 1 equal.
    assert thick_to_thin_contrast(0.0) == pytest.approx(1.0, abs=0.05)
    assert thick_to_thin_contrast(0.9) < 0.8


def test_a_given_dose_replaces_the_drawn_one_and_nothing_else() -> None:
    free = sample_exposure(np.random.default_rng(5), None)
    fixed = sample_exposure(np.random.default_rng(5), 123.0)
    assert fixed == replace(free, photons=123.0)


def test_the_three_streams_of_a_subject_are_independent_of_one_another() -> None:
    draws = [stream.random(4) for stream in vars(Streams.of(7, 3)).values()]
    assert len({tuple(values) for values in draws}) == 3
    again = Streams.of(7, 3)
    again.geometry.random(100)
    np.testing.assert_array_equal(again.exposure.random(4), draws[1])
    np.testing.assert_array_equal(again.distractors.random(4), draws[2])
    assert not np.array_equal(Streams.of(7, 4).geometry.random(4), draws[0])


def test_the_collimator_is_displayed_at_one_level() -> None:
    shutter = np.ones((128, 128), np.float32)
    shutter[:, :30] = 0
    for level in (0.0, 1.0):
        exposure = replace(sample_exposure(np.random.default_rng(1), 1e3), shutter_level=level)
        image = expose(wedge(), shutter, 1.0, exposure, np.random.default_rng(2))
        assert (image[:, :30] == 255 * level).all()
