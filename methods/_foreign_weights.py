"""Puts the weights of another network into a backbone: pairs them by name, folds RGB to grey."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

    from benchmark.backbones.base import Backbone

# Where a file holds a network twice, the copy that its paper evaluates: the teacher of DINO, the
# average of EMA training, but the query encoder of MoCo and the online network of BYOL.
PREFERRED = ("teacher", "ema", "model_ema", "state_dict_ema", "ema_state_dict")
SECOND_CHOICE = ("student", "encoder_k", "momentum_encoder", "target_network", "key_encoder")


@dataclass(frozen=True)
class Colours:
    """How the other network's RGB input was normalised: ``(x - mean) / std`` for x in [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True)
class Match:
    """Which tensors of a file belong to which of a backbone.

    Attributes:
        outer: What stands before the network's own names in the file: ``module.encoder_q.``.
        inner: What stands before them in the backbone: ``encoder.model.``.
        pairs: The file's name by the backbone's name, equal in name and shape.
        reshaped: The same, equal in name but of another shape.
        missing: Names of the backbone that the file has not.
        left: Names of the file that the backbone has not.
    """

    outer: str
    inner: str
    pairs: Mapping[str, str]
    reshaped: Mapping[str, str]
    missing: tuple[str, ...]
    left: tuple[str, ...]


def match(source: Mapping[str, Tensor], backbone: Backbone, prefix: str | None = None) -> Match:
    """Pair tensors by name and shape, under those prefixes by which most of them pair.

    Names count as equal where they differ in ``.`` and ``_`` alone: timm writes ``stages.0`` in
    its networks and ``stages_0`` where they give features.

    Args:
        source: The tensors of the file.
        backbone: Where they are to go: as a whole, or its encoder.
        prefix: Only names of the file that begin with this are looked at.
    """
    target: dict[str, Tensor] = backbone.state_dict()
    encoder = [name for name in target if backbone.part_of(name) == "encoder"]
    inners = [p for p in _prefixes(encoder[0]) if all(name.startswith(p) for name in encoder)]
    prefix = prefix or ""
    names = [name for name in source if name.startswith(prefix)]
    votes: Counter[tuple[str, str]] = Counter()
    for inner in inners:
        wanted = _by_flat_name(target, inner)
        for name in names:
            for outer in _prefixes(name):
                found = wanted.get(_flat(name[len(outer) :]))
                if found and outer.startswith(prefix) and fits(source[name], target[found]):
                    votes[outer, inner] += 1
    outer, inner = max(votes, key=lambda both: _merit(votes[both], *both), default=(prefix, ""))
    return _pair(source, target, outer, inner)


def fits(source: Tensor, target: Tensor) -> bool:
    """Whether a tensor can be taken: of the same shape, or a first convolution over RGB."""
    return source.shape == target.shape or _folds(source, target)


def put(module: nn.Module, tensors: Mapping[str, Tensor], colours: Colours) -> list[str]:
    """Copy tensors into a module; a first convolution over RGB is folded to one grey channel.

    A grey image v in [-1, 1] is in each channel ``(v * 0.5 + 0.5 - mean) / std`` for the other
    network: its weights are scaled by ``0.5 / std`` and summed over the channels. What is left is
    a constant a filter; the convolution's bias takes it up, or else the running mean of the batch
    normalisation behind it, so that the folded network answers to v as the other one to three
    channels of it (but at the border, where the other pads with its mean colour and this one with
    0). Where there is neither, the constant is lost.

    Args:
        module: A backbone or a part of it.
        tensors: By the module's own names, each of a shape that :func:`fits`.
        colours: The normalisation of the other network.

    Returns:
        The names of the tensors that were folded.
    """
    import torch

    target: dict[str, Tensor] = module.state_dict()
    folded: dict[str, Tensor] = {}
    with torch.no_grad():
        for name, tensor in tensors.items():
            value = tensor
            if _folds(tensor, target[name]):
                value, folded[name] = _grey(tensor.float(), colours)
            target[name].copy_(value)
        for name, constant in folded.items():
            _take_up(module, name.rpartition(".")[0], constant)
    return list(folded)


def _grey(weight: Tensor, colours: Colours) -> tuple[Tensor, Tensor]:
    """The weight (out, 1, h, w) for one channel in [-1, 1], and the constant (out,) beside it."""
    import torch

    mean = torch.tensor(colours.mean, dtype=weight.dtype).view(1, 3, 1, 1)
    std = torch.tensor(colours.std, dtype=weight.dtype).view(1, 3, 1, 1)
    grey = (weight * (0.5 / std)).sum(dim=1, keepdim=True)
    return grey, (weight * ((0.5 - mean) / std)).sum(dim=(1, 2, 3))


def _take_up(module: nn.Module, convolution: str, constant: Tensor) -> None:
    """Add a constant a channel to what a convolution gives."""
    from torch import nn

    bias = getattr(module.get_submodule(convolution), "bias", None)
    if bias is not None:
        bias.add_(constant.to(bias.device))
        return
    names = [name for name, _ in module.named_modules()]
    for name in names[names.index(convolution) + 1 :]:
        norm = module.get_submodule(name)
        if isinstance(norm, nn.Conv2d):
            return
        if isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None:
            norm.running_mean.sub_(constant.to(norm.running_mean.device))
            return


def _folds(source: Tensor, target: Tensor) -> bool:
    a, b = source.shape, target.shape
    return len(a) == len(b) == 4 and (a[1], b[1]) == (3, 1) and (a[0], *a[2:]) == (b[0], *b[2:])


def _flat(name: str) -> str:
    return name.replace(".", "_")


def _prefixes(name: str) -> Iterator[str]:
    """'', 'a.', 'a.b.' for 'a.b.c'."""
    yield ""
    for place, sign in enumerate(name):
        if sign == ".":
            yield name[: place + 1]


def _by_flat_name(names: Sequence[str] | Mapping[str, Tensor], prefix: str) -> dict[str, str]:
    return {_flat(name[len(prefix) :]): name for name in names if name.startswith(prefix)}


def _merit(count: int, outer: str, inner: str) -> tuple[int, int, int]:
    """Most tensors first, then the preferred copy of the network, then the fewest prefixes."""
    parts = outer.split(".")
    copy = any(part in PREFERRED for part in parts) - any(part in SECOND_CHOICE for part in parts)
    return count, copy, -len(outer) - len(inner)


def _pair(
    source: Mapping[str, Tensor], target: Mapping[str, Tensor], outer: str, inner: str
) -> Match:
    wanted = _by_flat_name(target, inner)
    same_name = {
        wanted[flat]: name for flat, name in _by_flat_name(source, outer).items() if flat in wanted
    }
    pairs = {ours: name for ours, name in same_name.items() if fits(source[name], target[ours])}
    reshaped = {ours: name for ours, name in same_name.items() if ours not in pairs}
    taken = set(same_name.values())
    return Match(
        outer=outer,
        inner=inner,
        pairs=pairs,
        reshaped=reshaped,
        missing=tuple(name for name in target if name not in same_name),
        left=tuple(name for name in source if name not in taken),
    )
