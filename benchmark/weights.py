"""Weights on disk: safetensors only, named by the part of the backbone that they belong to."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from benchmark.backbones import BackboneSpec, build
from benchmark.backbones.base import Backbone
from benchmark.errors import StoreError
from benchmark.plugins import Part
from benchmark.seeding import stream_seed


def initial_backbone(spec: BackboneSpec, seed: int) -> Backbone:
    """The randomly initialised backbone of a seed: the same for all methods."""
    torch.manual_seed(stream_seed("initialisation", seed))
    return build(spec)


def save_parts(backbone: Backbone, parts: frozenset[Part], path: Path) -> None:
    """Write the tensors of the parts that a method has trained."""
    state = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in backbone.state_dict().items()
        if backbone.part_of(name) in parts
    }
    save_file(state, str(path))


def load_parts(backbone: Backbone, path: Path, parts: frozenset[Part]) -> None:
    """Put saved parts into a backbone; all other tensors stay as they are.

    Args:
        backbone: Changed in place.
        path: What :func:`save_parts` has written.
        parts: Which parts are wanted; those that were not saved are left alone.

    Raises:
        StoreError: The file is damaged, or was written for another network.
    """
    try:
        state = load_file(str(path))
    except Exception as error:
        raise StoreError(f"{path} is damaged ({error}): delete its folder, or run again") from error
    unexpected = sorted(state.keys() - backbone.state_dict().keys())
    if unexpected:
        raise StoreError(
            f"{path} holds {len(unexpected)} tensors that the backbone lacks "
            f"(first: {unexpected[0]}): delete its folder, or run again"
        )
    wanted = {name: tensor for name, tensor in state.items() if backbone.part_of(name) in parts}
    backbone.load_state_dict(wanted, strict=False)
