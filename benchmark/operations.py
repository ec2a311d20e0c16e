"""Counting operations: of a forward pass, of a training step, and what a GPU could do at most."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

# Operations a second in bfloat16 and in TensorFloat-32, without sparsity, by the name that the
# driver gives: NVIDIA's data sheets of each GPU.
_PEAKS: Mapping[str, tuple[float, float]] = {
    r"NVIDIA (H100 80GB HBM3|H200)": (989e12, 494e12),
    r"NVIDIA H100 PCIe": (756e12, 378e12),
    r"NVIDIA A100.*": (312e12, 156e12),
    r"NVIDIA L40S": (362e12, 183e12),
    r"NVIDIA L4": (121e12, 60e12),
    r"NVIDIA A10": (125e12, 62.5e12),
    r"NVIDIA GeForce RTX 4090": (165e12, 82.6e12),
    r"NVIDIA GeForce RTX 3090": (71e12, 35.6e12),
}


def peak_flops(name: str, precision: torch.dtype) -> float | None:
    """Operations a second that a GPU can do at most, a multiply-add being two.

    Args:
        name: As ``torch.cuda.get_device_name`` gives it.
        precision: bfloat16, or float32, which torch lets convolutions round to TensorFloat-32.

    Returns:
        The number, or None for a GPU that is not known here.
    """
    for pattern, (bfloat16, rounded) in _PEAKS.items():
        if re.fullmatch(pattern, name):
            return bfloat16 if precision is torch.bfloat16 else rounded
    return None


class OperationCounter(TorchDispatchMode):
    """Counts the operations of all that is computed in its context, backward passes included.

    Convolutions, matrix products and attention count, a multiply-add as two. Nothing that is
    computed changes by it.

    Attributes:
        flops: The number so far; None where an operation could not be counted.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops: int | None = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)
        if count is not None and self.flops is not None:
            try:
                self.flops += int(count(*args, **(kwargs or {}), out_val=out))
            except Exception:  # A count is worth no training.
                self.flops = None
        return out


def multiply_adds(network: nn.Module, size: tuple[int, int]) -> int | None:
    """The multiply-adds of a forward pass on one image, which is a black one here.

    Convolutions, matrix products and attention count; normalisations, activations and biases do
    not, as is usual. The pass runs in evaluation mode and takes no gradient; weights, statistics,
    modes and the streams of random numbers are afterwards what they were.

    Args:
        network: Takes (batch, 1, height, width); on any device.
        size: Height and width of the image, px.

    Returns:
        The number, or None where the network cannot be passed through under the counter.
    """
    parameter = next(network.parameters(), torch.empty(0))
    image = torch.zeros((1, 1, *size), device=parameter.device)
    devices = [image.device] if image.device.type == "cuda" else []
    modes = [(module, module.training) for module in network.modules()]
    counter = FlopCounterMode(display=False)
    network.eval()
    try:
        # Attention is fused into one operation that the counter knows on GPUs and not on CPUs;
        # taken apart into its two products, it counts the same everywhere.
        with (
            torch.random.fork_rng(devices),
            torch.no_grad(),
            sdpa_kernel(SDPBackend.MATH),
            counter,
        ):
            network(image)
    except Exception:  # What a plugin's network raises is its own; a count costs no finished cell.
        return None
    finally:
        for module, mode in modes:
            module.training = mode
    # The counter takes a multiplication and an addition for two operations.
    return counter.get_total_flops() // 2
