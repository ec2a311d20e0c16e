"""The probe: it finds what embeddings encode, nothing in noise, and looks up no test image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmark import pretraining
from benchmark.backbones import BackboneSpec
from benchmark.backbones.base import Backbone
from benchmark.frames import Frame
from benchmark.grid import PretrainingSpec
from benchmark.planning import make_plan
from benchmark.plugins import Method, Part
from benchmark.preparation import prepare
from benchmark.prepared import PreparedDataset, load_prepared
from benchmark.probing import (
    NEIGHBOURS,
    POOL_IMAGES,
    TEST_IMAGES,
    determination,
    nearest_mean,
    probe,
    similarities,
)
from benchmark.records import Split
from benchmark.registry import registry
from benchmark.requests import run_config
from benchmark.schema import DatasetRecord
from benchmark.store import Store
from benchmark.weights import initial_backbone

SIDE = 16


class Patches(Backbone):
    """A network that shows each 4 x 4 tile of the image as it is: what it embeds is known."""

    encoder_channels = decoder_channels = 1
    output_stride = 1

    def __init__(self, share: float = 1.0) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.tensor(share))
        self.seen: list[Tensor] = []

    def encode(self, images: Tensor, t: Tensor | None = None) -> list[Tensor]:
        assert not self.training
        self.seen.append(images)
        return [self.share * images]

    def decode(self, features: list[Tensor], t: Tensor | None = None) -> Tensor:
        return features[-1]

    def stages(self) -> list[nn.Module]:
        return []

    def part_prefixes(self) -> dict[Part, tuple[str, ...]]:
        return {"encoder": ("share",), "decoder": ("never",)}


def made(pool: int, test: int, *, planted: bool) -> PreparedDataset:
    """Noise in which, if planted, the upper left tile is as bright as the subject's age says."""
    rng = np.random.default_rng(3)
    count = pool + test
    age = rng.uniform(0, 1, count)
    pixels = rng.integers(100, 156, (count, SIDE, SIDE)).astype(np.uint8)
    if planted:
        pixels[:, :4, :4] = (60 + 140 * age).astype(np.uint8)[:, None, None]
    splits: list[Split] = ["train" if row < pool else "test" for row in range(count)]
    record = DatasetRecord(
        key="0" * 16,
        name="made",
        title="Made",
        synthetic=True,
        unit="mm",
        thresholds=(2.0,),
        landmark_names=("a",),
        counts={},
        working_size=(SIDE, SIDE),
        fingerprint="0",
    )
    return PreparedDataset(
        record=record,
        pixels=pixels,
        points=np.zeros((count, 1, 2)),
        ids=tuple(f"image-{n:04d}" for n in range(count)),
        splits=tuple(splits),
        groups=("",) * count,
        in_pool=np.arange(count) < pool,
        sizes=np.full((count, 2), float(SIDE)),
        spacing=np.ones((count, 2)),
        frames=(Frame((1.0, 1.0), (0, 0), (SIDE, SIDE)),) * count,
        attributes={"age": age},
    )


def test_an_attribute_that_the_embedding_holds_is_found() -> None:
    scores = probe(Patches(), Patches(0.0), made(300, 100, planted=True))
    assert set(scores) == {"knn_age", "knn_age_random", "knn_mean", "knn_mean_random"}
    assert scores["knn_age"] > 0.5
    assert scores["knn_mean"] == scores["knn_age"]
    # A network that shows nothing has the same neighbours for all: no better than the mean.
    assert scores["knn_age_random"] <= 0.01


def test_noise_gives_about_zero_or_less() -> None:
    scores = probe(Patches(), Patches(), made(300, 150, planted=False))
    assert -0.25 < scores["knn_age"] < 0.05
    assert scores["knn_age"] == scores["knn_age_random"]


def test_no_test_image_is_looked_up_and_none_of_the_pool_asked_for() -> None:
    data = made(120, 40, planted=True)
    # The true age of test images would give them away if they stood among the references.
    ages = data.attributes["age"].copy()
    honest = probe(Patches(), Patches(), data)["knn_age"]
    ages[:120] = 0.5
    blind = probe(Patches(), Patches(), replace(data, attributes={"age": ages}))
    truth = data.attributes["age"][120:]
    expected = determination(truth, np.full(len(truth), 0.5))
    assert blind["knn_age"] == pytest.approx(expected)
    assert honest > 0.3


def test_leaks_that_were_kept_out_of_the_pool_are_not_looked_up_either() -> None:
    data = made(120, 40, planted=True)
    in_pool = data.in_pool.copy()
    in_pool[:60] = False
    network = Patches()
    probe(network, Patches(), replace(data, in_pool=in_pool))
    assert sum(len(batch) for batch in network.seen) == 60 + 40


def test_both_networks_see_the_same_images_and_no_more_than_a_few_hundred() -> None:
    data = made(POOL_IMAGES + 40, TEST_IMAGES + 20, planted=True)
    trained, random = Patches(), Patches()
    trained.train()
    probe(trained, random, data)
    assert torch.equal(torch.cat(trained.seen), torch.cat(random.seen))
    assert sum(len(batch) for batch in trained.seen) == POOL_IMAGES + TEST_IMAGES
    assert trained.training


def test_unknown_values_are_left_out_and_what_is_always_the_same_is_not_asked() -> None:
    data = made(120, 60, planted=True)
    age = data.attributes["age"].copy()
    age[::3] = np.nan
    attributes = {
        "age": age,
        "same": np.ones(180),
        "rare": np.where(np.arange(180) < 5, 1.0, np.nan),
    }
    scores = probe(Patches(), Patches(), replace(data, attributes=attributes))
    assert set(scores) == {"knn_age", "knn_age_random", "knn_mean", "knn_mean_random"}
    assert scores["knn_age"] > 0.3


@pytest.mark.parametrize(
    ("pool", "test"), [(2 * NEIGHBOURS - 1, 50), (60, 9)], ids=["small pool", "few test images"]
)
def test_too_few_images_give_no_number(pool: int, test: int) -> None:
    assert probe(Patches(), Patches(), made(pool, test, planted=True)) == {}


def test_without_attributes_nothing_is_computed() -> None:
    network = Patches()
    data = replace(made(120, 60, planted=True), attributes={})
    assert probe(network, network, data) == {}
    assert network.seen == []


def test_similarity_knows_neither_the_scale_nor_the_origin_of_a_direction() -> None:
    rng = np.random.default_rng(0)
    references, queries = rng.normal(size=(400, 3)), rng.normal(size=(50, 3))
    scale, origin = np.array([1.0, 1.5, 2.0]), np.array([5.0, -3.0, 40.0])
    plain = similarities(queries, references)
    moved = similarities(queries * scale + origin, references * scale + origin)
    assert np.abs(plain - moved).max() < 0.05
    assert np.corrcoef(plain.ravel(), moved.ravel())[0, 1] > 0.999


def test_the_prediction_is_the_plain_mean_of_the_nearest() -> None:
    similarity = np.linspace(1, -1, 2 * NEIGHBOURS)[None]
    values = np.arange(2 * NEIGHBOURS, dtype=float)
    assert nearest_mean(similarity, values) == pytest.approx([(NEIGHBOURS - 1) / 2])


def test_r_squared_is_one_for_the_truth_and_zero_for_its_mean() -> None:
    truth = np.array([1.0, 2.0, 4.0])
    assert determination(truth, truth) == 1.0
    assert determination(truth, np.full(3, truth.mean())) == pytest.approx(0.0)
    assert determination(truth, truth[::-1].copy()) == pytest.approx(1 - 18 / (14 / 3))


def planned(output: Path, data: str) -> tuple[Store, PretrainingSpec]:
    """A prepared dataset, and the pretraining of a few steps on it."""
    values = {
        "datasets": data,
        "methods": "ddpm",
        "shots": "5",
        "backbones": "unet[channels=8-16,patch=2]",
    }
    settings = ["protocol.image_size=32", "pretraining.steps=2", "pretraining.batch_size=4"]
    cells = make_plan(run_config(values, None, settings)).cells
    spec = next(cell.spec.pretraining for cell in cells if cell.spec.pretraining)
    assert spec.dataset is not None
    store = Store(output)
    prepare(store, spec.dataset, None)
    return store, spec


def test_a_pretraining_records_the_trained_and_the_random_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, spec = planned(tmp_path, "phantom-hand[train=50,test=12,size=64]")

    def pretrain(self: Method, backbone: Backbone, images: object, trainer: object) -> None:
        with torch.no_grad():
            for parameter in backbone.parameters():
                parameter.normal_(0, 0.1)

    monkeypatch.setattr(registry("method").load(spec.method.name), "pretrain", pretrain)
    machine = pretraining.Machine(torch.device("cpu"), "")
    metrics = pretraining.run_pretraining(store, spec, machine).metrics
    names = [n for n in metrics if n.startswith("knn_")]
    attributes = ("age", "finger_spread", "thumb_abduction", "mean")
    assert set(names) == {f"knn_{a}{end}" for a in attributes for end in ("", "_random")}
    assert all(isinstance(metrics[name], float) for name in names)
    assert metrics["knn_mean"] != metrics["knn_mean_random"]
    # The random network is that of the seed: the one that the method was given.
    assert spec.dataset is not None
    data = load_prepared(store, spec.dataset.key)
    backbone_spec = BackboneSpec.from_json(spec.backbone)
    initial = initial_backbone(backbone_spec, spec.seed or 0)
    again = probe(initial, initial, data)
    for name in attributes:
        assert metrics[f"knn_{name}_random"] == pytest.approx(again[f"knn_{name}"])


def test_the_probe_begins_when_the_method_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, spec = planned(tmp_path, "phantom-hand[train=8,test=2,size=64]")
    order: list[str] = []
    plugin = registry("method").load(spec.method.name)

    def pretrain(self: Method, backbone: Backbone, images: object, trainer: object) -> None:
        assert not hasattr(images, "attributes")
        order.append("method")

    def asked(*_: object) -> dict[str, float]:
        order.append("probe")
        return {}

    monkeypatch.setattr(plugin, "pretrain", pretrain)
    monkeypatch.setattr(pretraining, "probe", asked)
    pretraining.run_pretraining(store, spec, pretraining.Machine(torch.device("cpu"), ""))
    assert order == ["method", "probe"]
