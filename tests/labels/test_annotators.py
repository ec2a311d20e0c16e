"""Several annotators: whose points count as true, and how far apart they are."""

from pathlib import Path

import numpy as np
import pytest

from benchmark.annotators import annotator_distances, describe_pair, mean_distance
from benchmark.datasets.folder import Folder
from benchmark.datasets.folder_options import FolderOptions
from benchmark.errors import DataError, UsageError
from benchmark.labels.ground_truth import ground_truth, inter_annotator_distances
from benchmark.labels.label_set import LabelSet
from benchmark.labels.reading import read_labels
from benchmark.planning import make_plan
from benchmark.preparation import prepare
from benchmark.requests import run_config
from benchmark.store import Store
from tests.labels.writers import write

TABLE = """image,landmark,x,y,annotator,visibility
a,p,0,0,Ann,2
a,q,10,10,Ann,1
a,p,3,4,Ben,2
a,q,10,20,Ben,2
b,p,5,5,Ann,2
b,p,5,7,Ben,2
b,q,,,Ben,0
b,q,1,1,Ann,2
"""


@pytest.fixture
def labels(tmp_path: Path) -> LabelSet:
    return read_labels(write(tmp_path / "t.csv", TABLE))


def test_the_truth_is_the_mean_of_those_who_set_a_landmark_or_one_annotator(
    labels: LabelSet,
) -> None:
    mean = ground_truth(labels)
    np.testing.assert_array_equal(mean["a"], [[1.5, 2], [10, 15]])
    np.testing.assert_array_equal(mean["b"], [[5, 6], [1, 1]])
    ben = ground_truth(labels, "Ben")
    np.testing.assert_array_equal(ben["b"], [[5, 7], [np.nan, np.nan]])


def test_masked_occluded_points_do_not_count_for_their_annotator(labels: LabelSet) -> None:
    masked = ground_truth(labels, mask_occluded=True)
    np.testing.assert_array_equal(masked["a"], [[1.5, 2], [10, 20]])
    ann = ground_truth(labels, "Ann", mask_occluded=True)
    np.testing.assert_array_equal(ann["a"], [[0, 0], [np.nan, np.nan]])


def test_the_distance_is_over_points_that_both_set(labels: LabelSet) -> None:
    (pair,) = inter_annotator_distances(labels)
    assert (pair.first, pair.second, pair.images, pair.points) == ("Ann", "Ben", 2, 3)
    assert pair.per_landmark == {"p": pytest.approx(3.5), "q": 10}
    assert pair.mean == pytest.approx((5 + 10 + 2) / 3)
    assert describe_pair(pair, "px") == "Ann and Ben, 2 images: 5.67 px"


def test_three_annotators_are_three_pairs_and_spacing_weighs_the_axes() -> None:
    image = np.array([[[0.0, 0.0]], [[3.0, 0.0]], [[0.0, 4.0]]])
    lost = np.full((3, 1, 2), np.nan)
    pairs = annotator_distances([image, lost], [(1.0, 0.5), (9.0, 9.0)], "abc", ["p"])
    found = [(p.first + p.second, p.images, p.mean) for p in pairs]
    assert found == [("ab", 1, 3.0), ("ac", 1, 2.0), ("bc", 1, pytest.approx(13**0.5))]
    assert mean_distance(pairs) == pytest.approx((5 + 13**0.5) / 3)
    assert annotator_distances([lost], [(1.0, 1.0)], "abc", ["p"]) == ()
    assert mean_distance(()) is None


def test_an_unknown_annotator_and_an_image_that_one_left_out_are_refused(tmp_path: Path) -> None:
    labels = read_labels(write(tmp_path / "t.csv", f"{TABLE}c,p,1,1,Ann,2\n"))
    with pytest.raises(UsageError, match=r"no annotator 'Bem' \(did you mean 'Ben'\?\).*Ann, Ben"):
        ground_truth(labels, "Bem")
    with pytest.raises(DataError, match="c was labelled by Ann and not by Ben; choose mean, or"):
        ground_truth(labels, "Ben")
    assert len(ground_truth(labels, "Ann")) == 3
    alone = read_labels(write(tmp_path / "u.csv", "image,landmark,x,y\na,p,1,1\n"))
    with pytest.raises(UsageError, match=r"no annotator 'Ann': .*u.csv names none"):
        ground_truth(alone, "Ann")


def test_the_folder_keeps_all_annotators_and_takes_the_chosen_one(
    phantom_folder: Path, tmp_path: Path
) -> None:
    names = [path.name for path in sorted((phantom_folder / "images").iterdir())]
    rows = ["image,landmark,x,y,annotator,split"]
    for row, name in enumerate(names):
        split = "test" if row < 5 else "train"
        rows += [f"{name},p,10,10,Ann,{split}", f"{name},p,13,14,Ben,{split}"]
    table = write(tmp_path / "t.csv", "\n".join(rows))
    options = {"labels": str(table), "images": str(phantom_folder / "images"), "spacing": 0.1}
    for annotator, x in (("mean", 11.5), ("Ann", 10), ("Ben", 13)):
        chosen = FolderOptions.model_validate(options | {"annotator": annotator})
        index = Folder(chosen, root=phantom_folder).index()
        assert index.samples[0].points[0, 0] == x
        assert index.annotator_names == ("Ann", "Ben")
        (pair,) = index.annotator_distances()
        assert (pair.first, pair.second, pair.images) == ("Ann", "Ben", 5)
        assert index.annotator_distance() == pytest.approx(0.5)
    assert "Ground truth is Ben." in index.notes


def test_the_record_of_a_prepared_dataset_holds_the_pairs(
    phantom_folder: Path, tmp_path: Path
) -> None:
    names = [path.name for path in sorted((phantom_folder / "images").iterdir())]
    rows = ["image,landmark,x,y,annotator,split"]
    for row, name in enumerate(names):
        split = "test" if row < 5 else "train"
        rows += [f"{name},p,10,10,Ann,{split}", f"{name},p,10,{10 + row},Ben,{split}"]
    table = write(tmp_path / "t.csv", "\n".join(rows))
    spec = f"folder[labels={table},images={phantom_folder / 'images'},spacing=0.5]"
    values = {"datasets": spec, "data_roots": [str(phantom_folder)], "methods": "scratch"}
    config = run_config(values | {"shots": "2"}, None, ["protocol.image_size=64"])
    record = prepare(Store(tmp_path), make_plan(config).cells[0].spec.dataset, phantom_folder)
    (pair,) = record.annotators
    assert (pair.first, pair.second, pair.images, pair.points) == ("Ann", "Ben", 5, 5)
    assert pair.mean == record.annotator_distance == pytest.approx(0.5 * 2)
    assert Store(tmp_path).datasets()[0].annotators == record.annotators


def test_the_two_doctors_of_the_real_cephalograms_come_out_as_published(shared_data: Path) -> None:
    root = shared_data / "cephalometric"
    labels = read_labels(root)
    assert labels.annotators == ("400_junior", "400_senior")
    assert (len(labels.images), len(labels.landmark_names)) == (400, 19)
    (pair,) = inter_annotator_distances(labels)
    assert pair.images == 400
    assert pair.mean * 0.1 == pytest.approx(2.147, abs=5e-4)
