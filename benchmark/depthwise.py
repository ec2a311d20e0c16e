"""Depthwise convolutions under autocast on a CPU, where their gradients are slow in bfloat16.

oneDNN has no fast bfloat16 kernel for the gradient of a depthwise convolution with a stride or with
a kernel of more than 3 x 3: it takes three to ten times as long as in float32, in a profile more
than half of a training step of tf_efficientnet_lite0. ``python -m benchmarks.depthwise`` measures
what steps take with and without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

FAST_KERNEL = 3
"""Side of the largest kernel whose gradient without a stride is fast in bfloat16."""


class DepthwiseInFloat32(TorchFunctionMode):
    """In its context the convolutions in question compute in float32, and return bfloat16."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call the function, in float32 where it is such a convolution."""
        if func is F.conv2d and _is_slow(*args, **(kwargs or {})):
            with torch.autocast("cpu", enabled=False):
                return _in_float32(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _is_slow(
    input: Tensor,  # noqa: A002  (the name in torch's interface)
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    *_: Any,
    **__: Any,
) -> bool:
    if not torch.is_autocast_enabled("cpu") or weight.shape[1] != 1 or input.shape[1] == 1:
        return False
    strides = (stride,) if isinstance(stride, int) else stride
    return max(strides) > 1 or max(weight.shape[2:]) > FAST_KERNEL


def _in_float32(
    input: Tensor,  # noqa: A002
    weight: Tensor,
    bias: Tensor | None = None,
    *args: Any,
    **kwargs: Any,
) -> Tensor:
    floats = (input.float(), weight.float(), None if bias is None else bias.float())
    return F.conv2d(*floats, *args, **kwargs).bfloat16()
