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
    "phantom-cephalometric": "020116c15bf36e05",
    "phantom-hand": "d226c917745a9b96",
    "phantom-chest": "b21a5976d2bf2e36",
}
COARSE_IMAGES = {
    "phantom-cephalometric": (
        (17, 137, 162, 162, 135, 14, 1, 1),
        (93, 164, 167, 168, 160, 78, 1, 1),
        (125, 165, 179, 189, 165, 73, 1, 1),
        (105, 172, 217, 137, 103, 54, 1, 1),
        (34, 144, 172, 172, 154, 87, 3, 1),
        (5, 97, 138, 151, 196, 111, 1, 1),
        (7, 109, 130, 98, 66, 39, 1, 1),
        (26, 126, 123, 84, 3, 2, 2, 1),
    ),
    "phantom-hand": (
        (0, 0, 0, 0, 1, 0, 0, 0),
        (0, 0, 0, 33, 47, 11, 0, 0),
        (0, 24, 6, 49, 61, 52, 0, 0),
        (0, 2, 48, 60, 78, 39, 14, 0),
        (0, 0, 70, 153, 135, 24, 56, 0),
        (0, 0, 30, 175, 139, 95, 0, 0),
        (0, 0, 39, 198, 105, 3, 0, 0),
        (0, 0, 101, 203, 25, 0, 0, 0),
    ),
    "phantom-chest": (
        (8, 32, 123, 206, 205, 113, 15, 3),
        (128, 183, 174, 206, 204, 183, 171, 105),
        (158, 159, 116, 195, 189, 120, 178, 144),
        (144, 117, 120, 206, 213, 122, 133, 125),
        (119, 119, 148, 224, 239, 187, 122, 100),
        (132, 201, 214, 227, 242, 243, 165, 93),
        (159, 204, 205, 207, 212, 211, 194, 91),
        (168, 200, 200, 206, 203, 202, 187, 91),
    ),
}


@pytest.fixture(params=PHANTOMS, ids=lambda plugin: plugin.name)
def phantom(request: pytest.FixtureRequest) -> type[LandmarkDataset]:
    chosen: type[LandmarkDataset] = request.param
    return chosen


def coarse(image: np.ndarray) -> np.ndarray:
    side = image.shape[0] // 8
    return np.asarray(image.reshape(8, side, 8, side).mean((1, 3)))


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
        "import hashlib; from benchmark.datasets.phantom import PhantomHand, PhantomOptions; "
        "d = PhantomHand(PhantomOptions(size=96)); "
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
    usual = PhantomOptions(size=96, train=3, test=1)
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
    few = PhantomOptions(train=1, test=1)

    def fingerprint(plugin: type[LandmarkDataset], options: PhantomOptions = few) -> str:
        return plugin(options).index().fingerprint

    first = fingerprint(phantom)
    assert re.fullmatch(r"[0-9a-f]{16,}", first)
    assert fingerprint(phantom) == first
    assert fingerprint(phantom, few.model_copy(update={"size": 128})) != first
    assert len({fingerprint(plugin) for plugin in PHANTOMS}) == 3
    monkeypatch.setattr(phantom, "version", phantom.version + 1)
    assert fingerprint(phantom) != first


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
