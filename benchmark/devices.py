"""Where and how precisely a network runs: device, autocast and random generators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from benchmark.depthwise import DepthwiseInFloat32
from benchmark.errors import UsageError


def resolve_device(name: str) -> torch.device:
    """``auto`` is the first CUDA GPU where there is one, else the CPU.

    Raises:
        UsageError: CUDA is asked for and torch sees no GPU.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: this torch sees no GPU; use --device cpu")
    return torch.device(name)


# What `auto` means on the CPU of this process: float32 until a worker has asked the store.
_precision_of_cpu = torch.float32


def settle_cpu_precision(precision: torch.dtype) -> None:
    """Say what ``auto`` means on the CPU, for all that this process computes from now on."""
    global _precision_of_cpu
    _precision_of_cpu = precision


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """``auto`` is bfloat16 on a GPU that has it, and on a CPU what was measured to be faster."""
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return _precision_of_cpu


@contextmanager
def autocast(device: torch.device, precision: torch.dtype) -> Iterator[None]:
    """Autocast to bfloat16 where that is the precision, else a context that does nothing."""
    bfloat16 = precision is torch.bfloat16
    with ExitStack() as stack:
        stack.enter_context(torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16))
        if bfloat16 and device.type == "cpu":
            stack.enter_context(DepthwiseInFloat32())
        yield


def generator(seed: int, device: torch.device) -> torch.Generator:
    """A generator on the device, seeded."""
    return torch.Generator(device=device).manual_seed(seed)
