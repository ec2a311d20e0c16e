"""The phantoms as datasets: what they promise of ids, splits, pixels and options."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from benchmark.datasets.phantom import (
    PhantomCephalometric,
    PhantomChest,
    PhantomHand,
    PhantomOptions,
)
from benchmark.errors import DataError
from benchmark.plugins import LandmarkDataset

PHANTOMS = (PhantomCephalometric, PhantomHand, PhantomChest)

# Of landmarks rounded to a hundredth of a pixel, subjects 0 to 7, and of the images of subjects 0
# and 2 as means of 8 x 8 blocks. A change here needs another `version` of the plugin.
LANDMARK_DIGESTS = {
    "phantom-cephalometric": "ea617811e4e54594",
    "phantom-hand": "106a1f68b10fd04c",
    "phantom-chest": "b21a5976d2bf2e36",
}
COARSE_IMAGES = {
    "phantom-cephalometric": (
        (14, 137, 171, 169, 139, 12, 0, 0),
        (89, 175, 184, 183, 171, 76, 0, 0),
        (123, 180, 195, 201, 175, 73, 0, 0),
        (103, 184, 226, 156, 116, 55, 0, 0),
        (32, 152, 190, 182, 165, 90, 1, 0),
        (1, 101, 162, 163, 199, 108, 0, 0),
        (2, 104, 159, 113, 70, 37, 0, 0),
        (22, 124, 162, 91, 0, 0, 0, 0),
    ),
    "phantom-hand": (
        (0, 0, 0, 0, 5, 0, 0, 0),
        (0, 0, 0, 38, 57, 1, 20, 0),
        (0, 11, 21, 57, 67, 69, 16, 0),
        (0, 0, 46, 76, 94, 50, 0, 0),
        (0, 0, 76, 163, 152, 22, 70, 0),
        (0, 0, 43, 181, 155, 109, 2, 0),
        (0, 0, 55, 202, 115, 5, 0, 0),
        (0, 0, 119, 210, 37, 0, 0, 0),
    ),
    "phantom-chest": (
        (6, 27, 116, 208, 207, 108, 11, 0),
        (117, 179, 168, 205, 205, 179, 166, 90),
        (148, 153, 102, 193, 187, 107, 173, 135),
        (135, 104, 106, 204, 211, 109, 121, 118),
        (106, 106, 140, 226, 239, 181, 109, 90),
        (122, 199, 212, 230, 240, 244, 157, 85),
        (155, 205, 205, 209, 210, 209, 193, 85),
        (165, 201, 203, 209, 205, 202, 191, 84),
    ),
}


@pytest.fixture(params=PHANTOMS, ids=lambda plugin: plugin.name)
def phantom(request: pytest.FixtureRequest) -> type[LandmarkDataset]:
    return request.param


def coarse(image: np.ndarray) -> np.ndarray:
    side = image.shape[0] // 8
    return image.reshape(8, side, 8, side).mean((1, 3))


@pytest.mark.parametrize(
    ("plugin", "count", "first", "last"),
    [
        (PhantomCephalometric, 19, "sella", "articulare"),
        (PhantomHand, 37, "distal ulna, ulnar corner", "little tip"),
        (PhantomChest, 6, "right lung apex", "left cardiophrenic angle"),
    ],
)
def test_landmarks_are_those_of_the_public_set_in_its_order(
    plugin: type[LandmarkDataset], count: int, first: str, last: str
) -> None:
    index = plugin().index()
    assert len(index.landmark_names) == len(set(index.landmark_names)) == count
    assert (index.landmark_names[0], index.landmark_names[-1]) == (first, last)
    assert all(sample.points.shape == (count, 2) for sample in index.samples)


def test_isbi_order_has_the_soft_tissue_and_the_spines_where_the_challenge_has_them() -> None:
    names = PhantomCephalometric().index().landmark_names
    assert names[12:19] == (
        "upper lip",
        "lower lip",
        "subnasale",
        "soft tissue pogonion",
        "posterior nasal spine",
        "anterior nasal spine",
        "articulare",
    )


def test_hand_landmarks_0_and_4_span_the_wrist() -> None:
    index = PhantomHand(PhantomOptions(train=40, test=1)).index()
    for sample in index.samples:
        wrist = (sample.points[4] - sample.points[0]) * sample.spacing
        assert 28 < np.hypot(*wrist) < 60
        assert wrist[0] > 0, "a left hand's thumb, and its radius, lie to the right"


def test_default_splits_have_300_training_and_100_test_subjects_and_no_other(
    phantom: type[LandmarkDataset],
) -> None:
    index = phantom().index()
    assert (len(index.split("train")), len(index.split("val")), len(index.split("test"))) == (
        300,
        0,
        100,
    )
    assert len({sample.id for sample in index.samples}) == 400


def test_neither_split_changes_with_the_size_of_the_other(phantom: type[LandmarkDataset]) -> None:
    small = phantom(PhantomOptions(train=3, test=7)).index()
    large = phantom(PhantomOptions(train=9, test=7)).index()
    assert [s.id for s in small.split("test")] == [s.id for s in large.split("test")]
    assert [s.id for s in small.split("train")] == [s.id for s in large.split("train")][:3]


def test_start_gives_other_subjects(phantom: type[LandmarkDataset]) -> None:
    first = {s.id for s in phantom(PhantomOptions(train=5, test=5)).index().samples}
    other = {s.id for s in phantom(PhantomOptions(train=5, test=5, start=5)).index().samples}
    assert not first & other


def test_an_image_is_the_same_whatever_was_read_before(phantom: type[LandmarkDataset]) -> None:
    options = PhantomOptions(size=96)
    forwards, backwards = phantom(options), phantom(options)
    ids = ["subject-00000", "subject-00001", "subject-00004"]
    one = [forwards.read(image_id) for image_id in ids]
    two = [backwards.read(image_id) for image_id in reversed(ids)][::-1]
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one[0], one[2])


def test_another_process_renders_the_same_bytes() -> None:
    program = (
        "import hashlib; from benchmark.datasets.phantom import *; from benchmark.datasets.phantom "
        "import PhantomHand, PhantomOptions; d = PhantomHand(PhantomOptions(size=96)); "
        "print(hashlib.sha256(d.read('subject-00003').tobytes()).hexdigest())"
    )
    root = Path(__file__).resolve().parents[2]
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    here = PhantomHand(PhantomOptions(size=96)).read("subject-00003")
    assert answer.stdout.strip() == hashlib.sha256(here.tobytes()).hexdigest()


def test_images_are_uint8_square_and_use_the_grey_scale(phantom: type[LandmarkDataset]) -> None:
    dataset = phantom(PhantomOptions(size=128))
    for number in range(6):
        image = dataset.read(f"subject-{number:05d}")
        assert image.dtype == np.uint8
        assert image.shape == (128, 128)
        low, high = np.percentile(image, [2, 98])
        assert high - low > 100
        assert image.std() > 25


def test_bone_is_brighter_than_the_open_beam() -> None:
    dataset = PhantomHand(PhantomOptions(size=128, distractors=False))
    for sample in dataset.index().samples[:6]:
        image = dataset.read(sample.id)
        x, y = np.rint(sample.points[25:27].mean(0)).astype(int)
        assert int(image[y, x]) > int(np.median(image[:20])) + 40


@pytest.mark.parametrize("change", [{"dose": 500.0}, {"distractors": False}])
def test_dose_and_distractors_change_the_pixels_and_not_the_landmarks(
    phantom: type[LandmarkDataset], change: dict[str, float | bool]
) -> None:
    usual = PhantomOptions(size=96, train=8, test=1)
    changed = usual.model_copy(update=change)
    before, after = phantom(usual), phantom(changed)
    pixels_differ = False
    for a, b in zip(before.index().samples, after.index().samples, strict=True):
        np.testing.assert_array_equal(a.points, b.points)
        pixels_differ |= not np.array_equal(before.read(a.id), after.read(b.id))
    assert pixels_differ
    assert before.index().fingerprint != after.index().fingerprint


def test_a_dose_sweep_moves_noise_only() -> None:
    def read(dose: float) -> np.ndarray:
        options = PhantomOptions(size=96, dose=dose, distractors=False)
        return PhantomChest(options).read("subject-00002").astype(float)

    clean = read(1e6)
    errors = [np.sqrt(np.mean((read(dose) - clean) ** 2)) for dose in (30.0, 300.0, 3000.0)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    np.testing.assert_allclose(coarse(read(3000.0)), coarse(clean), atol=4)


def test_landmarks_scale_with_the_image_by_the_pixel_centre_rule(
    phantom: type[LandmarkDataset],
) -> None:
    small = phantom(PhantomOptions(size=64, train=3, test=1)).index()
    large = phantom(PhantomOptions(size=256, train=3, test=1)).index()
    for a, b in zip(small.samples, large.samples, strict=True):
        np.testing.assert_allclose(a.points, (b.points + 0.5) * 64 / 256 - 0.5, atol=1e-9)
        assert a.spacing[0] * 64 == pytest.approx(b.spacing[0] * 256)


def test_landmarks_are_those_of_this_version(phantom: type[LandmarkDataset]) -> None:
    samples = sorted(phantom(PhantomOptions(train=4, test=4)).index().samples, key=lambda s: s.id)
    text = "\n".join(f"{x:.2f} {y:.2f}" for s in samples for x, y in np.round(s.points, 2) + 0.0)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == LANDMARK_DIGESTS[phantom.name]


def test_coarse_images_are_those_of_this_version(phantom: type[LandmarkDataset]) -> None:
    # Noise may differ between releases of NumPy, the mean of a block hardly.
    image = phantom(PhantomOptions(distractors=False, dose=2000.0)).read("subject-00002")
    np.testing.assert_allclose(coarse(image), np.array(COARSE_IMAGES[phantom.name]), atol=3)


def test_fingerprint_is_of_options_name_and_version(
    phantom: type[LandmarkDataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = phantom().index().fingerprint
    assert re.fullmatch(r"[0-9a-f]{16,}", first)
    assert phantom().index().fingerprint == first
    assert phantom(PhantomOptions(size=128)).index().fingerprint != first
    assert len({plugin().index().fingerprint for plugin in PHANTOMS}) == 3
    monkeypatch.setattr(phantom, "version", phantom.version + 1)
    assert phantom().index().fingerprint != first


def test_a_reader_is_told_that_the_images_are_computed(phantom: type[LandmarkDataset]) -> None:
    assert phantom.synthetic
    assert not phantom.needs_root
    assert "real radiographs need real data" in phantom().index().notes[0]


@pytest.mark.parametrize(
    "image_id", ["subject-00020", "subject-00011", "subject-0", "subject-000000", "hand", ""]
)
def test_an_unknown_id_gets_one_sentence_that_says_which_there_are(
    phantom: type[LandmarkDataset], image_id: str
) -> None:
    dataset = phantom(PhantomOptions(train=10, test=5))
    with pytest.raises(DataError, match=r"has no image .*subject-00000 to subject-00018"):
        dataset.read(image_id)


def test_every_id_of_the_index_can_be_read() -> None:
    dataset = PhantomHand(PhantomOptions(train=2, test=3, start=7, size=64))
    for sample in dataset.index().samples:
        assert dataset.read(sample.id).shape == (64, 64)


@pytest.mark.parametrize(
    "wrong",
    [{"train": 0}, {"test": 0}, {"size": 16}, {"dose": 0.0}, {"start": -1}, {"colour": True}],
)
def test_options_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PhantomOptions(**wrong)


def test_every_option_is_described() -> None:
    assert all(field.description for field in PhantomOptions.model_fields.values())
