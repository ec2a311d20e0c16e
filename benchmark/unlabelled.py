"""The unlabelled pool as a method sees it: images in batches, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from benchmark.errors import UsageError
from benchmark.protocol import Inputs


def as_unit_range(pixels: Tensor) -> Tensor:
    """uint8 (n, height, width) to float (n, 1, height, width) in [-1, 1]."""
    return pixels[:, None].float().div_(127.5).sub_(1.0)


def as_inputs(images: Tensor, inputs: Inputs) -> Tensor:
    """Images as networks see them.

    Args:
        images: (n, 1, height, width), black at -1 and white at 1.
        inputs: ``symmetric``: as they are; ``unit``: each image from its darkest pixel at 0 to its
            brightest at 1, a flat one at 0.
    """
    if inputs == "symmetric":
        return images
    low, high = images.amin((-2, -1), True), images.amax((-2, -1), True)
    return (images - low) / (high - low).clamp_min(1e-6)


def as_shown(pixels: Tensor, inputs: Inputs) -> Tensor:
    """uint8 (n, height, width) to (n, 1, height, width) as networks see them."""
    return as_inputs(as_unit_range(pixels), inputs)


class UnlabelledImages:
    """Radiographs at working size, without ids, labels or test images.

    Args:
        pixels: uint8 (n, height, width).
        device: Where batches are made; the pool itself is kept there as uint8.
        inputs: The range of batches: [-1, 1], or [0, 1] for ``unit``.
    """

    def __init__(
        self, pixels: np.ndarray, device: torch.device, inputs: Inputs = "symmetric"
    ) -> None:
        if len(pixels) < 2:
            raise UsageError(
                f"the unlabelled pool has {len(pixels)} images: pretraining needs two at least"
            )
        self._pixels = torch.from_numpy(np.ascontiguousarray(pixels)).to(device)
        self._inputs = inputs

    def __len__(self) -> int:
        return len(self._pixels)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in px."""
        return int(self._pixels.shape[1]), int(self._pixels.shape[2])

    def take(self, count: int) -> Tensor:
        """(min(count, n), 1, height, width) in [-1, 1]: the first images, always the same."""
        return as_shown(self._pixels[:count], self._inputs)

    def batches(self, batch_size: int, generator: torch.Generator) -> Batches:
        """Endless batches (batch_size, 1, height, width) in [-1, 1].

        Raises:
            UsageError: The pool is smaller than a batch.
        """
        return Batches(self._pixels, batch_size, generator, self._inputs)


class Batches(Iterator[Tensor]):
    """Passes over the pool, each in a new order, whose place can be kept and taken up again.

    No image stands twice in a batch, because a second copy would be a false negative in
    contrastive losses.
    """

    def __init__(
        self,
        pixels: Tensor,
        batch_size: int,
        generator: torch.Generator,
        inputs: Inputs = "symmetric",
    ) -> None:
        if not 1 <= batch_size <= len(pixels):
            raise UsageError(
                f"a batch of {batch_size} images does not fit a pool of {len(pixels)}: lower "
                "pretraining.comparison_batch_size or pretraining.batch_size, or add images"
            )
        self._pixels, self._batch_size, self._generator = pixels, batch_size, generator
        self._inputs = inputs
        self._order = torch.empty(0, dtype=torch.long, device=generator.device)

    def __next__(self) -> Tensor:
        """The next batch."""
        if len(self._order) < self._batch_size:
            self._order = torch.randperm(
                len(self._pixels), generator=self._generator, device=self._generator.device
            )
        rows, self._order = self._order[: self._batch_size], self._order[self._batch_size :]
        return as_shown(self._pixels[rows], self._inputs)

    def state_dict(self) -> dict[str, Tensor]:
        """What is left of this pass."""
        return {"order": self._order}

    def load_state_dict(self, state_dict: dict[str, Tensor], /) -> None:
        """Go on in the middle of a pass."""
        self._order = state_dict["order"].to(self._generator.device)
