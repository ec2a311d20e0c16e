"""Several views of each test image, whose maps are averaged in the place of the image itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.devices import generator
from benchmark.protocol import AugmentationConfig, ProtocolConfig
from benchmark.seeding import stream_seed
from benchmark.warp import random_warp

STRENGTH = 0.5
"""Of the geometry of views, as a share of the augmentation's in training."""


class Views:
    """Averages the maps of a detector over an image and views of it.

    The first view is the image. The others are turned, scaled and shifted at half the strength of
    the training's augmentation, the same ones for every method, seed and image set; each one's maps
    are brought back to the places of the image before they are averaged. Spatial softmaxes
    are averaged as probabilities, the maps of all other losses as they are.

    Args:
        protocol: The number of views, the augmentation and the loss.
        device: Where the images lie.
    """

    def __init__(self, protocol: ProtocolConfig, device: torch.device) -> None:
        whole = protocol.augmentation
        self._geometry = AugmentationConfig(
            rotation=STRENGTH * whole.rotation,
            scale=STRENGTH * whole.scale,
            shift=STRENGTH * whole.shift,
            elastic=0,
        )
        self._others = protocol.views - 1
        self._as_probabilities = protocol.loss == "softmax"
        self._random = generator(stream_seed("views"), device)

    def __call__(self, detector: nn.Module, images: Tensor) -> Tensor:
        """Maps (batch, landmarks, height, width), from which a decoder takes the landmarks.

        Args:
            detector: From images to maps.
            images: (batch, 1, height, width) in [-1, 1].
        """
        maps: Tensor = detector(images).float()
        if self._others == 0:
            return maps
        total = self._summable(maps)
        for _ in range(self._others):
            warp = random_warp(images, self._random, self._geometry)
            seen = self._summable(detector(warp.images(images)).float())
            total = total + warp.inverse().images(seen)
        mean = total / (self._others + 1)
        # Far below any probability of a place that is looked at.
        return mean.clamp_min(1e-12).log() if self._as_probabilities else mean

    def _summable(self, maps: Tensor) -> Tensor:
        if not self._as_probabilities:
            return maps
        return maps.flatten(2).softmax(-1).view_as(maps)
