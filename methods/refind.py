"""Re-finding: a random place of one view is to be found again in another view of the image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.errors import UsageError
from benchmark.methods._dense import counterparts, one_view, sampled
from benchmark.methods._joint import (
    JointEmbeddingMethod,
    JointOptions,
    Objective,
    in_full_precision,
)

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.augment import View
    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class RefindOptions(JointOptions):
    """Sizes for pools of a few hundred radiographs."""

    output: int = Field(64, ge=8, description="Width of the projection of a place.")
    view_size: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Side of a view, as a share of the working side. 1: places look as large as "
        "in fine-tuning; views of half the side show the decoder images of half the scale.",
    )
    places: int = Field(64, ge=1, description="Places drawn in each image; those not seen drop.")
    sigma: float = Field(
        0.5,
        gt=0,
        description="Standard deviation of the target around the true place, in cells of the "
        "decoder's output; half a cell is what rounding to the nearest cell would blur.",
    )
    temperature: float = Field(0.1, gt=0, description="Of the softmax over positions.")


class Refind(JointEmbeddingMethod):
    """Pretraining of encoder and decoder on the task nearest to landmark detection.

    A place in the first view is described by the decoder's feature there, and the same anatomy
    is looked for in the second view by a softmax over all its positions; where it lies is known
    from how the views were cut. The landmarks are drawn anew at each step and need no label. The
    negatives are the other places of the same image: those of other images would include the same
    anatomy. The benchmark's own baseline, in the line of CC2D (Yao et al., One-shot medical
    landmark detection, MICCAI 2021) and PixPro (Xie et al., Propagate yourself, CVPR 2021).
    """

    name = "refind"
    title = "Re-finding"
    family = "dense"
    citation = "this benchmark, after Yao et al.: CC2D, MICCAI 2021"
    licence = "Apache-2.0"
    trains = frozenset({"encoder", "decoder"})
    compares_images = False
    Options = RefindOptions
    options: RefindOptions

    def objective(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Objective:
        """Cross-entropy over positions, the loss of the fine-tuning.

        Raises:
            UsageError: The network cannot decode views of this size.
        """
        import torch
        from torch import nn

        from benchmark.warp import constant

        options = self.options
        positions = map_size(backbone, one_view(images, options.view_size).images)
        head = nn.Conv2d(backbone.decoder_channels, options.output, 1)

        def loss(first: View, second: View) -> Tensor:
            shape = (len(first.images), options.places, 2)
            shares = torch.rand(shape, generator=trainer.generator, device=trainer.device)
            height, width = first.images.shape[2:]
            places = shares * constant(shares, width, height) - 0.5
            features = (head(backbone(view.images)) for view in (first, second))
            return in_full_precision(
                lambda one, other: refinding(first, second, one, other, places, options),
                *features,
            )

        return Objective(
            loss,
            heads=[head],
            chance=math.log(positions[0] * positions[1]),
            chance_meaning="chance: log(positions of a view)",
        )


def refinding(
    first: View,
    second: View,
    one: Tensor,
    other: Tensor,
    places: Tensor,
    options: RefindOptions,
) -> Tensor:
    """Cross-entropy over the second view's positions, the protocol's loss of landmarks.

    Args:
        first: The view in which the places lie.
        second: The view in which they are looked for.
        one: Features (batch, channels, h, w) of the first view.
        other: Those of the second.
        places: (batch, n, 2) x and y in px of the first view.
        options: Sigma and temperature.
    """
    from benchmark.heatmaps import valid_landmarks
    from benchmark.losses import softmax_loss
    from benchmark.warp import constant

    height, width = second.images.shape[2:]
    truth = counterparts(first, second, places)
    maps = likeness(sampled(one, places, (height, width)), other) / options.temperature
    scale = constant(truth, other.shape[3] / width, other.shape[2] / height)
    seen = valid_landmarks(truth, (height, width))
    return softmax_loss(maps, (truth + 0.5) * scale - 0.5, seen, options.sigma)


def likeness(queries: Tensor, features: Tensor) -> Tensor:
    """Cosine of each query with each position.

    Args:
        queries: (batch, n, channels).
        features: (batch, channels, h, w).

    Returns:
        (batch, n, h, w) in [-1, 1].
    """
    import torch
    from torch.nn.functional import normalize

    return torch.einsum("bnc,bchw->bnhw", normalize(queries, dim=2), normalize(features, dim=1))


def map_size(backbone: Backbone, views: Tensor) -> tuple[int, int]:
    """(height, width) of the decoder's output.

    Raises:
        UsageError: The network cannot decode images of this size.
    """
    import torch

    training = backbone.training
    try:
        with torch.no_grad():
            height, width = backbone.eval()(views).shape[2:]
    except RuntimeError as error:
        size = f"{views.shape[3]} x {views.shape[2]} px"
        raise UsageError(
            f"refind: the network cannot decode views of {size}: give refind[view_size=1.0]"
        ) from error
    finally:
        backbone.train(training)
    return height, width
