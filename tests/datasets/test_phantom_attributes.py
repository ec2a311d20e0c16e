"""What the phantoms say of their subjects besides landmarks: the generators' own variables."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.datasets.phantom import (
    PhantomCephalometric,
    PhantomChest,
    PhantomHand,
    PhantomOptions,
)
from benchmark.datasets.phantom.cephalogram import Cephalogram
from benchmark.datasets.phantom.chest import Chest
from benchmark.datasets.phantom.hand import Hand
from benchmark.datasets.phantom.subjects import Streams
from benchmark.planning import make_plan
from benchmark.plugins import LandmarkDataset
from benchmark.preparation import prepare
from benchmark.prepared import load_prepared
from benchmark.records import points_digest_parts
from benchmark.requests import run_config
from benchmark.store import Store

PHANTOMS = (PhantomCephalometric, PhantomHand, PhantomChest)
SMALL = PhantomOptions(train=3, test=2, size=64)


def subject_of(image_id: str) -> int:
    return int(image_id.removeprefix("subject-"))


def test_a_face_tells_the_growth_that_shaped_it() -> None:
    for sample in PhantomCephalometric(SMALL).index().samples:
        stream = Streams.of(Cephalogram.identifier, subject_of(sample.id)).geometry
        growth = Cephalogram.sample(stream).face.growth
        assert sample.attributes == {
            "skeletal_class": growth.skeletal_class,
            "vertical_growth": growth.vertical,
            "maturity": growth.maturity,
        }


def test_a_chest_tells_its_habitus() -> None:
    for sample in PhantomChest(SMALL).index().samples:
        stream = Streams.of(Chest.identifier, subject_of(sample.id)).geometry
        assert sample.attributes == asdict(Chest.sample(stream).habitus)


def test_a_hand_tells_its_age_and_how_wide_it_is_open() -> None:
    index = PhantomHand(SMALL).index()
    place = {name: row for row, name in enumerate(index.landmark_names)}
    for sample in index.samples:
        hand = Hand.sample(Streams.of(Hand.identifier, subject_of(sample.id)).geometry)
        assert sample.attributes["age"] == hand.maturity

        def direction(base: str, tip: str, points: np.ndarray = sample.points) -> float:
            x, y = points[place[tip]] - points[place[base]]
            return float(np.arctan2(x, -y))

        # Landmarks lie at the gaps between the bones, so that the angles agree to a few degrees.
        spread = direction(
            "index metacarpophalangeal joint", "index proximal interphalangeal joint"
        ) - direction("little metacarpophalangeal joint", "little proximal interphalangeal joint")
        thumb = direction("thumb metacarpal base", "thumb metacarpophalangeal joint") - direction(
            "middle metacarpal base", "middle metacarpophalangeal joint"
        )
        assert sample.attributes["finger_spread"] == pytest.approx(spread, abs=0.06)
        assert sample.attributes["thumb_abduction"] == pytest.approx(thumb, abs=0.06)


@pytest.mark.parametrize("phantom", PHANTOMS, ids=lambda plugin: plugin.name)
def test_attributes_vary_between_subjects_and_do_not_depend_on_the_image_size(
    phantom: type[LandmarkDataset],
) -> None:
    small = phantom(SMALL).index().samples
    large = phantom(SMALL.model_copy(update={"size": 128})).index().samples
    assert [s.attributes for s in small] == [s.attributes for s in large]
    for name in small[0].attributes:
        values = [s.attributes[name] for s in small]
        assert all(type(value) is float for value in values)
        if name != "bosom":
            assert len(set(values)) == len(values)


def test_labels_and_their_digest_know_nothing_of_attributes() -> None:
    sample = PhantomHand(SMALL).index().samples[0]
    bare = replace(sample, attributes={})
    assert points_digest_parts([sample]) == points_digest_parts([bare])


def prepared_index(tmp_path: Path, data: str) -> tuple[Store, str]:
    values = {"datasets": data, "methods": "scratch", "shots": "2"}
    plan = make_plan(run_config(values, None, ["protocol.image_size=32"]))
    spec = plan.cells[0].spec.dataset
    store = Store(tmp_path)
    prepare(store, spec, None)
    return store, spec.key


def test_a_prepared_dataset_keeps_the_attributes_beside_the_images(tmp_path: Path) -> None:
    store, key = prepared_index(tmp_path, "phantom-hand[train=3,test=2,size=64]")
    data = load_prepared(store, key)
    samples = {sample.id: sample for sample in PhantomHand(SMALL).index().samples}
    assert set(data.attributes) == {"age", "finger_spread", "thumb_abduction"}
    for name, values in data.attributes.items():
        assert values.tolist() == [samples[i].attributes[name] for i in data.ids]


def test_a_dataset_prepared_before_there_were_attributes_still_opens(tmp_path: Path) -> None:
    import json

    store, key = prepared_index(tmp_path, "phantom-hand[train=3,test=2,size=64]")
    path = tmp_path / "datasets" / key / "index.json"
    rows = json.loads(path.read_text())
    for row in rows:
        del row["attributes"]
    path.write_text(json.dumps(rows))
    assert load_prepared(store, key).attributes == {}
    rows[1]["attributes"] = {"age": 0.5}
    path.write_text(json.dumps(rows))
    age = load_prepared(store, key).attributes["age"]
    assert age[1] == 0.5
    assert np.isnan(np.delete(age, 1)).all()
