"""Both families of backbones: shapes, parts, time conditioning, and sentences about options."""

import pytest
import torch

from benchmark.backbones import build, parse_backbone
from benchmark.backbones.base import Backbone, Detector, group_norm_in_place_of_batch_norm
from benchmark.backbones.options import BackboneSpec
from benchmark.config import load_preset
from benchmark.errors import UsageError
from benchmark.micro_batches import mixes_images
from benchmark.operations import multiply_adds

UNET = "unet[channels=8-16-16,patch=2,groups=4]"
LITE = "tf_efficientnet_lite0"
KINDS = (torch.nn.BatchNorm2d, torch.nn.GroupNorm, torch.nn.ReLU6)
TIMM = "timm/resnet10t[decoder_channels=32-24-16-16]"


@pytest.fixture(scope="module", params=[UNET, TIMM])
def backbone(request: pytest.FixtureRequest) -> Backbone:
    torch.manual_seed(0)
    return build(parse_backbone(request.param)).eval()


def test_a_detector_gives_one_map_a_landmark_at_the_size_of_the_image(backbone: Backbone) -> None:
    assert Detector(backbone, 5)(torch.zeros(2, 1, 64, 96)).shape == (2, 5, 64, 96)


def test_encoding_then_decoding_is_the_forward_pass(backbone: Backbone) -> None:
    images = torch.randn(2, 1, 64, 64)
    t = torch.tensor([3, 700])
    assert torch.equal(backbone(images, t), backbone.decode(backbone.encode(images, t), t))
    features = backbone(images)
    side = 64 // backbone.output_stride
    assert features.shape == (2, backbone.decoder_channels, side, side)
    assert backbone.embed(images).shape == (2, backbone.encoder_channels)


def test_every_tensor_belongs_to_one_part_and_both_parts_are_there(backbone: Backbone) -> None:
    parts = {backbone.part_of(name) for name in backbone.state_dict()}
    assert parts == {"encoder", "decoder"}
    total = sum(p.numel() for p in backbone.parameters())
    each = [sum(p.numel() for p in backbone.part_parameters(part)) for part in parts]
    assert sum(each) == total


def test_the_embedding_depends_on_the_encoder_alone(backbone: Backbone) -> None:
    images = torch.randn(2, 1, 64, 64)
    backbone.zero_grad()
    backbone.embed(images).sum().backward()
    touched = {backbone.part_of(n) for n, p in backbone.named_parameters() if p.grad is not None}
    assert touched == {"encoder"}


def test_a_new_timm_backbone_gives_the_same_with_and_without_time() -> None:
    network = build(parse_backbone(TIMM)).eval()
    images = torch.randn(2, 1, 64, 64)
    assert torch.equal(network(images), network(images, torch.tensor([0, 900])))


def test_the_unet_hears_the_time_step_and_takes_none_for_a_clean_image() -> None:
    network = build(parse_backbone(UNET)).eval()
    images = torch.randn(2, 1, 32, 32)
    assert torch.equal(network(images), network(images, torch.zeros(2, dtype=torch.long)))
    assert not torch.equal(network(images), network(images, torch.tensor([500, 900])))


def test_the_timm_decoder_has_no_batch_norm() -> None:
    decoder = build(parse_backbone(TIMM)).decoder
    assert isinstance(decoder, torch.nn.Module)
    kinds = {type(module) for module in decoder.modules()}
    assert torch.nn.GroupNorm in kinds
    assert torch.nn.BatchNorm2d not in kinds


def test_group_norm_takes_the_largest_divisor_that_fits() -> None:
    holder = torch.nn.Sequential(torch.nn.BatchNorm2d(12))
    group_norm_in_place_of_batch_norm(holder, 8)
    norm = holder[0]
    assert isinstance(norm, torch.nn.GroupNorm)
    assert norm.num_groups == 6


def test_the_encoder_may_normalise_in_groups_too() -> None:
    plain, grouped = (build(parse_backbone(f"timm/{LITE}{end}")) for end in ("", "[norm=group]"))
    counts = [
        [sum(isinstance(module, kind) for module in backbone.modules()) for kind in KINDS]
        for backbone in (plain, grouped)
    ]
    (batch, group, activations), (none, both, kept) = counts
    assert batch > 40
    assert (none, both, kept) == (0, group + batch, activations)
    assert mixes_images(plain) is not None
    assert mixes_images(grouped) is None


def test_another_normalisation_is_another_network_in_tables_and_keys() -> None:
    own, grouped = parse_backbone(f"timm/{LITE}"), parse_backbone(f"timm/{LITE}[norm=group]")
    assert (own.label, grouped.label) == (f"timm/{LITE}", f"timm/{LITE}[norm=group]")
    assert "norm" not in own.as_json()["options"]
    assert BackboneSpec.from_json(grouped.as_json()) == grouped
    assert BackboneSpec.from_json(own.as_json()) == own


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("resnet18", "timm/<name>"),
        ("unet[chanels=8-16]", "did you mean 'channels'"),
        ("unet[channels=8-17]", "multiple of groups=8"),
        ("unet[channels=8-16", "closing bracket"),
        ("unet[patch]", "patch=value"),
    ],
)
def test_a_backbone_that_will_not_do_gets_a_sentence(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_backbone(text)
    assert words in str(caught.value)


def test_an_encoder_that_timm_lacks_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean timm/resnet18"):
        build(parse_backbone("timm/resnet_18"))


def test_options_of_the_text_lie_over_those_of_the_preset() -> None:
    spec = parse_backbone("unet[patch=4]", {"unet": {"channels": [8, 16], "patch": 2}})
    assert spec.as_json()["options"]["patch"] == 4
    assert spec.as_json()["options"]["channels"] == [8, 16]
    assert spec.side_multiple == 8


def test_weights_and_features_lie_in_memory_as_the_backbone_says(backbone: Backbone) -> None:
    convolutions = [m for m in backbone.modules() if isinstance(m, torch.nn.Conv2d)]
    told = backbone.memory_format
    assert all(m.weight.is_contiguous(memory_format=told) for m in convolutions)
    out = backbone(torch.zeros(2, 1, 64, 64))
    assert out.is_contiguous(memory_format=told)
    other = {torch.channels_last, torch.contiguous_format} - {told}
    assert not out.is_contiguous(memory_format=other.pop())


@pytest.mark.parametrize(
    ("preset", "parameters", "giga"),
    [("paper", 558_548_225, 1747), ("paper-64", 35_705_153, 116)],
)
def test_the_paper_presets_have_about_the_size_of_the_released_network(
    preset: str, parameters: int, giga: int
) -> None:
    """Counted on the released code itself, whose widths are others on the way down and up."""
    spec = parse_backbone("unet", load_preset(preset).backbone_options)
    with torch.device("meta"):
        network = build(spec)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(parameters, rel=0.02)
    counted = multiply_adds(network, (256, 256))
    assert counted == pytest.approx(giga * 1e9, rel=0.08)
