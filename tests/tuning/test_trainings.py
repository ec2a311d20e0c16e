"""What trials are trained and scored on: parts of the draws, patients whole, no test image."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.errors import UsageError
from benchmark.prepared import PreparedDataset, load_prepared
from benchmark.schema import Leak
from benchmark.splits import draw
from benchmark.tuning.trainings import Training, development_part, divided, trainings_of
from tests.tuning.searching import plans, prepared, request


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    """Eight training, four validation and three test phantoms."""
    config = request(tmp_path_factory.mktemp("trainings"))
    found = load_prepared(prepared(config), plans(config)[0].cells[0].dataset.key)
    val = set(found.rows("train")[-4:])
    splits = tuple("val" if row in val else split for row, split in enumerate(found.splits))
    return dataclasses.replace(found, splits=splits)


def leaking(data: PreparedDataset, *ids: str) -> PreparedDataset:
    """The same, with images that show a test image."""
    test = data.ids[data.rows("test")[0]]
    leaks = tuple(Leak(pool_id=name, test_id=test, correlation=0.99) for name in ids)
    return dataclasses.replace(data, record=data.record.model_copy(update={"leaks": leaks}))


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from("abcdefgh"), max_size=12), st.integers(2, 4))
def test_every_image_is_held_out_once_and_no_patient_is_on_both_sides(
    more: list[str], folds: int
) -> None:
    patients = [*"abcd", *more]
    ids = [f"{patient}{number}" for number, patient in enumerate(patients)]
    groups = dict(zip(ids, patients, strict=True))
    parts = list(divided(ids, groups, folds))
    assert sorted(name for part in parts for name in part) == sorted(ids)
    for part in parts:
        assert part
        rest = {groups[name] for name in ids if name not in part}
        assert not rest & {groups[name] for name in part}


def test_folds_divide_the_draw_that_a_cell_of_this_seed_is_trained_on(
    data: PreparedDataset,
) -> None:
    found = trainings_of(data, 6, (0, 1), "folds", 3)
    assert [part.number for part in found] == list(range(6))
    for seed in (0, 1):
        drawn = draw([data.ids[row] for row in data.rows("train")], data.record.name, seed, 6)
        own = [part for part in found if part.seed == seed]
        assert sorted(name for part in own for name in part.scored) == sorted(drawn)
        assert all(set(part.trained) | set(part.scored) == set(drawn) for part in own)
        assert all(not set(part.trained) & set(part.scored) for part in own)


def test_validation_images_are_scored_after_the_whole_draw(data: PreparedDataset) -> None:
    (found,) = trainings_of(data, 6, (0,), "val", 3)
    assert len(found.trained) == 6
    assert set(found.scored) == {data.ids[row] for row in data.rows("val")}


def test_without_validation_images_training_images_beyond_the_draw_are_scored(
    data: PreparedDataset,
) -> None:
    splits = tuple("train" if split == "val" else split for split in data.splits)
    plain = dataclasses.replace(data, splits=splits)
    for seed in (0, 1):
        (found,) = trainings_of(plain, 6, (seed,), "val", 3)
        train = {plain.ids[row] for row in plain.rows("train")}
        assert set(found.scored) == train - set(found.trained)
        assert len(found.scored) == 6


@pytest.mark.parametrize("score", ["folds", "val"])
def test_an_image_that_shows_a_test_image_is_trained_on_but_never_scored(
    data: PreparedDataset, score: str
) -> None:
    whole = trainings_of(data, 4, (0,), score, 2)  # type: ignore[arg-type]
    film = whole[0].scored[0]
    cut = trainings_of(leaking(data, film), 4, (0,), score, 2)  # type: ignore[arg-type]
    assert not any(film in part.scored for part in cut)
    assert [part.trained for part in cut] == [part.trained for part in whole]
    assert cut[0].scored == whole[0].scored[1:]


def test_where_nothing_can_be_scored_a_sentence_says_so(data: PreparedDataset) -> None:
    val = [data.ids[row] for row in data.rows("val")]
    with pytest.raises(UsageError, match="no validation image of .* can be scored"):
        trainings_of(leaking(data, *val), 4, (0,), "val", 2)
    with pytest.raises(UsageError, match="5 folds need as many patients .* --folds 4"):
        trainings_of(data, 4, (0,), "folds", 5)


def test_what_a_trial_is_handed_holds_nothing_of_a_test_image(data: PreparedDataset) -> None:
    found = trainings_of(data, 4, (0, 1), "folds", 2)
    part = development_part(data, found)
    wanted = {name for t in found for name in (*t.trained, *t.scored)}
    assert set(part.ids) == wanted
    assert part.rows("test") == []
    assert len(part.pixels) == len(part.points) == len(part.frames) == len(wanted)
    for row, name in enumerate(part.ids):
        before = data.rows_of((name,))[0]
        assert np.array_equal(part.pixels[row], data.pixels[before])
        assert np.array_equal(part.points[row], data.points[before], equal_nan=True)
    tests = {data.pixels[row].tobytes() for row in data.rows("test")}
    assert not tests & {pixels.tobytes() for pixels in part.pixels}


def test_a_training_that_names_a_test_image_cannot_be_served(data: PreparedDataset) -> None:
    test = data.ids[data.rows("test")[0]]
    for training in (Training(0, 0, (test,), ()), Training(0, 0, (), (test,))):
        with pytest.raises(AssertionError, match="no test image"):
            development_part(data, [training])
