"""The subjects of the phantoms: landmarks inside, correlated as in patients, and exact."""

from typing import TypeVar

import numpy as np
import pytest
from scipy import ndimage

from benchmark.datasets.phantom.cephalogram import Cephalogram
from benchmark.datasets.phantom.chest import Chest
from benchmark.datasets.phantom.curves import coverage
from benchmark.datasets.phantom.distractors import collimate
from benchmark.datasets.phantom.growth import LANDMARKS
from benchmark.datasets.phantom.hand import Hand
from benchmark.datasets.phantom.scene import Scene
from benchmark.datasets.phantom.subjects import Anatomy, Streams, sample_landmarks

Body = TypeVar("Body", bound=Anatomy)

ANATOMIES = (Cephalogram, Hand, Chest)
CEPHALOMETRIC = {name: k for k, name in enumerate(LANDMARKS)}


@pytest.fixture(params=ANATOMIES, ids=lambda anatomy: anatomy.__name__)
def anatomy(request: pytest.FixtureRequest) -> type[Anatomy]:
    chosen: type[Anatomy] = request.param
    return chosen


def population(anatomy: type[Anatomy], subjects: int = 300) -> np.ndarray:
    """(subjects, landmarks, 2) in mm of the field."""
    points = np.stack([sample_landmarks(anatomy, k, 256) for k in range(subjects)])
    return (points + 0.5) * anatomy.field / 256


def drawn(anatomy: type[Body], subject: int, size: int) -> tuple[Body, Scene]:
    """The subject, and its line integral without noise or distractors."""
    rng = Streams.of(anatomy.identifier, subject).geometry
    body = anatomy.sample(rng)
    scene = Scene(size, anatomy.field)
    body.draw(scene, rng)
    return body, scene


def along(scene: Scene, start: np.ndarray, direction: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The line integral at ``start + at * direction``, all in mm."""
    x, y = (start[:, None] + direction[:, None] * at) / scene.spacing - 0.5
    return ndimage.map_coordinates(scene.integral, [y, x], order=1)


def test_all_landmarks_of_all_subjects_lie_well_inside_the_image(anatomy: type[Anatomy]) -> None:
    points = population(anatomy, 600)
    assert points.min() > 5
    assert points.max() < anatomy.field - 5


def test_poses_vary_so_that_the_mean_shape_is_a_poor_predictor(anatomy: type[Anatomy]) -> None:
    points = population(anatomy)
    error = np.hypot(*(points - points.mean(0)).transpose(2, 0, 1)).mean()
    low, high = {"Cephalogram": (8, 15), "Hand": (9, 18), "Chest": (12, 25)}[anatomy.__name__]
    assert low < error < high


def faces(subjects: int = 300) -> dict[str, np.ndarray]:
    """Displacements from the mean face in mm, sella at the origin and the head upright."""
    drawn_faces = [
        Cephalogram.sample(Streams.of(Cephalogram.identifier, k).geometry).face.points
        for k in range(subjects)
    ]
    stacked = {name: np.stack([face[name] for face in drawn_faces]) for name in LANDMARKS}
    return {name: points - points.mean(0) for name, points in stacked.items()}


@pytest.mark.parametrize(
    ("one", "other"), [("B", "Pog"), ("Pog", "Gn"), ("Gn", "Me"), ("Pog", "Pog'"), ("L1", "LL")]
)
def test_points_of_one_jaw_move_together_as_in_patients(one: str, other: str) -> None:
    at = faces()
    for axis in (0, 1):
        assert np.corrcoef(at[one][:, axis], at[other][:, axis])[0, 1] > 0.6


def test_upper_and_lower_jaw_move_less_together_than_each_in_itself() -> None:
    at = faces()
    within = np.corrcoef(at["B"][:, 0], at["Pog"][:, 0])[0, 1]
    between = np.corrcoef(at["A"][:, 0], at["Pog"][:, 0])[0, 1]
    assert between < within - 0.3


def test_a_deep_breath_lowers_both_costophrenic_angles() -> None:
    points = population(Chest)
    depth = points[:, [1, 4], 1] - points[:, [0, 3], 1]
    assert np.corrcoef(depth.T)[0, 1] > 0.6


def test_long_fingers_come_in_fives() -> None:
    points = population(Hand)
    length = [np.hypot(*(points[:, tip] - points[:, base]).T) for tip, base in ((24, 21), (32, 29))]
    assert np.corrcoef(length)[0, 1] > 0.6


def test_fingers_do_not_lie_over_one_another() -> None:
    points = population(Hand)
    for far, near in ((24, 28), (28, 32), (32, 36), (23, 27), (27, 31), (31, 35), (22, 26)):
        assert np.hypot(*(points[:, far] - points[:, near]).T).min() > 7
        assert (points[:, far, 0] > points[:, near, 0]).all()


def test_the_right_lung_is_at_the_viewers_left() -> None:
    points = population(Chest, 100)
    assert (points[:, :3, 0].max(1) < points[:, 3:, 0].min(1) + 60).all()
    assert (points[:, [0, 1, 2], 0] < points[:, [3, 4, 5], 0]).all()


@pytest.mark.parametrize("subject", [0, 5, 12])
def test_fingertips_begin_exactly_at_their_landmarks(subject: int) -> None:
    body, scene = drawn(Hand, subject, 1024)
    at = np.arange(-3, 3, 0.05)
    for tip, joint in ((24, 23), (28, 27), (32, 31)):
        outwards = body.landmarks[tip] - body.landmarks[joint]
        outwards /= np.hypot(*outwards)
        profile = along(scene, body.landmarks[tip], outwards, at)
        # Flesh changes slowly; a round bone begins with an infinite slope.
        edge = at[np.diff(profile).argmin()]
        assert abs(edge) < 0.4 * Hand.field / 256


@pytest.mark.parametrize("subject", [0, 5, 12])
@pytest.mark.parametrize("name", ["Sn", "UL", "LL", "Pog'"])
def test_landmarks_of_the_profile_lie_on_the_skin(subject: int, name: str) -> None:
    body, scene = drawn(Cephalogram, subject, 1024)
    point = body.landmarks[CEPHALOMETRIC[name]]
    forwards = np.array([np.cos(body.pose.angle), np.sin(body.pose.angle)])
    at = np.arange(-4, 4, 0.05)
    tissue = at[along(scene, point, forwards, at) > 0.05]
    assert abs(tissue.max()) < 0.5 * Cephalogram.field / 256


@pytest.mark.parametrize("subject", [1, 6])
def test_the_sella_lies_in_the_middle_of_its_bright_floor(subject: int) -> None:
    body, scene = drawn(Cephalogram, subject, 1024)
    sella = body.landmarks[CEPHALOMETRIC["S"]]
    upright = np.array([-np.sin(body.pose.angle), np.cos(body.pose.angle)])
    forwards = np.array([upright[1], -upright[0]])
    at = np.arange(3.5, 7.5, 0.05)
    walls = [at[along(scene, sella, way, at).argmax()] for way in (upright, forwards, -forwards)]
    assert np.ptp(walls) < 1.2


@pytest.mark.parametrize("subject", [0, 3, 8])
def test_the_lung_apex_is_the_highest_point_of_the_lung(subject: int) -> None:
    body = Chest.sample(Streams.of(Chest.identifier, subject).geometry)
    for lung, apex in zip(body.lungs, body.landmarks[[0, 3]], strict=True):
        size = 1024
        pixel = body.field / size
        covered = coverage(body.pose(lung.outline) / pixel, size, size)
        rows = np.flatnonzero(covered.max(1) > 0.5)
        # Upright in the chest's frame: a rotated chest may turn a neighbour up a little.
        assert abs((rows[0] + 0.5) * pixel - apex[1]) < 1.0


def test_the_pair_of_lungs_is_darker_than_the_heart_between_them() -> None:
    for subject in range(5):
        body, scene = drawn(Chest, subject, 128)
        right, left = (body.pose(lung.outline.mean(0)) for lung in body.lungs)
        middle = 0.5 * (right + left)
        values = [
            along(scene, point, np.zeros(2), np.zeros(1))[0] for point in (right, middle, left)
        ]
        assert values[1] > max(values[0], values[2]) + 0.5


def test_a_scene_shows_the_same_subject_at_every_size(anatomy: type[Anatomy]) -> None:
    _, small = drawn(anatomy, 3, 64)
    _, large = drawn(anatomy, 3, 512)
    blocks = large.integral.reshape(64, 8, 64, 8).mean((1, 3))
    assert np.abs(blocks - small.integral).mean() < 0.06
    assert np.corrcoef(blocks.ravel(), small.integral.ravel())[0, 1] > 0.99


def test_the_collimator_never_closes_over_a_landmark(anatomy: type[Anatomy]) -> None:
    rng = np.random.default_rng(0)
    closed = 0
    for subject in range(40):
        body = anatomy.sample(Streams.of(anatomy.identifier, subject).geometry)
        scene = Scene(256, body.field)
        collimate(scene, body.landmarks, 6.0, rng)
        x, y = np.rint(body.landmarks / scene.spacing - 0.5).astype(int).T
        assert (scene.shutter[y, x] == 1).all()
        closed += int(scene.shutter.min() < 0.5)
    assert closed > 20
