"""A batch that does not fit into a GPU's memory goes through in parts, where that changes nothing.

Gradients of parts add up to the gradient of the whole where the loss is a mean over images or
landmarks, and where no image changes what the network does with another: not with losses that
compare images, not under batch normalisation, and not with dropout, which would be drawn anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from benchmark.devices import autocast
from benchmark.errors import DeviceMemoryError
from benchmark.parallel import in_team


@dataclass(frozen=True)
class Division:
    """Whether a batch may be passed through in parts.

    Attributes:
        weight: From the tensors of a part to a scalar, the number over which the loss is a mean
            there; None: it may not be divided.
        obstacle: Why not, or what else can be done, for the sentence of the error.
    """

    weight: Callable[..., Tensor] | None = None
    obstacle: str = "lower the batch size"


def number_of_images(images: Tensor, *_: Tensor) -> Tensor:
    """The weight of a part under losses that are means over images."""
    # Made where it lies: a number from the host could not be recorded.
    return images.new_full((), float(len(images)), dtype=torch.float32)


def mixes_images(network: nn.Module) -> str | None:
    """What in a network makes the images of a batch depend on each other, in training."""
    for module in network.modules():
        if isinstance(module, _BatchNorm) and module.training:
            return "batch normalisation"
        if isinstance(module, _DropoutNd) and module.training and module.p > 0:
            return "dropout"
    return None


class Passes:
    """Passes a batch forwards and backwards, at once or in parts that fit.

    Args:
        loss: From the tensors of a batch to a scalar.
        forget: Drops the gradients.
        device: Where everything lies.
        precision: Of the forward pass.
        division: Whether a batch may be divided.

    Attributes:
        parts: In how many parts batches go through; doubled when memory runs out, and kept so.
    """

    def __init__(
        self,
        loss: Callable[..., Tensor],
        forget: Callable[[], None],
        device: torch.device,
        precision: torch.dtype,
        division: Division,
    ) -> None:
        self._loss, self._forget, self._division = loss, forget, division
        self._device, self._precision = device, precision
        self.parts = 1

    def __call__(self, *batch: Tensor) -> Tensor:
        """The loss; gradients lie in the parameters.

        Raises:
            DeviceMemoryError: It does not fit, and cannot be divided further.
        """
        while True:
            try:
                return self._at_once(*batch) if self.parts == 1 else self._in_parts(*batch)
            except torch.OutOfMemoryError as error:
                # A step that is being recorded cannot be taken back.
                if _is_recorded(self._device):
                    raise
                self._divide(batch, error)
            # Here the error is gone, and with it what it kept of the graph.
            self._forget()
            if self._device.type == "cuda":
                torch.cuda.empty_cache()

    def _at_once(self, *batch: Tensor) -> Tensor:
        with autocast(self._device, self._precision):
            value = self._loss(*batch)
        self._forget()
        value.backward()
        return value.detach()

    def _in_parts(self, *batch: Tensor) -> Tensor:
        weight = self._division.weight
        assert weight is not None
        whole = weight(*batch).clamp_min(1)
        self._forget()
        total = torch.zeros((), device=self._device)
        for part in zip(*(tensor.tensor_split(self.parts) for tensor in batch), strict=True):
            with autocast(self._device, self._precision):
                value = self._loss(*part) * (weight(*part) / whole)
            value.backward()
            total += value.detach()
        return total

    def _divide(self, batch: tuple[Tensor, ...], error: torch.OutOfMemoryError) -> None:
        images = len(batch[0]) if batch else 0
        if in_team():
            # The others would wait for passes that never come.
            raise DeviceMemoryError(
                f"the share of a batch of {images} images does not fit into the memory of "
                f"{self._device}: {self._division.obstacle}, or give the training more --devices"
            ) from error
        if self._division.weight is None or self.parts >= images:
            least = "even one by one, " if self.parts >= images > 1 else ""
            raise DeviceMemoryError(
                f"a batch of {images} images does not fit into the memory of {self._device}, "
                f"{least}in a training step: {self._division.obstacle}"
            ) from error
        self.parts = min(images, 2 * self.parts)
        print(f"out of memory on {self._device}: batches go through in {self.parts} parts")


def _is_recorded(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()
