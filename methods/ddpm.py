"""DDPM: the network learns to tell an image from the noise that was added to it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from benchmark.methods._restoration import (
    Damaged,
    Restoration,
    RestorationMethod,
    RestorationOptions,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages

# The names that diffusers gives them.
SCHEDULES = {"linear": "linear", "cosine": "squaredcos_cap_v2"}


class DDPMOptions(RestorationOptions):
    """The diffusion process and its training."""

    diffusion_steps: int = Field(1000, ge=10, description="Noise levels, T.")
    schedule: Literal["linear", "cosine"] = Field(
        "cosine",
        description="Cosine keeps more of the small noise levels at low resolution (Nichol and "
        "Dhariwal, ICML 2021); linear as in the paper.",
    )
    prediction: Literal["epsilon", "v_prediction"] = Field(
        "v_prediction",
        description="What the network predicts: the velocity (Salimans and Ho, ICLR 2022), which "
        "learns the coarse image first and so suits short runs, or the noise, as in the paper.",
    )
    time_conditioning: bool = Field(
        default=True,
        description="Whether the network is told the noise level. It can be read from the image, "
        "and networks that are not told it generate nearly as well (Sun et al.: Is noise "
        "conditioning necessary for denoising generative models?, ICML 2025); then the network is "
        "fine-tuned just as it was pretrained.",
    )
    ema_decay: float = Field(
        0.99, ge=0, lt=1, description="Of the averaged weights, which are the ones kept."
    )
    samples: int = Field(8, ge=0, description="Images generated at the end, for the report.")
    sampling_steps: int = Field(50, ge=2, description="Steps of a generated image.")

    @field_validator("schedule", mode="before")
    @classmethod
    def _also_the_name_of_diffusers(cls, value: Any) -> Any:
        return "cosine" if value == SCHEDULES["cosine"] else value


class DDPM(RestorationMethod):
    """Denoising diffusion pretraining of the whole network, decoder included.

    Ho, Jain and Abbeel: Denoising diffusion probabilistic models, NeurIPS 2020; for landmarks
    Di Via, Odone and Pastore: Self-supervised pre-training with diffusion model for few-shot
    landmark detection in x-ray images, WACV 2025.
    """

    name = "ddpm"
    version = 2
    title = "DDPM"
    family = "generative"
    citation = "Di Via, Odone and Pastore, WACV 2025 (arXiv 2407.18125)"
    licence = "Apache-2.0 (scheduler and averaging: diffusers)"
    recordable = True
    Options = DDPMOptions
    options: DDPMOptions

    def restoration(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Restoration:
        """Noise of a random level an image; the noise or the velocity is predicted."""
        import torch

        options, process = self.options, self._process()
        by_velocity = options.prediction == "v_prediction"

        def damage(clean: Tensor) -> Damaged:
            noise = torch.empty_like(clean).normal_(generator=trainer.generator)
            t = torch.empty(len(clean), dtype=torch.long, device=clean.device)
            t.random_(0, options.diffusion_steps, generator=trainer.generator)
            target = process.get_velocity(clean, noise, t) if by_velocity else noise
            return Damaged(process.add_noise(clean, noise, t), target, t=t)

        def restored(damaged: Damaged, predicted: Tensor, _: Tensor) -> Tensor:
            assert damaged.t is not None
            signal: Tensor = process.alphas_cumprod.to(predicted.device)[
                damaged.t, None, None, None
            ]
            noise_part = (1 - signal).sqrt() * predicted
            if by_velocity:
                return signal.sqrt() * damaged.images - noise_part
            return (damaged.images - noise_part) / signal.sqrt()

        return Restoration(
            damage,
            features=lambda damaged: backbone(damaged.images, self._told(damaged.t)),
            restored=restored,
            ema_decay=options.ema_decay,
            reference_meaning="predicting the mean of the targets",
        )

    def show(
        self,
        task: Restoration,
        backbone: Backbone,
        head: nn.Module,
        images: UnlabelledImages,
        trainer: Trainer,
    ) -> None:
        """Keep denoised images, and generated ones."""
        super().show(task, backbone, head, images, trainer)
        if self.options.samples:
            shape = (self.options.samples, 1, *images.size)
            trainer.keep_images("samples", self._sample(backbone, head, shape, trainer))

    def time_steps(self) -> int:
        """The noise levels of the process; 0 where the network is not told of them."""
        return self.options.diffusion_steps if self.options.time_conditioning else 0

    def at_time(self, images: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """sqrt(abar_t) x + sqrt(1 - abar_t) noise; Ho et al., NeurIPS 2020, equation 4."""
        # One process for all calls: it moves its table to the device in the first of them.
        noisy: Tensor = self._shared_process.add_noise(images, noise, t)
        return noisy

    @functools.cached_property
    def _shared_process(self) -> Any:
        return self._process()

    def _told(self, t: Tensor | None) -> Tensor | None:
        """What the network is told of the noise level."""
        return t if self.options.time_conditioning else None

    def _process(self) -> Any:
        """The noise process, which diffusers builds without type annotations."""
        from diffusers import DDPMScheduler

        return DDPMScheduler(  # type: ignore[no-untyped-call]
            num_train_timesteps=self.options.diffusion_steps,
            beta_schedule=SCHEDULES[self.options.schedule],
            prediction_type=self.options.prediction,
        )

    def _sample(
        self,
        backbone: Backbone,
        head: nn.Module,
        shape: tuple[int, int, int, int],
        trainer: Trainer,
    ) -> Tensor:
        """Images generated from pure noise: DDIM's steps with the noise of the DDPM (eta = 1).

        Song, Meng and Ermon: Denoising diffusion implicit models, ICLR 2021. The steps begin at
        the last noise level ("trailing"; Lin et al., WACV 2024), where nothing of an image is
        left, because a start short of it would take the noise for a picture.
        """
        import torch
        from diffusers import DDIMScheduler

        sampler: Any = DDIMScheduler.from_config(  # type: ignore[no-untyped-call]
            self._process().config, timestep_spacing="trailing"
        )
        sampler.set_timesteps(self.options.sampling_steps)
        image = torch.randn(shape, generator=trainer.generator, device=trainer.device)
        backbone.eval()
        with torch.no_grad():
            for t in sampler.timesteps:
                steps = t.to(trainer.device).expand(len(image))
                predicted = head(backbone(image, self._told(steps)))
                image = sampler.step(
                    predicted, t, image, eta=1.0, generator=trainer.generator
                ).prev_sample
        backbone.train()
        return image
