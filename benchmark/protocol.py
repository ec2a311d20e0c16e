"""The protocol: how detectors are fine-tuned and tested, and the budget of pretraining."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

PositiveInt = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveFloat = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]


class Settings(BaseModel):
    """Base of all settings: frozen, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AugmentationConfig(Settings):
    """Strengths of the fine-tuning augmentation; the same for every method."""

    rotation: NonNegative = Field(10.0, description="Largest rotation, degrees.")
    scale: Fraction = Field(0.12, description="Largest relative change of scale.")
    shift: Fraction = Field(0.05, description="Largest shift, as a fraction of the side.")
    elastic: Fraction = Field(0.01, description="Elastic displacement, fraction of the side.")
    gamma: NonNegative = Field(0.4, description="Largest |log gamma|.")
    contrast: NonNegative = Field(0.2, description="Largest relative change of contrast.")
    brightness: NonNegative = Field(0.2, description="Largest shift of brightness, range [-1, 1].")
    dose: tuple[PositiveFloat, PositiveFloat] | None = Field(
        (2000.0, 30000.0),
        description="Least and most photons a pixel, drawn log-uniformly; None: no noise.",
    )
    noise_probability: Fraction = Field(0.5, description="Share of images with dose noise.")
    scatter_probability: Fraction = Field(0.2, description="Share of images with scatter haze.")
    blur: NonNegative = Field(0.7, description="Largest sigma of the detector blur, px.")
    blur_probability: Fraction = Field(0.2, description="Share of images with detector blur.")
    collimation_probability: Fraction = Field(0.1, description="Share of collimated images.")
    moved: Fraction = Field(
        1.0, description="Share of the images that geometry changes; the others stay in place."
    )

    @model_validator(mode="after")
    def _dose_is_a_range(self) -> Self:
        if self.dose is not None and self.dose[0] > self.dose[1]:
            raise ValueError(f"dose is [least, most], not {list(self.dose)}")
        return self

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without ``moved`` where all images are, so that older keys and records stay the same."""
        values: dict[str, Any] = handler(self)
        if self.moved == 1.0:
            values.pop("moved", None)
        return values


Inputs = Literal["symmetric", "unit"]
Frame = Literal["fit", "squash"]


class PublishedSwitches(Settings):
    """What the recipe of the paper's released code does otherwise; docs/published-protocol.md.

    Each is a switch of its own, and stands by default where the protocol here has it.
    """

    draws: Literal["hash", "sorted"] = Field(
        "hash",
        description="Labelled images of a cell: by the hash of seed and id, or the first ones of "
        "the training set in the order of their names, the same for all seeds.",
    )
    frame: Frame = Field(
        "fit", description="Images keep their aspect, or fill a square of image_size."
    )
    inputs: Inputs = Field(
        "symmetric",
        description="What networks see: [-1, 1] from black to white, or [0, 1] from the darkest to "
        "the brightest pixel of the image; in both stages.",
    )
    labels: Literal["exact", "whole"] = Field(
        "exact", description="Landmarks to train on: unrounded, or at whole working px."
    )
    epochs: Annotated[int, Field(ge=0)] = Field(
        0,
        description="Passes over the labelled images, the last batch of each as small as it comes; "
        "0: protocol.steps counts.",
    )
    schedule: Literal["one-cycle", "constant"] = "one-cycle"
    plateau: Annotated[int, Field(ge=0)] = Field(
        0,
        description="The rate is halved after more passes than this without a smaller loss on the "
        "validation images; 0: never.",
    )
    patience: Annotated[int, Field(ge=0)] = Field(
        0,
        description="Training ends after so many passes without a smaller loss on the validation "
        "images; 0: never.",
    )
    random_rate: PositiveFloat = Field(
        1.0, description="Multiplies the learning rate of networks that start at random."
    )


LATER_OPTIONS = ("weight_average", "views", "shape_limit", "published")
"""Of the protocol, added when there were results already."""


class ProtocolConfig(Settings):
    """Fine-tuning and evaluation: the same for all methods, and owned by the harness."""

    version: int = Field(1, description="Raised whenever the same settings give another result.")
    image_size: PositiveInt = Field(
        144, description="Side of the square, in px, whose area the working images have at most."
    )
    steps: PositiveInt = Field(200, description="Optimiser steps of the fine-tuning.")
    batch_size: PositiveInt = 8
    learning_rate: PositiveFloat = Field(2e-3, description="Peak of the one-cycle schedule.")
    weight_decay: NonNegative = 1e-2
    warmup: Fraction = Field(0.1, description="Share of the steps in which the rate rises.")
    gradient_clip: PositiveFloat = 5.0
    loss: Literal["softmax", "mse", "bce", "awing", "channel-softmax"] = "softmax"
    decoder: Literal[
        "auto",
        "local",
        "local-linear",
        "local-sigmoid",
        "parabola",
        "argmax",
        "soft",
        "contour",
        "released-contour",
    ] = Field("auto", description="auto: the one that inverts the loss's target.")
    sigma: PositiveFloat = Field(1.5, description="Sigma of the target Gaussian, working px.")
    selection: Literal["last", "val", "val-loss"] = Field(
        "last",
        description="Weights to test: the last ones, or those with the least error (val) or loss "
        "(val-loss, looked at after every pass) on the val split.",
    )
    weight_average: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="Decay of the moving average of the weights that is tested in place of the "
        "last ones; 0: none.",
    )
    views: PositiveInt = Field(
        1, description="Views of each test image, itself among them, whose maps are averaged."
    )
    shape_limit: NonNegative = Field(
        0.0,
        description="A landmark that is found further from where the shape of the labelled images "
        "has it, given the other landmarks, is looked for again within this distance, in standard "
        "deviations of the labelled images; 0: all stay where they are found.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="Of the forward pass, here and in pretraining; auto: bfloat16 on a GPU that "
        "has it, and on a CPU where a measurement of a second, kept in the store, finds it faster.",
    )
    augmentation: AugmentationConfig = AugmentationConfig()
    published: PublishedSwitches = PublishedSwitches()

    @model_validator(mode="after")
    def _one_choice_of_weights(self) -> Self:
        if self.weight_average and self.selection != "last":
            raise ValueError(
                f"weight_average and selection = {self.selection!r} both choose the weights to "
                "test; leave one"
            )
        return self

    @model_validator(mode="after")
    def _one_look_at_validation(self) -> Self:
        if self.selection == "val" and (self.published.plateau or self.published.patience):
            raise ValueError(
                "plateau and patience follow the validation loss: selection is 'last' or "
                "'val-loss' with them, not 'val'"
            )
        return self

    @property
    def watches_loss(self) -> bool:
        """Whether the loss on the validation images is looked at after every pass."""
        follows = self.published.plateau or self.published.patience
        return self.selection == "val-loss" or bool(follows)

    @property
    def uses_validation(self) -> bool:
        """Whether labelled validation images have a say in the weights that are tested."""
        return self.selection == "val" or self.watches_loss

    @property
    def takes_from_the_published(self) -> bool:
        """Whether anything is as the paper's released code has it."""
        return self.published != PublishedSwitches()

    def steps_for(self, shots: int) -> int:
        """Optimiser steps of the fine-tuning on so many labelled images, at most."""
        return self.published.epochs * self.steps_a_pass(shots) or self.steps

    def steps_a_pass(self, shots: int) -> int:
        """Batches that hold each labelled image once."""
        return math.ceil(shots / self.batch_size)

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without later options that are not set, so that older keys and records stay the same."""
        values: dict[str, Any] = handler(self)
        for name in LATER_OPTIONS:
            if getattr(self, name) == type(self).model_fields[name].default:
                values.pop(name, None)
        return values


class PretrainingConfig(Settings):
    """The budget of pretraining: equal optimiser steps for all methods."""

    steps: PositiveInt = Field(200, description="Optimiser steps.")
    batch_size: PositiveInt = Field(16, description="Images a step.")
    comparison_batch_size: PositiveInt = Field(
        64,
        description="Images a step of methods whose loss compares the images of a batch: a real "
        "batch, because accumulated gradients add nothing to compare with.",
    )
