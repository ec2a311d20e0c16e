"""The backbone ``unet``: diffusers' UNet2DModel, the network of the DDPM."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers.models.unets.unet_2d import UNet2DModel
from torch import Tensor, nn

from benchmark.backbones.base import Backbone, zero_time
from benchmark.backbones.options import UNetOptions
from benchmark.plugins import Part


class UNetBackbone(Backbone):
    """UNet2DModel without its last convolution; ``t=None`` is the step of a clean image, 0.

    Encoder: first convolution, time embedding, down blocks, middle block. Decoder: up blocks
    and the last normalisation. Width does not depend on the image size.
    """

    def __init__(self, options: UNetOptions) -> None:
        super().__init__()
        levels = len(options.channels)
        last_down = "AttnDownBlock2D" if options.attention else "DownBlock2D"
        first_up = "AttnUpBlock2D" if options.attention else "UpBlock2D"
        self.network = UNet2DModel(
            in_channels=options.patch**2,
            out_channels=options.patch**2,
            block_out_channels=options.channels,
            layers_per_block=options.layers,
            down_block_types=("DownBlock2D",) * (levels - 1) + (last_down,),
            up_block_types=(first_up,) + ("UpBlock2D",) * (levels - 1),
            norm_num_groups=options.groups,
            add_attention=options.attention,
        )
        del self.network.conv_out
        self.encoder_channels = options.channels[-1]
        self.decoder_channels = options.channels[0]
        self.output_stride = options.patch

    def encode(self, images: Tensor, t: Tensor | None = None) -> list[Tensor]:
        """Features from fine to coarse: every skip connection, then the middle block's output."""
        time = self._time(images, t)
        hidden = self.network.conv_in(F.pixel_unshuffle(images, self.output_stride))
        features = [hidden]
        for block in self.network.down_blocks:
            hidden, skips = block(hidden_states=hidden, temb=time)
            features.extend(skips)
        features.append(self.network.mid_block(hidden, time))
        return features

    def decode(self, features: list[Tensor], t: Tensor | None = None) -> Tensor:
        """(batch, channels[0], height / patch, width / patch)."""
        time = self._time(features[-1], t)
        *skips, hidden = features
        for block in self.network.up_blocks:
            count = len(block.resnets)
            hidden = block(hidden, tuple(skips[-count:]), time)
            del skips[-count:]
        out: Tensor = self.network.conv_act(self.network.conv_norm_out(hidden))
        return out

    def fuse(self) -> bool:
        """Residual blocks that normalise and activate in one pass, with channels last."""
        from benchmark.backbones.fused_blocks import fuse_blocks

        # The stubs of torch lack this overload.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        fuse_blocks(self)
        return True

    def stages(self) -> list[nn.Module]:
        """First convolution, down blocks (each with its skip connections), middle block."""
        network = self.network
        return [network.conv_in, *network.down_blocks, network.mid_block]

    def part_prefixes(self) -> dict[Part, tuple[str, ...]]:
        """The time embedding counts as encoder: both halves read it, the encoder first."""
        encoder = ("conv_in", "time_proj", "time_embedding", "down_blocks", "mid_block")
        return {
            "encoder": tuple(f"network.{name}" for name in encoder),
            "decoder": ("network.up_blocks", "network.conv_norm_out"),
        }

    def _time(self, batch: Tensor, t: Tensor | None) -> Tensor:
        steps = zero_time(batch) if t is None else t
        embedding = self.network.time_proj(steps).to(dtype=torch.float32)
        out: Tensor = self.network.time_embedding(embedding)
        return out
