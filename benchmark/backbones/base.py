"""The interface of a backbone: an encoder, a decoder and optional time conditioning."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.parallel import share_of, shared
from benchmark.plugins import Part


class Backbone(nn.Module, ABC):
    """Takes (batch, 1, height, width) images in [-1, 1]; gives features at the output stride.

    Attributes:
        encoder_channels: Channels of the coarsest encoder feature.
        decoder_channels: Channels of :meth:`decode`'s output.
        output_stride: Side of the image over side of :meth:`decode`'s output.
        memory_format: The order of weights and features in memory, as was measured to be faster
            for networks of the kind; results differ by rounding.
    """

    memory_format: ClassVar[torch.memory_format] = torch.contiguous_format
    encoder_channels: int
    decoder_channels: int
    output_stride: int

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let the processes of a training share the passes of every backbone."""
        super().__init_subclass__(**kwargs)
        for name in ("encode", "decode", "forward", "embed"):
            if name in vars(cls):
                setattr(cls, name, shared(vars(cls)[name]))

    @abstractmethod
    def encode(self, images: Tensor, t: Tensor | None = None) -> list[Tensor]:
        """Features from fine to coarse.

        Args:
            images: (batch, 1, height, width), sides multiples of the options' side_multiple.
            t: (batch,) diffusion time steps; None is the plain network on a clean image.
        """

    @abstractmethod
    def decode(self, features: list[Tensor], t: Tensor | None = None) -> Tensor:
        """(batch, decoder_channels, height / stride, width / stride) from :meth:`encode`."""

    @shared
    def forward(self, images: Tensor, t: Tensor | None = None) -> Tensor:
        """Encode, then decode."""
        return self.decode(self.encode(images, t), t)

    @shared
    def embed(self, images: Tensor) -> Tensor:
        """(batch, encoder_channels): the coarsest feature, averaged over the image."""
        return self.encode(images)[-1].mean(dim=(-2, -1))

    def fuse(self) -> bool:
        """Compute with compiled kernels from now on, where there are any; for GPUs.

        They take half a minute to compile, so that long trainings alone gain by them. Weights keep
        their names and results differ by rounding.

        Returns:
            Whether anything has changed.
        """
        return False

    @abstractmethod
    def stages(self) -> list[nn.Module]:
        """The modules of the encoder that end its stages, from fine to coarse."""

    @contextmanager
    def masking(self, mask: Tensor) -> Iterator[None]:
        """Hide places of the image from the encoder at every stage, while the context is open.

        Convolutions carry what they see into hidden places, so their features are set to zero
        again after each stage, which does what sparse convolutions would (SparK; Tian et al.,
        ICLR 2023).

        Args:
            mask: (batch, 1, h, w) of ones where the image is seen and zeros where it is hidden;
                scaled to each stage by nearest neighbours.
        """

        def hide(module: nn.Module, inputs: Any, output: Any) -> Any:
            return _masked(output, share_of(mask))

        hooks = [stage.register_forward_hook(hide) for stage in self.stages()]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    @abstractmethod
    def part_prefixes(self) -> dict[Part, tuple[str, ...]]:
        """The prefixes of state-dict names that belong to the encoder and to the decoder."""

    def part_of(self, name: str) -> Part:
        """The part that a state-dict entry belongs to."""
        for part, prefixes in self.part_prefixes().items():
            if name.startswith(prefixes):
                return part
        raise KeyError(name)

    def part_parameters(self, part: Part) -> Iterator[nn.Parameter]:
        """The parameters of one part."""
        return (p for name, p in self.named_parameters() if self.part_of(name) == part)


def _masked(output: Any, mask: Tensor) -> Any:
    """A stage's output, a tensor or tuples of them, times the mask at its own resolution."""
    if isinstance(output, Tensor):
        return output * F.interpolate(mask, output.shape[-2:], mode="nearest").to(output.dtype)
    return type(output)(_masked(value, mask) for value in output)


class PixelHead(nn.Module):
    """A 1x1 convolution to maps at the resolution of the image.

    Where the backbone works at an output stride above one, each position predicts the pixels
    that it covers (sub-pixel convolution; Shi et al., CVPR 2016).
    """

    def __init__(self, backbone: Backbone, channels: int) -> None:
        super().__init__()
        stride = backbone.output_stride
        self.projection = nn.Conv2d(backbone.decoder_channels, channels * stride**2, 1)
        nn.init.normal_(self.projection.weight, std=0.01)
        nn.init.zeros_(self.projection.bias)  # type: ignore[arg-type]
        self.shuffle = nn.PixelShuffle(stride)

    def forward(self, features: Tensor) -> Tensor:
        """(batch, decoder_channels, h, w) to (batch, channels, h * stride, w * stride)."""
        maps: Tensor = self.shuffle(self.projection(features))
        return maps


class Detector(nn.Module):
    """A backbone with a 1x1 head: one heatmap a landmark."""

    def __init__(self, backbone: Backbone, landmarks: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = PixelHead(backbone, landmarks)
        # Maps that start at nothing pass no gradient on: in short runs a tenth of the steps.
        self.head.projection.reset_parameters()

    def forward(self, images: Tensor) -> Tensor:
        """Logits (batch, landmarks, height, width) from images (batch, 1, height, width)."""
        maps: Tensor = self.head(self.backbone(images))
        return maps


def group_norm_in_place_of_batch_norm(module: nn.Module, groups: int) -> None:
    """Swap every BatchNorm2d below ``module``, because few-shot batches are too small for it.

    An activation that timm keeps in the normalisation stays.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            channels = child.num_features
            divisor = max(g for g in range(1, groups + 1) if channels % g == 0)
            norm: nn.Module = nn.GroupNorm(divisor, channels)
            # What timm keeps in its own classes: a dropout and the activation, in this order.
            parts = dict(child.named_children())
            setattr(module, name, nn.Sequential(OrderedDict(norm=norm, **parts)) if parts else norm)
        else:
            group_norm_in_place_of_batch_norm(child, groups)


def zero_time(images: Tensor) -> Tensor:
    """(batch,) zeros: the time step of a clean image."""
    return torch.zeros(len(images), dtype=torch.long, device=images.device)
