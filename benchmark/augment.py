"""X-ray specific augmentation, batched on the device: geometry that moves landmarks, and physics.

The geometry is a cubic B-spline deformation followed by an affine map, in one resampling; the
appearance is that of another exposure: dose, scatter, detector blur, display curve, collimation.
Everything random comes from an explicit generator. Images are (B, 1, height, width) in [-1, 1],
bone bright; points are (B, L, 2) x and y in px, a pixel's centre having whole coordinates.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

from benchmark.accounting import counted
from benchmark.heatmaps import valid_landmarks
from benchmark.protocol import AugmentationConfig
from benchmark.warp import Warp, constant, random_crop, random_warp, uniform

_READOUT_NOISE = 5.0  # electrons, within the 3 to 10 of flat panel detectors
_ABSORPTION = (3.0, 5.0)  # line integral of attenuation behind the brightest pixel
_SCATTER_TO_PRIMARY = (0.1, 0.9)  # with an anti-scatter grid
_SCATTER_CELLS = 8  # scatter varies over an eighth of the image
_MARGIN = 0.04  # share of the side that collimation leaves around the landmarks


class ViewConfig(BaseModel):
    """Strengths of the views that contrastive methods compare; radiographs are never flipped."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    smallest_area: float = Field(0.4, gt=0, le=1, description="Smallest crop, share of the area.")
    aspect: float = Field(1.25, ge=1, description="Largest stretch of one side over the other.")
    rotation: float = Field(15.0, ge=0, description="Largest rotation, degrees.")
    appearance: AugmentationConfig = Field(
        AugmentationConfig(gamma=0.6, contrast=0.4, brightness=0.3, collimation_probability=0.0),
        description="Display curve, dose, scatter and blur; its geometry is not used.",
    )


class Augmentation:
    """Augmentation for fine-tuning: landmarks move exactly with the image.

    Args:
        config: The strengths; with all of them zero the images come back, up to rounding.
    """

    def __init__(self, config: AugmentationConfig | None = None) -> None:
        self.config = config if config is not None else AugmentationConfig()

    def __call__(
        self, images: Tensor, points: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Augment a batch, each image in its own way.

        Args:
            images: (B, 1, height, width) in [-1, 1].
            points: (B, L, 2) in px, NaN where missing.
            generator: The random stream.

        Returns:
            The images, which brightness and contrast may take out of [-1, 1] as in an ill-set
            window, and the points, some of which may have left the image.
        """
        config = self.config
        if config.rotation or config.scale or config.shift or config.elastic:
            warp = random_warp(images, generator, config)
            images = warp.images(images)
            points = warp.points(points)
        images = expose(images, generator, config)
        if config.collimation_probability > 0:
            images = collimate(images, points, generator, config.collimation_probability)
        return images, points


@dataclass(frozen=True)
class View:
    """A batch of views, and where they come from.

    Attributes:
        images: (B, 1, height, width).
        warp: From places in the view to places in the image.
    """

    images: Tensor
    warp: Warp


@counted("augmentation")
def pretraining_views(
    images: Tensor,
    generator: torch.Generator,
    config: ViewConfig | None = None,
    size: float = 1.0,
) -> tuple[View, View]:
    """Two views of each image: random crop, stretch and rotation, and another exposure.

    Args:
        images: (B, 1, height, width) in [-1, 1].
        generator: The random stream.
        config: The strengths.
        size: Side of a view as a share of the image's.

    Returns:
        Two batches (B, 1, about size x height, about size x width), differently drawn for every
        image; sides are rounded so that networks can halve them as often as half the image's.
        What lies at q in the first lies at ``second.warp.points(first.warp.sources(q))`` in the
        second.
    """
    config = config if config is not None else ViewConfig()
    twice = torch.cat([images, images])
    height, width = images.shape[2:]
    output = (_view_side(height, size), _view_side(width, size))
    warp = random_crop(
        twice,
        generator,
        output,
        smallest_area=config.smallest_area,
        aspect=config.aspect,
        rotation=config.rotation,
    )
    first, second = expose(warp.images(twice), generator, config.appearance).chunk(2)
    first_warp, second_warp = warp.halves()
    return View(first, first_warp), View(second, second_warp)


def _view_side(side: int, share: float) -> int:
    """A share of a side, as a multiple of half the largest power of two up to 32 in the side."""
    step = max(1, math.gcd(side, 32) // 2)
    return max(step, step * round(side * share / step))


def expose(images: Tensor, generator: torch.Generator, config: AugmentationConfig) -> Tensor:
    """Make the radiographs look as if taken and displayed otherwise; see the module's first lines.

    The pixel value v in [0, 1] is taken as a line integral L = absorption x v (Beer-Lambert), so
    the detector saw I = exp(-L). Detector blur, scatter and quantum noise act on I; the display
    curve (gamma), contrast and brightness (window width and level) act on v = -ln I / absorption.
    """
    brightness = (images + 1) / 2
    batch = (len(images), 1, 1, 1)
    scatters, blurs = config.scatter_probability > 0, config.blur * config.blur_probability > 0
    noisy = config.dose is not None and config.noise_probability > 0
    if scatters or blurs or noisy:
        absorption = uniform(generator, images, batch, *_ABSORPTION)
        intensity = (-absorption * brightness.clamp(0, 1)).exp()
        if blurs:
            chosen = _chosen(generator, images, config.blur_probability)
            sigma = uniform(generator, images, batch, 0, config.blur) * chosen
            blurred = functools.partial(_blurred, largest=config.blur)
            intensity = _befall(chosen, blurred, intensity, sigma)
        if scatters:
            chosen = _chosen(generator, images, config.scatter_probability)
            ratio = uniform(generator, images, batch, *_SCATTER_TO_PRIMARY) * chosen
            intensity = _befall(chosen, _scattered, intensity, ratio)
        if noisy and config.dose is not None:
            low, high = (math.log(dose) for dose in config.dose)
            photons = uniform(generator, images, batch, low, high).exp()
            chosen = _chosen(generator, images, config.noise_probability)
            normal = torch.randn(intensity.shape, generator=generator, device=generator.device)
            intensity = _befall(chosen, _counted, intensity, photons, normal.to(images), chosen)
        brightness = (-intensity.log() / absorption).clamp(0, 1)
    if config.gamma > 0:
        gamma = uniform(generator, images, batch, -config.gamma, config.gamma).exp()
        brightness = brightness.clamp_min(1e-6).pow(gamma)
    images = brightness * 2 - 1
    if config.contrast > 0:
        images = images * (1 + uniform(generator, images, batch, -1, 1) * config.contrast)
    if config.brightness > 0:
        images = images + uniform(generator, images, batch, -1, 1) * config.brightness
    return images


def collimate(
    images: Tensor, points: Tensor | None, generator: torch.Generator, probability: float
) -> Tensor:
    """Black out a border in some images, up to 15 % of a side, and never a landmark."""
    batch, (height, width) = len(images), images.shape[2:]
    sides = constant(images, width, height)
    reach = images.new_full((batch, 4), 0.06)  # left, top, right, bottom, as shares of the side
    if points is not None:
        inside = valid_landmarks(points, (height, width))[..., None]
        share = (points.to(images.dtype) + 0.5) / sides
        nearest = share.masked_fill(~inside, 1.0).amin(1)
        farthest = 1 - share.masked_fill(~inside, 0.0).amax(1)
        reach = (torch.cat([nearest, farthest], 1) - _MARGIN).clamp(0, 0.15)
    chosen = _chosen(generator, images, probability).view(batch, 1)
    cut = uniform(generator, images, (batch, 4), 0, 1) * reach * chosen
    low, high = cut[:, :2] * sides - 0.5, (1 - cut[:, 2:]) * sides - 0.5
    columns = torch.arange(width, device=images.device)
    rows = torch.arange(height, device=images.device)
    across = (columns >= low[:, :1]) & (columns <= high[:, :1])
    down = (rows >= low[:, 1:]) & (rows <= high[:, 1:])
    return torch.where(down[:, None, :, None] & across[:, None, None, :], images, -1.0)


def _befall(
    chosen: Tensor, effect: Callable[..., Tensor], images: Tensor, *others: Tensor
) -> Tensor:
    """Let an effect befall the chosen images, which saves a CPU the work on all others.

    A GPU would have to wait until it is known which they are. There the effect sees all images,
    and must by its other arguments leave those as they are that are not chosen.
    """
    if images.device.type != "cpu":
        return effect(images, *others)
    rows = chosen.flatten().nonzero().flatten()
    if len(rows) == 0:
        return images
    return images.index_copy(0, rows, effect(*(values[rows] for values in (images, *others))))


def _counted(intensity: Tensor, photons: Tensor, normal: Tensor, chosen: Tensor) -> Tensor:
    """Quantum and readout noise: a Gaussian with the variance of Poisson counts plus readout."""
    deviation = (intensity / photons + (_READOUT_NOISE / photons).square()).sqrt()
    # The logarithm of what follows needs something counted: exp(-10) is behind any absorption.
    return (intensity + chosen * deviation * normal).clamp_min(math.exp(-10))


def _scattered(intensity: Tensor, ratio: Tensor) -> Tensor:
    """Scatter: the primary, blurred over a good part of the image, at low resolution for speed."""
    coarse = functional.adaptive_avg_pool2d(intensity, _SCATTER_CELLS)
    coarse = functional.avg_pool2d(coarse, 3, stride=1, padding=1, count_include_pad=False)
    height, width = intensity.shape[2:]
    haze = functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    return (intensity + ratio * haze) / (1 + ratio)


def _blurred(images: Tensor, sigma: Tensor, largest: float) -> Tensor:
    """Gaussian blur with a sigma (B, 1, 1, 1) an image, in px, at most ``largest``."""
    radius = max(1, math.ceil(2.5 * largest))
    taps = torch.arange(-radius, radius + 1, device=images.device)
    weights = (-0.5 * (taps / sigma.clamp_min(1e-3)).square()).softmax(-1).split(1, -1)
    padded = functional.pad(images, (radius,) * 4, mode="replicate")
    height, width = images.shape[2:]
    # Sums of shifted images: a grouped convolution takes a CPU three times as long.
    across = torch.zeros_like(padded[..., :width])
    for shift, weight in enumerate(weights):
        across.addcmul_(padded[..., shift : shift + width], weight)
    down = torch.zeros_like(images)
    for shift, weight in enumerate(weights):
        down.addcmul_(across[..., shift : shift + height, :], weight)
    return down


def _chosen(generator: torch.Generator, like: Tensor, probability: float) -> Tensor:
    """(B, 1, 1, 1) of ones and zeros: the images that an effect befalls."""
    return (uniform(generator, like, (len(like), 1, 1, 1), 0, 1) < probability).to(like)
