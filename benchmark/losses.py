"""Losses between a detector's logits and landmarks, by name, each with the decoder it calls for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from benchmark.errors import UsageError
from benchmark.heatmaps import SIGMA, Size, gaussian_axes, positive_weight

Loss = Callable[..., Tensor]

DISK_RADIUS_AT_256 = 5 * math.sqrt(2 * math.log(2))
"""Where a Gaussian of sigma 5 px falls to one half: the paper's disks, 5.89 px of 256."""


def softmax_loss(logits: Tensor, points: Tensor, valid: Tensor, sigma: float = SIGMA) -> Tensor:
    """Cross-entropy between the spatial softmax and a unit-mass Gaussian; decode with ``local``.

    -sum target * log softmax = logsumexp(logits) - sum target * logits, because the target has
    mass one; the sum separates, so no heatmap is made. Known as KLDiscretLoss (mmpose) and
    NLLLoss (landmarker). It has no balance of foreground and background to tune, and with ten
    labels it was the most accurate of the losses tried and the one without bad seeds.

    Args:
        logits: (B, L, height, width) raw outputs.
        points: (B, L, 2) x and y in px of the heatmap; NaN where missing.
        valid: (B, L) bool; other landmarks contribute neither loss nor gradient.
        sigma: Standard deviation of the target in px.

    Returns:
        Mean over the valid landmarks in nats; zero where there is none.
    """
    logits = logits.float()
    along_x, along_y = gaussian_axes(points.to(logits.dtype), _size(logits), sigma)
    expected = torch.einsum("bly,blyx,blx->bl", along_y, logits, along_x)
    return _masked_mean(logits.flatten(2).logsumexp(-1) - expected, valid)


def mse_loss(logits: Tensor, points: Tensor, valid: Tensor, sigma: float = SIGMA) -> Tensor:
    """Squared error to a Gaussian of unit height; decode with ``local-linear``.

    The heatmap regression of Payer et al., MICCAI 2016, summed over the map and divided by the
    Gaussian's energy pi sigma^2, so that the empty map, to which it can collapse, costs one.
    Arguments as in :func:`softmax_loss`; returns the mean over the valid landmarks.
    """
    logits = logits.float()
    target = _unit_height(logits, points, sigma)
    error = (logits - target).square().sum((-1, -2)) / (math.pi * sigma**2)
    return _masked_mean(error, valid)


def bce_loss(logits: Tensor, points: Tensor, valid: Tensor, sigma: float = SIGMA) -> Tensor:
    """Binary cross-entropy to a Gaussian of unit height; decode with ``local-sigmoid``.

    As in GU2Net (Zhu et al., MICCAI 2021), with the foreground weighted by
    :func:`benchmark.heatmaps.positive_weight`, without which the empty map is a trap; the decoder
    takes the weight out again. Summed over the map and divided by the weighted foreground.
    Arguments as in :func:`softmax_loss`; returns the mean over the valid landmarks in nats.
    """
    logits = logits.float()
    target = _unit_height(logits, points, sigma)
    weight = positive_weight(_size(logits), sigma)
    error = functional.binary_cross_entropy_with_logits(
        logits, target, reduction="none", pos_weight=logits.new_full((), weight)
    )
    return _masked_mean(error.sum((-1, -2)) / (weight * 2 * math.pi * sigma**2), valid)


def awing_loss(logits: Tensor, points: Tensor, valid: Tensor, sigma: float = SIGMA) -> Tensor:
    """Adaptive Wing loss with its weighted map; decode with ``local-linear``.

    Wang, Bo and Fuxin, ICCV 2019, equations 3 to 5 and section 4.3: alpha 2.1, omega 14,
    epsilon 1, theta 0.5; pixels where the dilated target reaches 0.2 count eleven times.
    Arguments as in :func:`softmax_loss`; returns the mean over the pixels of valid landmarks.
    """
    alpha, omega, epsilon, theta, weight = 2.1, 14.0, 1.0, 0.5, 10.0
    logits = logits.float()
    target = _unit_height(logits, points, sigma)
    power = alpha - target
    ratio = (theta / epsilon) ** power
    slope = omega / (1 + ratio) * power * (theta / epsilon) ** (power - 1) / epsilon
    offset = theta * slope - omega * torch.log1p(ratio)
    error = (logits - target).abs()
    # The near branch is only ever used below theta; bounding it keeps its gradient finite.
    near = omega * torch.log1p((error.clamp_max(theta) / epsilon).pow(power))
    wing = torch.where(error < theta, near, slope * error - offset)
    important = functional.max_pool2d(target, 3, stride=1, padding=1) >= 0.2
    return _masked_mean((wing * (1 + weight * important)).mean((-1, -2)), valid)


def channel_softmax_loss(
    logits: Tensor, points: Tensor, valid: Tensor, sigma: float = SIGMA
) -> Tensor:
    """Cross-entropy over the landmarks at each pixel of a disk; decode with ``contour``.

    Di Via, Odone and Pastore, WACV 2025, as released: the targets are disks of radius 5.89 px at
    256 x 256, scaled with the map's size, and pixels outside all disks cost nothing. Divided by
    the number of disk pixels rather than of all pixels, a factor that AdamW does not notice.
    A missing landmark is left out of the softmax, so it receives no gradient from the others.
    Arguments as in :func:`softmax_loss`, of which ``sigma`` is not used.

    Returns:
        Mean over the disks' pixels in nats; zero where no landmark is valid.
    """
    logits = logits.float()
    disk = _disks(points, valid, _size(logits))
    # A large finite number, because a softmax over nothing but -inf is NaN.
    competing = logits.masked_fill(~valid[..., None, None], -1e9)
    loss = -(competing.log_softmax(1) * disk).sum()
    return loss / disk.sum().clamp_min(1)


def _disks(points: Tensor, valid: Tensor, size: Size) -> Tensor:
    """(B, L, height, width) bool: the pixels of the disk around each valid landmark."""
    height, width = size
    radius = DISK_RADIUS_AT_256 * math.sqrt(height * width) / 256
    rows = torch.arange(height, device=points.device)[:, None]
    columns = torch.arange(width, device=points.device)
    centre = points.nan_to_num()[..., None, None]
    squared = (columns - centre[:, :, 0]).square() + (rows - centre[:, :, 1]).square()
    # Below half a pixel's diagonal a disk between pixels would be empty.
    return (squared <= max(radius, math.sqrt(0.5)) ** 2) & valid[..., None, None]


def _count_landmarks(points: Tensor, valid: Tensor, size: Size) -> Tensor:
    return valid.sum().float()


def _count_disk_pixels(points: Tensor, valid: Tensor, size: Size) -> Tensor:
    return _disks(points, valid, size).sum().float()


@dataclass(frozen=True)
class HeatmapLoss:
    """A loss and what belongs to it.

    Attributes:
        function: Called with logits (B, L, height, width), points (B, L, 2), valid (B, L) and
            ``sigma``; returns a scalar.
        decoder: The decoder in :data:`benchmark.heatmaps.DECODERS` that inverts its target.
        weight: Called with points, valid and the map's size; the number of things, as a scalar,
            of which the loss is the mean: with it, the losses of parts of a batch add up.
    """

    function: Loss
    decoder: str
    weight: Callable[[Tensor, Tensor, Size], Tensor] = _count_landmarks

    def __call__(
        self, logits: Tensor, points: Tensor, valid: Tensor, sigma: float = SIGMA
    ) -> Tensor:
        """The loss, a scalar; see :func:`softmax_loss` for the arguments."""
        loss: Tensor = self.function(logits, points, valid, sigma)
        return loss


LOSSES: MappingProxyType[str, HeatmapLoss] = MappingProxyType(
    {
        "softmax": HeatmapLoss(softmax_loss, "local"),
        "mse": HeatmapLoss(mse_loss, "local-linear"),
        "bce": HeatmapLoss(bce_loss, "local-sigmoid"),
        "awing": HeatmapLoss(awing_loss, "local-linear"),
        "channel-softmax": HeatmapLoss(channel_softmax_loss, "contour", _count_disk_pixels),
    }
)
"""Losses by name; ``softmax`` is the protocol's."""


def heatmap_loss(name: str) -> HeatmapLoss:
    """Look a loss up.

    Raises:
        UsageError: The name is unknown.
    """
    if name not in LOSSES:
        raise UsageError(f"There is no loss '{name}'; choose one of {', '.join(LOSSES)}.")
    return LOSSES[name]


def _size(logits: Tensor) -> Size:
    height, width = logits.shape[-2:]
    return height, width


def _unit_height(logits: Tensor, points: Tensor, sigma: float) -> Tensor:
    """Gaussians of height one around the points, zero for a missing landmark."""
    height, width = _size(logits)
    known = torch.isfinite(points).all(-1)[..., None]
    centre = points.to(logits.dtype).nan_to_num(posinf=0, neginf=0)
    rows = torch.arange(height, device=logits.device) - centre[..., 1:]
    columns = torch.arange(width, device=logits.device) - centre[..., :1]
    along_y = torch.exp(-0.5 * (rows / sigma).square()) * known
    along_x = torch.exp(-0.5 * (columns / sigma).square())
    return along_y[..., :, None] * along_x[..., None, :]


def _masked_mean(each: Tensor, valid: Tensor) -> Tensor:
    """Mean of (B, L) values over the valid landmarks; zero, not NaN, where there is none."""
    return torch.where(valid, each, torch.zeros_like(each)).sum() / valid.sum().clamp_min(1)
