"""DDPM: the network learns to tell an image from the noise that was added to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from benchmark.plugins import Method, PluginOptions

if TYPE_CHECKING:
    from torch import Tensor, nn

    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class DDPMOptions(PluginOptions):
    """The diffusion process and its training."""

    diffusion_steps: int = Field(1000, ge=10, description="Noise levels, T.")
    schedule: Literal["linear", "squaredcos_cap_v2"] = Field(
        "squaredcos_cap_v2",
        description="Cosine keeps more of the small noise levels at low resolution (Nichol and "
        "Dhariwal, ICML 2021); linear as in the paper.",
    )
    prediction: Literal["epsilon", "v_prediction"] = Field(
        "v_prediction",
        description="What the network predicts: the velocity (Salimans and Ho, ICLR 2022), which "
        "learns the coarse image first and so suits short runs, or the noise, as in the paper.",
    )
    learning_rate: float = Field(1e-3, gt=0, description="Peak rate of AdamW.")
    ema_decay: float = Field(
        0.99, ge=0, lt=1, description="Of the averaged weights, which are the ones kept."
    )
    samples: int = Field(8, ge=0, description="Images generated at the end, for the report.")
    sampling_steps: int = Field(50, ge=2, description="Steps of a generated image.")


class DDPM(Method):
    """Denoising diffusion pretraining of the whole network, decoder included.

    Ho, Jain and Abbeel: Denoising diffusion probabilistic models, NeurIPS 2020; for landmarks
    Di Via, Odone and Pastore: Self-supervised pre-training with diffusion model for few-shot
    landmark detection in x-ray images, WACV 2025.
    """

    name = "ddpm"
    title = "DDPM"
    family = "generative"
    citation = "Di Via, Odone and Pastore, WACV 2025 (arXiv 2407.18125)"
    licence = "Apache-2.0 (scheduler and averaging: diffusers)"
    trains = frozenset({"encoder", "decoder"})
    pretraining_data = "pool"
    Options = DDPMOptions
    options: DDPMOptions

    def pretrain(self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer) -> None:
        """Minimise the squared error of the predicted noise; keep the averaged weights."""
        import torch
        import torch.nn.functional as F
        from diffusers import DDPMScheduler
        from diffusers.training_utils import EMAModel

        from benchmark.backbones.base import PixelHead

        options = self.options
        # diffusers builds its schedulers without type annotations.
        process: Any = DDPMScheduler(  # type: ignore[no-untyped-call]
            num_train_timesteps=options.diffusion_steps,
            beta_schedule=options.schedule,
            prediction_type=options.prediction,
        )
        head = PixelHead(backbone, 1).to(trainer.device)
        parameters = [*backbone.parameters(), *head.parameters()]
        average = EMAModel(parameters, decay=options.ema_decay, use_ema_warmup=True, power=0.75)
        average.to(trainer.device)

        squares: list[Tensor] = []

        def loss(batch: Tensor) -> Tensor:
            noise = torch.empty_like(batch).normal_(generator=trainer.generator)
            t = torch.empty(len(batch), dtype=torch.long, device=batch.device)
            t.random_(0, options.diffusion_steps, generator=trainer.generator)
            noisy = process.add_noise(batch, noise, t)
            by_velocity = options.prediction == "v_prediction"
            target = process.get_velocity(batch, noise, t) if by_velocity else noise
            squares.append(target.square().mean())
            return F.mse_loss(head(backbone(noisy, t)).float(), target)

        trainer.fit(
            loss,
            [backbone, head],
            images,
            learning_rate=options.learning_rate,
            after_step=lambda _: average.step(parameters),
        )
        average.copy_to(parameters)
        trainer.note(
            reference_loss=float(torch.stack(squares).mean()), reference_meaning="predicting zero"
        )
        if options.samples:
            shape = (options.samples, 1, *images.size)
            trainer.keep_images("samples", self._sample(backbone, head, process, shape, trainer))

    def _sample(
        self,
        backbone: Backbone,
        head: nn.Module,
        process: Any,
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
            process.config, timestep_spacing="trailing"
        )
        sampler.set_timesteps(self.options.sampling_steps)
        image = torch.randn(shape, generator=trainer.generator, device=trainer.device)
        backbone.eval()
        with torch.no_grad():
            for t in sampler.timesteps:
                steps = t.to(trainer.device).expand(len(image))
                predicted = head(backbone(image, steps))
                image = sampler.step(
                    predicted, t, image, eta=1.0, generator=trainer.generator
                ).prev_sample
        backbone.train()
        return image
