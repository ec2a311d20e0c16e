"""The backbones ``timm/<name>``: any timm encoder under a U-Net decoder with GroupNorm."""

from __future__ import annotations

import difflib

import segmentation_models_pytorch as smp
import timm
import torch
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import Tensor, nn

from benchmark.backbones.base import Backbone, group_norm_in_place_of_batch_norm
from benchmark.backbones.options import TimmOptions
from benchmark.errors import UsageError
from benchmark.plugins import Part

TIME_WIDTH = 128


class Modulation(nn.Module):
    """Scale and shift of a feature by time (FiLM; Perez et al., AAAI 2018), zero at the start."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection = nn.Linear(TIME_WIDTH, 2 * channels)
        nn.init.zeros_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)

    def forward(self, feature: Tensor, time: Tensor | None) -> Tensor:
        """The feature itself where ``time`` is None."""
        if time is None:
            return feature
        scale, shift = self.projection(time)[:, :, None, None].chunk(2, dim=1)
        modulated: Tensor = feature * (1 + scale) + shift
        return modulated


class TimmBackbone(Backbone):
    """segmentation-models-pytorch's U-Net on a timm encoder, conditioned on time where asked.

    The decoder's BatchNorm is swapped for GroupNorm: few-shot batches are too small for it. The
    encoder keeps the normalisation that its ImageNet weights were trained with, unless the option
    ``norm`` says otherwise. ``t=None``
    skips the modulation, so that it is exactly the plain network.
    """

    # Up to a sixth faster on CPUs; UNet2DModel with its GroupNorms becomes slower by a tenth.
    memory_format = torch.channels_last

    def __init__(self, encoder: str, options: TimmOptions) -> None:
        super().__init__()
        known = timm.list_models()
        if encoder.split(".", maxsplit=1)[0] not in known:
            close = difflib.get_close_matches(encoder, known, n=3)
            raise UsageError(
                f"unknown backbone 'timm/{encoder}': timm has no such model"
                + (f"; did you mean timm/{' or timm/'.join(close)}?" if close else "")
            )
        name, _, tag = encoder.partition(".")
        if tag and encoder not in timm.list_pretrained(f"{name}.*"):
            raise UsageError(
                f"unknown backbone 'timm/{encoder}': timm has no weights {tag!r} for {name}; leave "
                "the tag out for its default ones"
            )
        self.encoder_name = encoder
        octaves = len(options.decoder_channels)
        # smp wants a decoder block for every octave; those beyond the asked ones are dropped.
        padding = (options.decoder_channels[-1],) * (options.depth - octaves)
        unet = smp.Unet(
            f"tu-{encoder}",
            encoder_weights=None,
            encoder_depth=options.depth,
            in_channels=1,
            classes=1,
            decoder_channels=(*options.decoder_channels, *padding),
        )
        unet.decoder.blocks = unet.decoder.blocks[:octaves]
        group_norm_in_place_of_batch_norm(unet.decoder, options.groups)
        if options.norm == "group":
            group_norm_in_place_of_batch_norm(unet.encoder, options.groups)
        self.encoder, self.decoder = unet.encoder, unet.decoder
        coarsest = int(unet.encoder.out_channels[-1])
        self.time_frequencies = Timesteps(TIME_WIDTH, True, 0)
        self.time_embedding = TimestepEmbedding(TIME_WIDTH, TIME_WIDTH)
        self.modulations = nn.ModuleList(
            Modulation(channels) for channels in (coarsest, *options.decoder_channels)
        )
        self.encoder_channels = coarsest
        self.decoder_channels = options.decoder_channels[-1]
        self.output_stride = 2 ** (options.depth - octaves)
        # The stubs of torch lack this overload.
        self.to(memory_format=self.memory_format)  # type: ignore[call-overload]

    def encode(self, images: Tensor, t: Tensor | None = None) -> list[Tensor]:
        """The image itself and one feature an octave; time enters in the decoder only."""
        batch = images.contiguous(memory_format=self.memory_format)
        features: list[Tensor] = self.encoder(batch)
        return features

    def decode(self, features: list[Tensor], t: Tensor | None = None) -> Tensor:
        """(batch, decoder_channels[-1], height / output_stride, width / output_stride)."""
        time = None if t is None else self.time_embedding(self.time_frequencies(t))
        coarse_to_fine = features[::-1]
        hidden: Tensor = self.modulations[0](self.decoder.center(coarse_to_fine[0]), time)
        for level, block in enumerate(self.decoder.blocks):
            finer = coarse_to_fine[level + 1]
            skip = finer if level + 2 < len(coarse_to_fine) else None
            hidden = block(hidden, *finer.shape[-2:], skip_connection=skip)
            hidden = self.modulations[level + 1](hidden, time)
        return hidden

    def stages(self) -> list[nn.Module]:
        """The modules behind which timm reads the features."""
        names = self.encoder.model.feature_info.module_name()
        children = dict(self.encoder.model.named_modules())
        # Flattened networks write blocks_0 for blocks.0.
        return [children[name if name in children else name.replace(".", "_")] for name in names]

    def part_prefixes(self) -> dict[Part, tuple[str, ...]]:
        """Time conditioning acts in the decoder and belongs to it."""
        return {"encoder": ("encoder",), "decoder": ("decoder", "time_embedding", "modulations")}
