"""Denoising autoencoder: the network learns to tell an image from noise of one strength."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from benchmark.methods._restoration import (
    Damaged,
    Restoration,
    RestorationMethod,
    RestorationOptions,
)

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class DenoiseOptions(RestorationOptions):
    """The noise and what is predicted."""

    sigma: float = Field(
        0.22,
        gt=0,
        description="Standard deviation of the noise on images in [0, 1], as in the paper.",
    )
    prediction: Literal["noise", "image"] = Field(
        "noise", description="What the network predicts; the paper found the noise the better."
    )
    ema_decay: float = Field(
        0.99,
        ge=0,
        lt=1,
        description="Of the averaged weights, which are the ones kept; as for the DDPM, from "
        "which this method shall differ in its noise only.",
    )


class Denoise(RestorationMethod):
    """Denoising at one noise level: the control that tells diffusion from plain denoising.

    The DDPM without its many noise levels and without time; everything else is the same. No
    image is ever generated. Brempong et al.: Denoising pretraining for semantic segmentation,
    CVPR workshops 2022, who pretrain the whole network so, or its decoder alone.
    """

    name = "denoise"
    title = "Denoising autoencoder"
    citation = "Brempong et al.: Denoising pretraining for semantic segmentation, CVPRW 2022"
    licence = "Apache-2.0 (averaging: diffusers)"
    Options = DenoiseOptions
    options: DenoiseOptions

    def restoration(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Restoration:
        """Additive Gaussian noise; the noise or the image is predicted."""
        import torch

        # The paper's images lie in [0, 1], ours in [-1, 1].
        sigma = 2 * self.options.sigma
        by_noise = self.options.prediction == "noise"

        def damage(clean: Tensor) -> Damaged:
            noise = torch.empty_like(clean).normal_(generator=trainer.generator)
            return Damaged(clean + sigma * noise, noise if by_noise else clean)

        def restored(damaged: Damaged, predicted: Tensor, _: Tensor) -> Tensor:
            return damaged.images - sigma * predicted if by_noise else predicted

        return Restoration(
            damage,
            features=lambda damaged: backbone(damaged.images),
            restored=restored,
            ema_decay=self.options.ema_decay,
            reference_meaning="predicting no noise" if by_noise else "predicting the mean grey",
        )
