"""Models Genesis: the network mends images with false greys, shuffled pixels and painted places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.methods._restoration import (
    Damaged,
    Restoration,
    RestorationMethod,
    RestorationOptions,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class GenesisOptions(RestorationOptions):
    """How often an image is damaged in each way; all as in the authors' configuration."""

    grey: float = Field(0.9, ge=0, le=1, description="Chance of a curve over the grey values.")
    inversion: float = Field(0.5, ge=0, le=1, description="Chance that such a curve is a negative.")
    shuffling: float = Field(0.5, ge=0, le=1, description="Chance of local pixel shuffling.")
    painting: float = Field(0.9, ge=0, le=1, description="Chance of in- or out-painting.")
    outpainting: float = Field(0.8, ge=0, le=1, description="Chance that it is out-painting.")


class Genesis(RestorationMethod):
    """Restores the clean image from a mixture of damages, by mean squared error.

    Zhou, Sodha, Pang, Gotway and Liang: Models Genesis, Medical Image Analysis 2021. The mirrored
    images of the authors' code are left out: radiographs have a left and a right.
    """

    name = "genesis"
    title = "Models Genesis"
    citation = "Zhou et al.: Models Genesis, Medical Image Analysis 2021"
    Options = GenesisOptions
    options: GenesisOptions

    def restoration(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Restoration:
        """Each image is damaged in its own way."""
        return Restoration(
            damage=lambda clean: Damaged(self.damaged(clean, trainer.generator), clean),
            features=lambda damaged: backbone(damaged.images),
            restored=lambda _, predicted, __: predicted,
        )

    def damaged(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Damage images (batch, 1, height, width) in [-1, 1], in the order of the paper."""
        import torch

        from benchmark.methods import _genesis_damage as damages

        def happens(chance: float) -> Tensor:
            draw = torch.rand(len(images), generator=generator, device=images.device)
            return draw < chance

        def chosen(chance: float, changed: Tensor, otherwise: Tensor) -> Tensor:
            return torch.where(happens(chance)[:, None, None, None], changed, otherwise)

        options, unit = self.options, (images + 1) / 2
        unit = chosen(options.shuffling, damages.shuffle_locally(unit, generator), unit)
        curved = damages.change_grey(unit, happens(options.inversion), generator)
        unit = chosen(options.grey, curved, unit)
        places = damages.painted(unit, happens(options.outpainting), generator)
        noise = torch.rand(unit.shape, generator=generator, device=unit.device)
        unit = chosen(options.painting, torch.where(places, noise, unit), unit)
        return unit * 2 - 1
