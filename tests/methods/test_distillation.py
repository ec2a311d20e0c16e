"""What is special of methods that predict one view from the other: targets that stand still."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmark.augment import View, pretraining_views
from benchmark.backbones import parse_backbone
from benchmark.backbones.base import Backbone
from benchmark.methods._joint import JointEmbeddingMethod, Objective, crosswise, follow
from benchmark.progress import Progress
from benchmark.registry import registry
from benchmark.training import Trainer
from benchmark.unlabelled import UnlabelledImages
from benchmark.weights import initial_backbone

SLOW = ("mocov3", "byol", "dino")
ALL = (*SLOW, "simsiam", "dcl")
SMALL = "unet[channels=8-16,patch=4]"
STEPS = 4
BATCH = 8


class PowerFailureError(Exception):
    """What a test raises in the middle of a training."""


def trainer_in(folder: Path, **others: object) -> Trainer:
    return Trainer(
        steps=STEPS,
        batch_size=BATCH,
        device=torch.device("cpu"),
        precision=torch.float32,
        generator=torch.Generator().manual_seed(0),
        folder=folder,
        checkpoint_seconds=0.0,
        **others,  # type: ignore[arg-type]
    )


def objective_of(name: str, pool: UnlabelledImages, folder: Path) -> tuple[Backbone, Objective]:
    """A small network, and what the method would minimise over it."""
    backbone = initial_backbone(parse_backbone(SMALL), 0)
    torch.manual_seed(0)
    method = registry("method").create(name)
    assert isinstance(method, JointEmbeddingMethod)
    return backbone, method.objective(backbone, pool, trainer_in(folder))


def two_views(pool: UnlabelledImages) -> tuple[View, View]:
    return pretraining_views(pool.take(BATCH), torch.Generator().manual_seed(3), size=0.5)


def kept(objective: Objective) -> list[nn.Module]:
    return [part for part in objective.keeps if isinstance(part, nn.Module)]


def weights(modules: Sequence[nn.Module]) -> list[Tensor]:
    return [p.detach().clone() for module in modules for p in module.parameters()]


@pytest.mark.parametrize("name", ALL)
def test_the_loss_does_not_depend_on_the_order_of_the_views(
    pool: UnlabelledImages, tmp_path: Path, name: str
) -> None:
    first, second = two_views(pool)
    there = objective_of(name, pool, tmp_path)[1].loss(first, second)
    back = objective_of(name, pool, tmp_path)[1].loss(second, first)
    assert there.item() == pytest.approx(back.item(), abs=1e-5)
    same = objective_of(name, pool, tmp_path)[1].loss(first, first)
    assert same.item() != pytest.approx(there.item(), abs=1e-3)


@pytest.mark.parametrize("name", SLOW)
def test_the_slow_copy_gets_no_gradient_and_follows_the_network(
    pool: UnlabelledImages, tmp_path: Path, name: str
) -> None:
    backbone, objective = objective_of(name, pool, tmp_path)
    slow = kept(objective)
    start = weights(slow)
    objective.loss(*two_views(pool)).backward()
    assert all(p.grad is None for module in slow for p in module.parameters())
    heads = [p for module in objective.heads for p in module.parameters()]
    assert all(p.grad is not None for p in heads)
    assert all(p.grad is not None for p in backbone.part_parameters("encoder"))
    with torch.no_grad():
        for parameter in (*backbone.parameters(), *heads):
            parameter.add_(1.0)
    assert objective.after_step is not None
    objective.after_step(0)
    # Of four steps the momentum is at its least, 0.5, and after the last of them 1.
    moved = [new - old for new, old in zip(weights(slow), start, strict=True)]
    assert all(torch.allclose(m, torch.full_like(m, 0.5), atol=1e-5) for m in moved)
    before = weights(slow)
    objective.after_step(STEPS - 1)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(slow), strict=True))


def test_a_constant_momentum_does_not_rise() -> None:
    module, slow = nn.Linear(1, 1), nn.Linear(1, 1)
    with torch.no_grad():
        module.weight.fill_(1.0)
        slow.weight.fill_(0.0)
    follow([(module, slow)], 0.75)(1_000_000)
    assert slow.weight.item() == pytest.approx(0.25)


def test_views_are_compared_crosswise() -> None:
    def compare(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction * 10 + target).sum()

    one, two, three, four = (torch.tensor([[float(n)]]) for n in (1, 2, 3, 4))
    assert crosswise(compare, [one, two], [three, four]).item() == (14 + 23) / 2


def test_no_gradient_of_simsiam_passes_through_the_target(
    pool: UnlabelledImages, tmp_path: Path
) -> None:
    """With a predictor that knows nothing of its input, nothing is left to train the encoder."""
    backbone, objective = objective_of("simsiam", pool, tmp_path)
    predictor = objective.heads[1]
    last = [module for module in predictor.modules() if isinstance(module, nn.Linear)][-1]
    with torch.no_grad():
        last.weight.zero_()
    objective.loss(*two_views(pool)).backward()
    encoder = [p.grad for p in backbone.part_parameters("encoder") if p.grad is not None]
    assert all(float(gradient.abs().max()) == 0 for gradient in encoder)
    assert last.bias.grad is not None
    assert float(last.bias.grad.abs().max()) > 0


def test_the_centre_of_dino_follows_the_scores_and_is_kept_in_checkpoints(
    pool: UnlabelledImages, tmp_path: Path
) -> None:
    from lightly.loss import DINOLoss

    _, objective = objective_of("dino[centre_momentum=0.0]", pool, tmp_path)
    (cross_entropy,) = (part for part in kept(objective) if isinstance(part, DINOLoss))
    assert float(cross_entropy.center.abs().max()) == 0
    objective.loss(*two_views(pool))
    centre = cross_entropy.center.clone()
    assert centre.shape == (1, 1, 512)
    assert 1e-3 < float(centre.abs().max()) < 1
    assert "center" in dict(cross_entropy.named_buffers())


def test_the_teacher_of_dino_is_sharper_than_the_student() -> None:
    options = registry("method").load("dino").Options().model_dump()
    assert options["teacher_temperature"] < options["student_temperature"]


def test_predictions_that_point_nowhere_score_the_reference_of_mocov3(
    pool: UnlabelledImages, tmp_path: Path
) -> None:
    _, objective = objective_of("mocov3", pool, tmp_path)
    predictor = objective.heads[1]
    last = [module for module in predictor.modules() if isinstance(module, nn.Linear)][-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.zero_()
    assert objective.chance is not None
    assert objective.loss(*two_views(pool)).item() == pytest.approx(objective.chance, abs=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_an_interrupted_training_ends_as_an_undisturbed_one(
    pool: UnlabelledImages, tmp_path: Path, name: str
) -> None:
    def train(**others: object) -> dict[str, Tensor]:
        backbone = initial_backbone(parse_backbone(SMALL), 0)
        torch.manual_seed(0)
        trainer = trainer_in(tmp_path, **others)
        registry("method").create(name).pretrain(backbone, pool, trainer)
        return backbone.state_dict()

    def stop(progress: Progress) -> None:
        if progress.step == STEPS // 2:
            raise PowerFailureError

    expected = train()
    file = tmp_path / "kept.safetensors"
    with pytest.raises(PowerFailureError):
        train(checkpoint=file, listener=stop)
    assert file.exists()
    resumed = train(checkpoint=file)
    assert all(torch.equal(expected[key], resumed[key]) for key in expected)
