"""Counting the multiply-adds of a network's forward pass on one image."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


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
