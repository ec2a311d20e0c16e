"""The unlabelled pool as a method sees it: images in batches, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from benchmark.errors import UsageError


def as_unit_range(pixels: Tensor) -> Tensor:
    """uint8 (n, height, width) to float (n, 1, height, width) in [-1, 1]."""
    return pixels[:, None].float().div_(127.5).sub_(1.0)


class UnlabelledImages:
    """Radiographs at working size, without ids, labels or test images.

    Args:
        pixels: uint8 (n, height, width).
        device: Where batches are made; the pool itself is kept there as uint8.
    """

    def __init__(self, pixels: np.ndarray, device: torch.device) -> None:
        if len(pixels) < 2:
            raise UsageError(
                f"the unlabelled pool has {len(pixels)} images: pretraining needs two at least"
            )
        self._pixels = torch.from_numpy(np.ascontiguousarray(pixels)).to(device)

    def __len__(self) -> int:
        return len(self._pixels)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in px."""
        return int(self._pixels.shape[1]), int(self._pixels.shape[2])

    def take(self, count: int) -> Tensor:
        """(min(count, n), 1, height, width) in [-1, 1]: the first images, always the same."""
        return as_unit_range(self._pixels[:count])

    def batches(self, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
        """Endless batches (batch_size, 1, height, width) in [-1, 1].

        Each pass over the pool is in a new order; no image stands twice in a batch, because a
        second copy would be a false negative in contrastive losses.
        """
        if not 1 <= batch_size <= len(self):
            raise UsageError(f"a batch of {batch_size} images from a pool of {len(self)}")
        while True:
            order = torch.randperm(len(self), generator=generator, device=generator.device)
            for start in range(0, len(self) - batch_size + 1, batch_size):
                yield as_unit_range(self._pixels[order[start : start + batch_size]])
