"""Residual blocks of the U-Net whose normalisation and activation take one kernel each, for GPUs.

In bfloat16 the convolutions take less time than what lies between them: autocast normalises in
float32, which triples the traffic, and every operation reads and writes all features once more.
Here ``torch.compile`` makes one kernel of the sums and one of everything else, for features of all
sizes alike, and features stay in the channels-last order that convolutions want.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn


def fuse_blocks(network: nn.Module) -> None:
    """Give every plain residual block of a network the fused forward pass, in place.

    Names and shapes of weights stay; results differ by rounding.
    """
    for module in network.modules():
        if isinstance(module, ResnetBlock2D) and _is_plain(module):
            module.forward = functools.partial(_forward, module)  # type: ignore[method-assign]


def _is_plain(block: ResnetBlock2D) -> bool:
    """Whether a block is what :func:`_forward` computes, as all of ``UNet2DModel``'s are here."""
    scaled = block.upsample is not None or block.downsample is not None
    return (
        not scaled
        and block.time_embedding_norm == "default"
        and block.output_scale_factor == 1.0
        and isinstance(block.nonlinearity, nn.SiLU)
        and block.dropout.p == 0.0
    )


def _forward(block: Any, features: Tensor, time: Tensor) -> Tensor:
    """As ``ResnetBlock2D.forward``: twice normalise, activate and convolve, and add the input."""
    hidden = block.conv1(activated(features, block.norm1))
    shift = block.time_emb_proj(F.silu(time))
    hidden = block.conv2(activated(hidden, block.norm2, shift))
    if block.conv_shortcut is not None:
        features = block.conv_shortcut(features)
    out: Tensor = features + hidden
    return out


def activated(features: Tensor, norm: nn.GroupNorm, shift: Tensor | None = None) -> Tensor:
    """SiLU of the group-normalised features, computed in float32 whatever their precision.

    Args:
        features: (batch, channels, height, width).
        norm: With weights.
        shift: (batch, channels), added to the features before.

    Returns:
        Of the shape and precision of the features, channels last.
    """
    batch, channels, height, width = features.shape
    # Channels last, so that this is a view; and three sizes that mean batch, places and channels.
    flat = features.permute(0, 2, 3, 1).reshape(batch, height * width, channels)
    # As parameters they would be compiled for, size by size.
    weight, bias = norm.weight.view(-1), norm.bias.view(-1)
    # Autocast would convert before and after, outside of the kernels.
    with torch.autocast(features.device.type, enabled=False):
        out = _compiled()(flat, shift, weight, bias, norm.num_groups, norm.eps)
    return out.view(batch, height, width, channels).permute(0, 3, 1, 2)


@functools.cache
def _compiled() -> Callable[..., Tensor]:
    import torch._dynamo.config
    import torch.fx.experimental._config

    # Channels and places that happen to be as many are no reason to compile anew.
    torch.fx.experimental._config.use_duck_shape = False
    torch._dynamo.config.recompile_limit = 32
    compiled: Callable[..., Tensor] = torch.compile(norm_silu, dynamic=True)
    return compiled


def norm_silu(
    flat: Tensor, shift: Tensor | None, weight: Tensor, bias: Tensor, groups: int, eps: float
) -> Tensor:
    """Group normalisation (Wu and He, ECCV 2018) and SiLU of (batch, places, channels).

    Sums are taken a channel first and then over the channels of a group, so that all passes over
    the features run along channels, as they lie in memory.
    """
    values = flat.float()
    if shift is not None:
        values = values + shift.float()[:, None]
    batch, places, channels = flat.shape
    mean = values.sum(1).view(batch, groups, -1).sum(-1) * (groups / (places * channels))
    square = values.square().sum(1).view(batch, groups, -1).sum(-1) * (groups / (places * channels))
    deviation = (square - mean.square()).clamp_min(0) + eps
    scale = deviation.rsqrt().repeat_interleave(channels // groups, 1) * weight
    offset = bias - mean.repeat_interleave(channels // groups, 1) * scale
    return F.silu(values * scale[:, None] + offset[:, None]).to(flat.dtype)
