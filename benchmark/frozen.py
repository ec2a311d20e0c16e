"""The detector of the transfer ``frozen``: a network that stays as it is under a linear head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.backbones.base import Backbone
from benchmark.plugins import Method
from benchmark.seeding import stream_seed


class LinearHead(nn.Module):
    """A linear map of every feature of a network at once, to maps at the image's resolution.

    This is a 1x1 convolution on the hypercolumn, the features of all levels upsampled and
    stacked (Hariharan et al., Hypercolumns for object segmentation and fine-grained
    localization, CVPR 2015). Both steps are linear, so each level is convolved at its own
    resolution first and then upsampled, which is the same and costs less. Each channel is
    standardised before by a batch normalisation without weights of its own, as in the linear
    probe of He et al., Masked autoencoders are scalable vision learners, CVPR 2022: the scale of
    features differs between methods, and must not act as a learning rate.
    """

    def __init__(self, channels: Sequence[int], maps: int, stride: int) -> None:
        super().__init__()
        # momentum=None averages over all steps: the features no longer change, and a run may be
        # too short for a moving average to forget its start.
        self.standardise = nn.ModuleList(
            nn.BatchNorm2d(count, affine=False, momentum=None) for count in channels
        )
        outputs = maps * stride**2
        self.project = nn.ModuleList(nn.Conv2d(n, outputs, 1, bias=False) for n in channels)
        self.bias = nn.Parameter(torch.zeros(outputs))
        # The start of one convolution on the whole stack, not that of many on a level each.
        bound = sum(channels) ** -0.5
        for convolution in self.project:
            nn.init.uniform_(convolution.weight, -bound, bound)  # type: ignore[arg-type]
        self.shuffle = nn.PixelShuffle(stride)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """(batch, maps, h * stride, w * stride), where the last feature has h x w positions."""
        size = features[-1].shape[-2:]
        total = self.bias[:, None, None]
        for feature, standardise, project in zip(
            features, self.standardise, self.project, strict=True
        ):
            maps = project(standardise(feature))
            if maps.shape[-2:] != size:
                maps = F.interpolate(maps, size, mode="bilinear", align_corners=False)
            total = total + maps
        out: Tensor = self.shuffle(total)
        return out


class NoisyInput(nn.Module):
    """Brings images to one time step of a method's own noise process.

    All images get the same noise, in fine-tuning and in evaluation, as in the code of Baranchuk
    et al. (ICLR 2022; ``share_noise``): predictions repeat exactly and do not depend on how
    images are batched.

    Args:
        method: A method with time steps.
        step: One of them.
        size: Height and width of the images, px.
        seed: Of the cell.
    """

    noise: Tensor

    def __init__(self, method: Method, step: int, size: tuple[int, int], seed: int) -> None:
        super().__init__()
        self.method, self.step = method, step
        # Drawn on the CPU, so that it is the same on every device.
        generator = torch.Generator().manual_seed(stream_seed("time-step-noise", seed))
        noise = torch.randn((1, 1, *size), generator=generator)
        self.register_buffer("noise", noise, persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Noisy images, and (batch,) time steps for the backbone."""
        t = torch.full((len(images),), self.step, dtype=torch.long, device=images.device)
        return self.method.at_time(images, t, self.noise.expand_as(images)), t


class FrozenDetector(nn.Module):
    """A backbone that stays as it is, and a linear head on all of its features.

    The head sees every feature of the encoder and the output of the decoder. The backbone takes
    no gradient, and is in evaluation mode also while the head trains, so that its normalisation
    keeps its statistics.

    Args:
        backbone: With the pretrained parts in it; its parameters are frozen here.
        landmarks: Number of maps.
        size: Height and width of the images, px.
        noisy: Brings images to a time step first; None takes them as they are.
    """

    def __init__(
        self,
        backbone: Backbone,
        landmarks: int,
        size: tuple[int, int],
        noisy: NoisyInput | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(requires_grad=False).eval()
        self.noisy = noisy
        self.levels, channels = _informative_levels(backbone, size)
        self.head = LinearHead(channels, landmarks, backbone.output_stride)

    def train(self, mode: bool = True) -> FrozenDetector:
        """Switch the head's mode; the backbone stays in evaluation mode."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Logits (batch, landmarks, height, width) from images (batch, 1, height, width)."""
        maps: Tensor = self.head(self.features(images))
        return maps

    @torch.no_grad()
    def features(self, images: Tensor) -> list[Tensor]:
        """What the head sees: the encoder's features from fine to coarse, then the decoder's."""
        t = None
        if self.noisy is not None:
            images, t = self.noisy(images)
        features = self.backbone.encode(images, t)
        decoded = self.backbone.decode(features, t)
        return [*(features[level] for level in self.levels), decoded]


@torch.no_grad()
def _informative_levels(backbone: Backbone, size: tuple[int, int]) -> tuple[list[int], list[int]]:
    """The encoder's levels that a head can learn from, and the channels of all that it sees.

    Encoders of segmentation-models-pytorch give the image itself as their first feature, which
    nothing has pretrained, and a feature without channels for an octave that they lack.
    """
    image = torch.linspace(-1, 1, size[0] * size[1]).reshape(1, 1, *size)
    features = backbone.encode(image)
    levels = [
        level
        for level, feature in enumerate(features)
        if feature.shape[1] and not (feature.shape == image.shape and torch.equal(feature, image))
    ]
    return levels, [*(features[level].shape[1] for level in levels), backbone.decoder_channels]
