"""Autoencoder: the network passes the whole image through a narrow code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.methods._restoration import (
    Damaged,
    Restoration,
    RestorationMethod,
    RestorationOptions,
    coarsest_size,
)

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class AutoencoderOptions(RestorationOptions):
    """The width of the code."""

    compression: float = Field(
        16,
        gt=1,
        description="Pixels of the image to a number of the code, on every backbone: the coarsest "
        "feature alone may hold as many numbers as the image has pixels.",
    )


class Autoencoder(RestorationMethod):
    """Plain reconstruction, the oldest pretraining of encoder and decoder.

    A U-Net would copy the image through its skip connections. So they are cut: the decoder gets
    zeros in their place, and from the coarsest feature only what fits through a linear code of
    few channels. The decoder's weights for the skip connections therefore stay at their start.
    Hinton and Salakhutdinov: Reducing the dimensionality of data with neural networks, Science
    2006.
    """

    name = "autoencoder"
    title = "Autoencoder"
    citation = "Hinton and Salakhutdinov: Reducing the dimensionality of data, Science 2006"
    Options = AutoencoderOptions
    options: AutoencoderOptions

    def restoration(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Restoration:
        """Nothing is damaged; the network is narrowed instead."""
        import torch
        from torch import nn

        positions = torch.Size(coarsest_size(backbone, images)).numel()
        pixels = torch.Size(images.size).numel()
        width = max(1, int(pixels / (self.options.compression * positions)))
        code = nn.Sequential(
            nn.Conv2d(backbone.encoder_channels, width, 1),
            nn.Conv2d(width, backbone.encoder_channels, 1),
        )

        def features(damaged: Damaged) -> Tensor:
            *skips, coarsest = backbone.encode(damaged.images)
            cut = [torch.zeros_like(skip) for skip in skips]
            return backbone.decode([*cut, code(coarsest)])

        return Restoration(
            damage=lambda clean: Damaged(clean, clean),
            features=features,
            restored=lambda _, predicted, __: predicted,
            modules=[code],
        )
