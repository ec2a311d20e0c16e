"""Frozen features: the backbone stays as it is, and the head is linear in the hypercolumn."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.backbones import parse_backbone
from benchmark.backbones.base import Backbone
from benchmark.finetune import Shots, finetune
from benchmark.frozen import FrozenDetector, LinearHead, NoisyInput
from benchmark.protocol import ProtocolConfig
from benchmark.registry import registry
from benchmark.transfer import Transfer
from benchmark.weights import initial_backbone, load_parts, save_parts

UNET = "unet[channels=8-16,patch=2,groups=4]"
TIMM = "timm/resnet10t[decoder_channels=32-24-16-16]"
SIZE = (64, 32)
LANDMARKS = 3
BOTH = pytest.mark.parametrize("name", [UNET, TIMM])


def backbone(name: str, seed: int = 0) -> Backbone:
    return initial_backbone(parse_backbone(name), seed)


def shots() -> Shots:
    """Two images of noise, so that every normalisation has something to follow."""
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (2, *SIZE), generator=random, dtype=torch.uint8)
    points = torch.rand((2, LANDMARKS, 2), generator=random) * 20 + 5
    return Shots(pixels, points)


def train(detector: FrozenDetector, rate: float = 1.0) -> None:
    protocol = ProtocolConfig(batch_size=2)
    finetune(detector, shots(), protocol, steps=3, seed=0, rate=rate)


@BOTH
def test_fine_tuning_changes_the_head_and_no_tensor_of_the_backbone(name: str) -> None:
    detector = FrozenDetector(backbone(name), LANDMARKS, SIZE)
    before = {key: value.clone() for key, value in detector.state_dict().items()}
    train(detector)
    for key, value in detector.state_dict().items():
        frozen = key.startswith("backbone.")
        assert torch.equal(value, before[key]) == frozen, key


def test_the_head_has_a_multiple_of_the_rate_of_the_protocol() -> None:
    assert Transfer("whole").rate == Transfer("encoder").rate == 1.0
    assert Transfer("frozen").rate == Transfer("frozen", 5).rate > 1.0
    moves = []
    for rate in (1.0, Transfer("frozen").rate):
        torch.manual_seed(0)
        detector = FrozenDetector(backbone(UNET), LANDMARKS, SIZE)
        train(detector, rate)
        moves.append(float(detector.head.bias.detach().abs().max()))
    assert moves[1] > 3 * moves[0]


@BOTH
def test_the_backbone_stays_in_evaluation_mode_and_takes_no_gradient(name: str) -> None:
    detector = FrozenDetector(backbone(name), LANDMARKS, SIZE).train()
    assert detector.head.training
    assert not any(module.training for module in detector.backbone.modules())
    assert not any(p.requires_grad for p in detector.backbone.parameters())
    images = torch.zeros(2, 1, *SIZE, requires_grad=True)
    assert not any(feature.requires_grad for feature in detector.features(images))


@BOTH
def test_maps_have_the_size_of_the_image(name: str) -> None:
    detector = FrozenDetector(backbone(name), LANDMARKS, SIZE).eval()
    assert detector(torch.zeros(2, 1, *SIZE)).shape == (2, LANDMARKS, *SIZE)


def test_the_head_sees_every_level_but_the_image_itself() -> None:
    image = torch.rand(1, 1, *SIZE)
    for name, skipped in ((UNET, 0), (TIMM, 1)):
        detector = FrozenDetector(backbone(name), LANDMARKS, SIZE)
        every = detector.backbone.encode(image)
        seen = detector.features(image)
        assert len(seen) == len(every) - skipped + 1
        assert torch.equal(seen[-1], detector.backbone(image))
        assert not any(feature.shape == image.shape for feature in seen)


def test_features_without_channels_are_skipped() -> None:
    """convnext has no features at half the side: its encoder gives a feature of no channels."""
    name = "timm/convnext_atto[decoder_channels=32-24-16-16,depth=5]"
    network = backbone(name)
    image = torch.rand(1, 1, *SIZE)
    assert any(feature.shape[1] == 0 for feature in network.encode(image))
    detector = FrozenDetector(network, LANDMARKS, SIZE).eval()
    assert all(feature.shape[1] for feature in detector.features(image))
    assert detector(image).shape == (1, LANDMARKS, *SIZE)


def weights_of(head: LinearHead) -> list[Tensor]:
    """The weights of each level's convolution, fine to coarse and then the decoder's."""
    return [value for name, value in head.state_dict().items() if name.startswith("project")]


def hypercolumn(head: LinearHead, features: list[Tensor], stride: int) -> Tensor:
    """The same head the long way: standardise, upsample, stack, one 1x1 convolution."""
    size = features[-1].shape[-2:]
    columns = []
    for feature in features:
        mean = feature.mean(dim=(0, 2, 3), keepdim=True)
        variance = feature.var(dim=(0, 2, 3), keepdim=True, unbiased=False)
        standard = (feature - mean) / (variance + 1e-5).sqrt()
        columns.append(F.interpolate(standard, size, mode="bilinear", align_corners=False))
    weight = torch.cat(weights_of(head), dim=1)
    maps = F.conv2d(torch.cat(columns, dim=1), weight, head.bias)
    return F.pixel_shuffle(maps, stride)


@BOTH
def test_the_head_is_one_linear_map_of_the_hypercolumn(name: str) -> None:
    detector = FrozenDetector(backbone(name), LANDMARKS, SIZE).train()
    torch.nn.init.normal_(detector.head.bias)
    images = torch.rand(4, 1, *SIZE) * 2 - 1
    features = detector.features(images)
    expected = hypercolumn(detector.head, features, detector.backbone.output_stride)
    assert torch.allclose(detector(images), expected, atol=1e-5)


def test_the_head_starts_as_one_convolution_of_all_channels_would() -> None:
    torch.manual_seed(0)
    head = LinearHead([30, 70], 40, 1)
    weights = torch.cat([weight.flatten() for weight in weights_of(head)])
    assert weights.abs().max() <= 0.1
    assert float(weights.std()) == pytest.approx(0.1 / 3**0.5, rel=0.05)


def test_the_scale_of_features_does_not_matter_once_their_statistics_are_known() -> None:
    random = torch.Generator().manual_seed(0)
    features = [torch.rand((4, 6, 8, 8), generator=random) for _ in range(2)]
    torch.manual_seed(0)
    head = LinearHead([6, 6], LANDMARKS, 1).train()
    head([features[0] * 100, features[1]])
    large = head.eval()([features[0] * 100, features[1]])
    torch.manual_seed(0)
    head = LinearHead([6, 6], LANDMARKS, 1).train()
    head(features)
    assert torch.allclose(head.eval()(features), large, atol=1e-3)


@BOTH
def test_only_the_encoder_is_taken_over_and_the_decoder_starts_as_the_seed_has_it(
    name: str, tmp_path: Path
) -> None:
    path = tmp_path / "backbone.safetensors"
    pretrained, start, network = backbone(name, 1), backbone(name), backbone(name)
    save_parts(pretrained, frozenset({"encoder", "decoder"}), path)
    load_parts(network, path, frozenset({"encoder"}))
    other = pretrained.state_dict()
    for key, value in network.state_dict().items():
        home = other if network.part_of(key) == "encoder" else start.state_dict()
        assert torch.equal(value, home[key]), key
    load_parts(network, path, frozenset({"encoder", "decoder"}))
    assert all(torch.equal(value, other[key]) for key, value in network.state_dict().items())


def noisy(step: int, seed: int = 0) -> NoisyInput:
    return NoisyInput(registry("method").create("ddpm"), step, SIZE, seed)


def test_an_image_is_brought_to_the_noise_of_its_time_step() -> None:
    """Nichol and Dhariwal's cosine schedule, computed from its definition."""
    import math

    def level(step: int) -> float:
        return math.cos((step / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2

    images = torch.rand(2, 1, *SIZE) * 2 - 1
    for step in (0, 50, 900):
        network = noisy(step)
        kept = level(step + 1) / level(0)
        expected = kept**0.5 * images + (1 - kept) ** 0.5 * network.noise
        found, t = network(images)
        assert torch.allclose(found, expected, atol=1e-4)
        assert t.tolist() == [step, step]


@BOTH
def test_features_are_taken_at_the_time_step(name: str) -> None:
    network, image = backbone(name), torch.zeros(1, 1, *SIZE)
    if name == TIMM:  # Its conditioning on time starts as nothing.
        for parameter in network.modulations.parameters():  # type: ignore[union-attr]
            torch.nn.init.normal_(parameter, std=0.1)
    at_time = FrozenDetector(network, LANDMARKS, SIZE, noisy(500))
    found, t = noisy(500)(image)
    assert torch.equal(at_time.features(image)[-1], network(found, t))
    assert not torch.allclose(network(found, t), network(found))


def test_predictions_at_a_time_step_repeat_and_do_not_depend_on_the_batch() -> None:
    torch.manual_seed(0)
    detector = FrozenDetector(backbone(UNET), LANDMARKS, SIZE, noisy(300)).eval()
    images = torch.rand(4, 1, *SIZE)
    together = detector(images)
    assert torch.equal(detector(images), together)
    single = torch.cat([detector(image[None]) for image in images])
    assert torch.allclose(single, together, atol=1e-6)
    assert torch.equal(noisy(300).noise, noisy(300).noise)
    assert not torch.equal(noisy(300, seed=1).noise, noisy(300).noise)
