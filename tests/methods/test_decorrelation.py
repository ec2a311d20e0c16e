"""What Barlow Twins, VICReg and SwAV do against collapse, instead of negatives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch

from benchmark.backbones import parse_backbone
from benchmark.methods import barlowtwins, swav, vicreg
from benchmark.methods._joint import JointEmbeddingMethod, Objective, in_full_precision
from benchmark.training import Trainer
from benchmark.weights import initial_backbone
from tests.methods.conftest import UNET

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from benchmark.unlabelled import UnlabelledImages

BATCH, WIDTH = 32, 16


def orthonormal(rows: int, columns: int, seed: int = 0) -> Tensor:
    """Centred columns of variance 1 that have no correlation with each other."""
    values = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    basis: Tensor = torch.linalg.qr(torch.cat([torch.ones(rows, 1), values], dim=1))[0]
    return basis[:, 1:] * math.sqrt(rows)


def objective(method: JointEmbeddingMethod, pool: UnlabelledImages, folder: Path) -> Objective:
    torch.manual_seed(0)
    trainer = Trainer(
        steps=1,
        batch_size=BATCH,
        device=torch.device("cpu"),
        precision=torch.float32,
        generator=torch.Generator().manual_seed(0),
        folder=folder,
    )
    return method.objective(initial_backbone(parse_backbone(UNET), 0), pool, trainer)


def test_barlow_twins_loss_is_zero_for_identical_embeddings_without_redundancy() -> None:
    from lightly.loss import BarlowTwinsLoss

    loss = BarlowTwinsLoss(lambda_param=barlowtwins.BarlowTwinsOptions().redundancy)
    same = orthonormal(BATCH, WIDTH)
    assert float(loss(same, same)) == pytest.approx(0, abs=1e-4)
    repeated = same[:, :1].repeat(1, WIDTH)
    assert float(loss(repeated, repeated)) == pytest.approx(
        barlowtwins.BarlowTwinsOptions().redundancy * WIDTH * (WIDTH - 1), rel=1e-3
    )


def test_barlow_twins_reference_is_the_mean_loss_of_independent_embeddings() -> None:
    from lightly.loss import BarlowTwinsLoss

    generator = torch.Generator().manual_seed(0)
    loss = BarlowTwinsLoss(lambda_param=0.5)
    draws = torch.randn(200, 2, BATCH, WIDTH, generator=generator)
    mean = sum(float(loss(one, other)) for one, other in draws) / len(draws)
    assert mean == pytest.approx(barlowtwins.chance(WIDTH, BATCH, 0.5), rel=0.02)


def test_vicreg_punishes_collapse_more_than_independent_embeddings() -> None:
    from lightly.loss import VICRegLoss

    options = vicreg.VICRegOptions()
    loss = VICRegLoss(options.invariance, options.variance, options.covariance)
    reference = vicreg.chance(options.invariance, options.variance)
    collapsed = torch.ones(BATCH, WIDTH)
    spread = orthonormal(BATCH, WIDTH)
    assert float(loss(collapsed, collapsed)) > reference
    assert float(loss(spread, spread)) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(("invariance", "variance"), [(25.0, 25.0), (10.0, 25.0), (5.0, 25.0)])
def test_vicreg_reference_is_the_least_loss_of_independent_embeddings(
    invariance: float, variance: float
) -> None:
    from lightly.loss import VICRegLoss

    loss = VICRegLoss(invariance, variance, nu_param=0.0)
    pairs = torch.randn(2, 4096, WIDTH, generator=torch.Generator().manual_seed(0))
    least = min(float(loss(*(scale * pairs))) for scale in torch.linspace(0.05, 1.2, 47))
    assert least == pytest.approx(vicreg.chance(invariance, variance), rel=0.02)


def test_swav_codes_use_all_prototypes_alike() -> None:
    from lightly.loss.swav_loss import sinkhorn

    options = swav.SwAVOptions()
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    prototypes = swav.unit_prototypes(options.prototypes, WIDTH)
    # Nearly parallel, as averaged features are: without balance one prototype would take all.
    units = torch.randn(8 * BATCH, WIDTH, generator=generator) + 2
    scores = prototypes(torch.nn.functional.normalize(units, dim=1))
    codes = sinkhorn(scores.detach(), epsilon=options.epsilon)
    assert torch.allclose(codes.sum(1), torch.ones(8 * BATCH), atol=1e-4)
    even = len(units) / options.prototypes
    assert 0.5 * even < float(codes.sum(0).min()) <= float(codes.sum(0).max()) < 2 * even
    assert float((scores.detach() / options.epsilon).softmax(1).sum(0).max()) > 4 * even


def test_swav_prototypes_have_length_one_before_and_after_a_step(
    pool: UnlabelledImages, tmp_path: Path
) -> None:
    built = objective(swav.SwAV(swav.SwAVOptions()), pool, tmp_path)
    prototypes = built.heads[1]
    weight = prototypes.get_parameter("weight")
    ones = torch.ones(len(weight))
    assert torch.allclose(weight.norm(dim=1), ones)
    with torch.no_grad():
        weight.mul_(torch.linspace(0.5, 2, len(weight))[:, None])
    assert built.after_step is not None
    built.after_step(0)
    assert torch.allclose(weight.norm(dim=1), ones)


def test_swav_queue_gives_back_what_came_before_and_nothing_else() -> None:
    queue = swav.empty_queue(size=3 * BATCH + 5, batch=BATCH, width=WIDTH)
    batches = torch.nn.functional.normalize(torch.randn(5, BATCH, WIDTH), dim=2)
    lengths = []
    for number, batch in enumerate(batches):
        earlier = swav.past(queue, batch)
        lengths.append(len(earlier))
        known = batches[max(0, number - 3) : number].flatten(0, 1)
        assert {tuple(row) for row in earlier.tolist()} == {tuple(row) for row in known.tolist()}
    assert lengths == [0, BATCH, 2 * BATCH, 3 * BATCH, 3 * BATCH]
    assert len(swav.past(swav.empty_queue(BATCH - 1, BATCH, WIDTH), batches[0])) == 0


def test_swav_queues_are_kept_by_a_checkpoint(pool: UnlabelledImages, tmp_path: Path) -> None:
    from benchmark.checkpoints import ModuleState

    built, later = (objective(swav.SwAV(swav.SwAVOptions()), pool, tmp_path) for _ in range(2))
    units = torch.nn.functional.normalize(torch.randn(BATCH, 128), dim=1)
    for queue, other in zip(built.keeps, later.keeps, strict=True):
        swav.past(queue, units)
        ModuleState(other).load_state_dict(ModuleState(queue).state_dict())  # type: ignore[arg-type]
        assert torch.equal(swav.past(other, units), units)


def test_a_loss_leaves_autocast_and_its_bfloat16() -> None:
    embeddings = torch.randn(BATCH, WIDTH)
    seen: list[torch.dtype] = []

    def loss(one: Tensor, other: Tensor) -> Tensor:
        product = one.T @ other
        seen.append(product.dtype)
        return product.sum()[None]

    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = in_full_precision(loss, embeddings.bfloat16(), embeddings.bfloat16())
    assert seen == [torch.float32]
    assert value.shape == ()
