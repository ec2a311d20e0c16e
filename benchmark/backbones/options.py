"""Names and options of backbones, without the networks themselves (light to import)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from benchmark.config import validated
from benchmark.errors import UsageError

if TYPE_CHECKING:
    from benchmark.backbones.base import Backbone


def _widths(value: Any) -> Any:
    """``32-64-128`` as a tuple; anything else as it is."""
    return tuple(value.split("-")) if isinstance(value, str) else value


Widths = Annotated[tuple[int, ...], BeforeValidator(_widths)]


class BackboneOptions(BaseModel):
    """Base of the options of a backbone family."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class UNetOptions(BackboneOptions):
    """Options of ``unet``, the diffusers ``UNet2DModel``."""

    channels: Widths = Field(
        (64, 128, 256, 512), description="Channels a level, finest first; independent of size."
    )
    layers: int = Field(1, ge=1, le=4, description="Residual blocks a level.")
    patch: int = Field(
        1,
        ge=1,
        le=4,
        description="Space-to-depth factor at the input: 2 works at half the side, at a quarter "
        "of the cost (Hoogeboom et al., simple diffusion, ICML 2023).",
    )
    attention: bool = Field(False, description="Self-attention at the coarsest level.")
    groups: int = Field(8, ge=1, description="Groups of GroupNorm; divides every width.")

    @model_validator(mode="after")
    def _widths_fit_the_groups(self) -> UNetOptions:
        if len(self.channels) < 2 or any(c <= 0 or c % self.groups for c in self.channels):
            raise ValueError(
                f"channels need two levels or more, each a multiple of groups={self.groups}"
            )
        return self

    @property
    def side_multiple(self) -> int:
        """Image sides must be multiples of this."""
        return int(2 ** (len(self.channels) - 1) * self.patch)


class TimmOptions(BackboneOptions):
    """Options of ``timm/<name>``: a timm encoder under a U-Net decoder."""

    decoder_channels: Widths = Field(
        (128, 64, 48, 32),
        description="Decoder channels, coarsest first; one an octave. Four of five octaves end at "
        "half the side, where the head predicts four pixels a position; a fifth of 16 ends at the "
        "full side, finds more landmarks within 2 mm of a cephalogram, and takes a third longer.",
    )
    depth: int = Field(5, ge=1, le=5, description="Octaves of the encoder.")
    groups: int = Field(8, ge=1, description="Most groups of a GroupNorm.")
    norm: Literal["own", "group"] = Field(
        "own",
        description="Of the encoder: its own, which its ImageNet weights were trained with, or "
        "GroupNorm in the place of each BatchNorm, under which SimCLR on "
        "tf_efficientnet_lite0 from random weights learnt nothing in hundreds of steps.",
    )

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without ``norm`` where it is the encoder's own, so that older keys stay the same."""
        values: dict[str, Any] = handler(self)
        if self.norm == "own":
            values.pop("norm", None)
        return values

    @model_validator(mode="after")
    def _decoder_fits_the_encoder(self) -> TimmOptions:
        if not 1 <= len(self.decoder_channels) <= self.depth:
            raise ValueError(f"decoder_channels need one to depth={self.depth} widths")
        return self

    @property
    def side_multiple(self) -> int:
        """Image sides must be multiples of this."""
        return int(2**self.depth)


@dataclass(frozen=True)
class BackboneSpec:
    """A backbone's name with validated options.

    Attributes:
        name: ``unet`` or ``timm/<name of the encoder>``.
        options: The options of its family.
    """

    name: str
    options: UNetOptions | TimmOptions

    @property
    def side_multiple(self) -> int:
        """Image sides must be multiples of this."""
        return self.options.side_multiple

    @property
    def label(self) -> str:
        """The name, with what makes another encoder of it: ``timm/resnet18[norm=group]``."""
        other = isinstance(self.options, TimmOptions) and self.options.norm != "own"
        return f"{self.name}[norm=group]" if other else self.name

    def as_json(self) -> dict[str, Any]:
        """What identifies the network in a key."""
        return {"name": self.name, "options": self.options.model_dump(mode="json")}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> BackboneSpec:
        """The inverse of :meth:`as_json`."""
        return _spec(values["name"], dict(values["options"]))


def _spec(name: str, options: dict[str, Any]) -> BackboneSpec:
    if name == "unet":
        return BackboneSpec(name, validated(UNetOptions, options, where="backbone unet"))
    if name.startswith("timm/") and len(name) > len("timm/"):
        return BackboneSpec(name, validated(TimmOptions, options, where=f"backbone {name}"))
    raise UsageError(
        f"unknown backbone {name!r}: give 'unet' or 'timm/<name>', "
        "for example timm/tf_efficientnet_lite0"
    )


def parse_backbone(
    text: str, defaults: Mapping[str, Mapping[str, Any]] | None = None
) -> BackboneSpec:
    """Parse ``name[option=value,...]`` over the defaults of its family.

    Args:
        text: For example ``unet[channels=32-64-128,patch=2]``.
        defaults: Default options by family, ``unet`` and ``timm``, as a preset gives them.

    Raises:
        UsageError: The name or an option is unknown or out of range.
    """
    name, bracket, rest = text.strip().partition("[")
    if bracket and not rest.endswith("]"):
        raise UsageError(f"backbone {text!r} lacks its closing bracket")
    options: dict[str, Any] = dict((defaults or {}).get(name.split("/")[0], {}))
    for item in filter(None, rest.removesuffix("]").split(",")):
        key, sign, value = item.partition("=")
        if not sign:
            raise UsageError(f"backbone {text!r}: write {key.strip()}=value")
        options[key.strip()] = value.strip()
    return _spec(name, options)


def module_of(name: str) -> str:
    """The module that holds a network of this name; to import it takes seconds."""
    return f"benchmark.backbones.{'unet' if name == 'unet' else 'timm_unet'}"


def build(spec: BackboneSpec) -> Backbone:
    """Build the network, randomly initialised from torch's global generator.

    Raises:
        UsageError: timm does not know the encoder.
    """
    if isinstance(spec.options, UNetOptions):
        from benchmark.backbones.unet import UNetBackbone

        return UNetBackbone(spec.options)
    from benchmark.backbones.timm_unet import TimmBackbone

    return TimmBackbone(spec.name.removeprefix("timm/"), spec.options)
