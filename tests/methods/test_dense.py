"""Methods that compare places: what they match, what their losses are, and how they are resumed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from benchmark.augment import View, ViewConfig, pretraining_views
from benchmark.backbones import parse_backbone
from benchmark.errors import UsageError
from benchmark.methods._dense import (
    Level,
    cell_centres,
    coarsest_level,
    counterparts,
    sampled,
    whole_and_cells,
)
from benchmark.methods.densecl import contrast_cells
from benchmark.methods.refind import RefindOptions, likeness, refinding
from benchmark.methods.vicregl import places_in_image
from benchmark.progress import Listener, Progress, silent
from benchmark.protocol import AugmentationConfig
from benchmark.registry import registry
from benchmark.representation import embedding_health
from benchmark.training import Trainer
from benchmark.weights import initial_backbone

if TYPE_CHECKING:
    from benchmark.backbones.base import Backbone
    from benchmark.unlabelled import UnlabelledImages
    from tests.methods.conftest import Pretrained

TIMM = "timm/resnet10t[decoder_channels=32-24-16-16]"
UNET = "unet[channels=16-32-64,patch=2]"
SIZE = (48, 64)
CLEAR = ViewConfig(
    smallest_area=0.7,
    appearance=AugmentationConfig(
        gamma=0,
        contrast=0,
        brightness=0,
        dose=None,
        scatter_probability=0,
        blur=0,
        collimation_probability=0,
    ),
)


class PowerFailureError(Exception):
    """Ends a training in the middle."""


def views(images: Tensor, seed: int = 0) -> tuple[View, View]:
    return pretraining_views(images, torch.Generator().manual_seed(seed), CLEAR)


def inside(places: Tensor, margin: float) -> Tensor:
    limit = torch.tensor([SIZE[1], SIZE[0]]) - 1 - margin
    return ((places > margin) & (places < limit)).all(-1)


def seen_features(view: View, channels: int = 512) -> Tensor:
    """What a perfect network would say: one code for each place of the image, unlike all others.

    Random waves, whose cosine is a Gaussian of the distance with a sigma of 0.8 px.
    """
    random = torch.Generator().manual_seed(1)
    waves = torch.randn(2, channels, generator=random) / 0.8
    phases = torch.rand(channels, generator=random) * 2 * math.pi
    centres = cell_centres(SIZE, SIZE, view.images)
    places = view.warp.sources(centres.expand(len(view.images), -1, -1))
    features: Tensor = torch.cos(places @ waves + phases)
    return features.transpose(1, 2).reshape(len(places), channels, *SIZE)


def test_a_bright_dot_lies_at_the_predicted_place_of_both_views() -> None:
    dots = torch.tensor([[20.0, 18.0], [40.0, 30.0], [32.0, 24.0], [25.0, 33.0]])
    centres = cell_centres(SIZE, SIZE, dots).view(*SIZE, 2)
    distance = (centres - dots[:, None, None]).norm(dim=-1)
    first, second = views(torch.exp(-distance.square() / 8)[:, None] * 2 - 1)
    at = [
        torch.stack([peak % SIZE[1], peak // SIZE[1]], -1)
        for peak in (view.images.flatten(1).argmax(1) for view in (first, second))
    ]
    predicted = counterparts(first, second, at[0][:, None].float())[:, 0]
    chosen = inside(predicted, 4) & inside(at[0], 4)
    assert chosen.sum() >= 3
    assert ((predicted - at[1]).norm(dim=-1)[chosen] < 1.5).all()
    assert ((at[0] - at[1]).float().norm(dim=-1)[chosen] > 3).any()


def test_features_are_read_between_cells_where_the_places_lie() -> None:
    centres = cell_centres((12, 16), SIZE, torch.zeros(1))
    maps = centres.T.unflatten(1, (12, 16)).expand(2, -1, -1, -1)
    places = torch.tensor([[[10.0, 9.25], [40.5, 30.0]], [[2.0, 45.0], [60.0, 3.0]]])
    assert torch.allclose(sampled(maps, places, SIZE), places, atol=1e-4)


def test_perfect_features_find_every_place_and_random_ones_know_nothing() -> None:
    first, second = views(torch.zeros(4, 1, *SIZE))
    shares = torch.rand(4, 50, 2, generator=torch.Generator().manual_seed(2))
    places = shares * torch.tensor([SIZE[1], SIZE[0]]) - 0.5
    chance = math.log(SIZE[0] * SIZE[1])
    sharp = RefindOptions(sigma=0.1, temperature=0.01)
    perfect = refinding(first, second, seen_features(first), seen_features(second), places, sharp)
    assert perfect < 0.1 * chance
    one, other = torch.randn(2, 4, 1024, *SIZE, generator=torch.Generator().manual_seed(3))
    assert refinding(first, second, one, other, places, RefindOptions()) == pytest.approx(
        chance, rel=0.03
    )


def test_the_reference_of_refind_counts_the_positions_of_the_decoder(
    pretrain: Callable[..., Pretrained],
) -> None:
    for backbone in (UNET, TIMM):
        reference = pretrain("refind", 1, backbone, batch_size=2).trainer.metrics["reference_loss"]
        assert reference == pytest.approx(math.log(32 * 32))


def test_cells_of_densecl_cost_nothing_where_they_match_and_chance_where_they_do_not() -> None:
    random = torch.Generator().manual_seed(0)
    queries, matches = torch.nn.functional.normalize(
        torch.randn(2, 8, 20, 1024, generator=random), dim=3
    )
    negatives = torch.nn.functional.normalize(torch.randn(1024, 64, generator=random), dim=0)
    assert contrast_cells(queries * 3, queries, negatives, 0.05) < 1e-3
    random_loss = contrast_cells(queries, matches, negatives, 0.2)
    assert random_loss == pytest.approx(math.log(65), rel=0.03)


def test_the_nearest_cells_of_vicregl_show_the_same_anatomy() -> None:
    from lightly.models.utils import nearest_neighbors

    first, second = views(torch.zeros(6, 1, *SIZE))
    level = Level(1, 4, (12, 16))
    grids = [places_in_image(view, level).flatten(1, 2) for view in (first, second)]
    cells = cell_centres(level.size, SIZE, grids[0]).expand(6, -1, -1)
    here, there = nearest_neighbors(cells, cells, torch.cdist(grids[0], grids[1]), 20)
    assert (counterparts(first, second, here) - there).norm(dim=-1).max() < 4 / math.sqrt(2) * 1.3
    assert (here - there).norm(dim=-1).mean() > 4


@pytest.mark.parametrize("backbone", [UNET, TIMM])
def test_the_compared_level_is_the_coarsest_with_enough_cells_and_never_the_image(
    pool: UnlabelledImages, backbone: str
) -> None:
    network = initial_backbone(parse_backbone(backbone), 0)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    sizes = {cells: coarsest_level(network, pool, 0.5, cells).size for cells in (1, 49, 65, 9999)}
    coarsest = 4 if backbone == UNET else 1
    assert sizes[1] == (coarsest, coarsest)
    assert sizes[49] == (8, 8)
    assert sizes[65] == sizes[9999] == (16, 16)
    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())
    assert network.training
    level = coarsest_level(network, pool, 0.5, 49)
    whole, cells = whole_and_cells(network.eval(), pool.take(2)[..., :32, :32], level)
    assert torch.equal(whole, network.embed(pool.take(2)[..., :32, :32]))
    assert cells.shape == (2, 64, level.channels)


@pytest.mark.parametrize("backbone", [UNET, TIMM])
@pytest.mark.parametrize(
    ("method", "parts"),
    [("densecl", {"encoder"}), ("vicregl", {"encoder"}), ("refind", {"encoder", "decoder"})],
)
def test_a_dense_method_changes_the_parts_that_it_declares_and_no_others(
    pretrain: Callable[..., Pretrained], method: str, parts: set[str], backbone: str
) -> None:
    assert pretrain(method, 2, backbone, batch_size=4).changed_parts() == parts


@pytest.mark.parametrize(
    ("method", "steps", "batch_size", "share"),
    [("densecl", 60, 32, 0.85), ("vicregl", 30, 32, 0.9), ("refind", 40, 8, 0.75)],
)
def test_dense_methods_learn_and_refind_finds_places_again_without_collapse(
    pretrain: Callable[..., Pretrained],
    pool: UnlabelledImages,
    method: str,
    steps: int,
    batch_size: int,
    share: float,
) -> None:
    done = pretrain(method, steps, batch_size=batch_size)
    chance = done.trainer.metrics["reference_loss"]
    assert isinstance(chance, float)
    assert done.trainer.history is not None
    assert done.trainer.history.last() < share * chance
    health = embedding_health(done.backbone, pool)
    assert health["embedding_std"] > 0.03
    assert health["effective_rank"] > 4
    if method == "refind":
        untrained = initial_backbone(parse_backbone(UNET), 0)
        assert found_again(done.backbone, pool) > found_again(untrained, pool) + 0.2


@torch.no_grad()
def found_again(network: Backbone, pool: UnlabelledImages) -> float:
    """Share of places whose most similar position in another view is within two cells."""
    first, second = pretraining_views(pool.take(16), torch.Generator().manual_seed(7))
    shares = torch.rand(16, 40, 2, generator=torch.Generator().manual_seed(8))
    truth = counterparts(first, second, shares * 64 - 0.5)
    one, other = (network.eval()(view.images) for view in (first, second))
    maps = likeness(sampled(one, shares * 64 - 0.5, (64, 64)), other).flatten(2)
    found = cell_centres((32, 32), (64, 64), truth)[maps.argmax(2)]
    seen = ((truth > 0) & (truth < 63)).all(-1)
    return float(((found - truth).norm(dim=-1)[seen] < 4).float().mean())


def test_refind_refuses_views_that_the_network_cannot_decode(
    pretrain: Callable[..., Pretrained],
) -> None:
    with pytest.raises(UsageError, match=r"views of 48 x 48 px: give refind\[view_size=1.0\]"):
        pretrain("refind[view_size=0.75]", 1, "unet[channels=16-16-16-32-32,patch=2]")


def test_a_queue_that_does_not_hold_a_batch_is_refused(
    pretrain: Callable[..., Pretrained],
) -> None:
    with pytest.raises(UsageError, match="densecl: a queue of at most 64 does not hold a batch"):
        pretrain("densecl", 1, batch_size=65)


@pytest.mark.parametrize("method", ["densecl", "vicregl", "refind"])
def test_an_interrupted_dense_pretraining_ends_as_an_undisturbed_one(
    tmp_path: Path, pool: UnlabelledImages, method: str
) -> None:
    def train(checkpoint: Path | None, listener: Listener = silent) -> dict[str, Tensor]:
        network = initial_backbone(parse_backbone(UNET), 0)
        torch.manual_seed(0)
        trainer = Trainer(
            steps=4,
            batch_size=8,
            device=torch.device("cpu"),
            precision=torch.float32,
            generator=torch.Generator().manual_seed(0),
            folder=tmp_path,
            listener=listener,
            checkpoint=checkpoint,
            checkpoint_seconds=0.0,
        )
        registry("method").create(method).pretrain(network, pool, trainer)
        return network.state_dict()

    def stop(progress: Progress) -> None:
        if progress.step == 2:
            raise PowerFailureError

    whole, file = train(None), tmp_path / "kept.safetensors"
    with pytest.raises(PowerFailureError):
        train(file, stop)
    resumed = train(file)
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
