"""Where a landmark can lie, given where the others were found and how the labelled images look.

A map may have its highest peak at another place that looks alike, on the other side of the image.
Together the landmarks of an image are a shape, which single far misses do not hide.

Planar shapes are vectors of complex numbers here, so that a similarity (a turn, a scale and a
shift) is ``a * shape + b`` with two of them.
"""

from __future__ import annotations

import math
from itertools import combinations

import torch
from torch import Tensor

FEWEST = 4
"""Landmarks of a shape: a similarity fits any two of them, and so says nothing of a third."""

PRIOR_SPREAD = 0.03
"""Of landmarks about the mean shape where one image tells nothing, as a share of the image's side
(the root of its area); wide: 25 cephalograms of ISBI 2015 have half of it."""

PRIOR_WEIGHT = 2.0
"""Images that the prior spread counts as."""

MOST_PAIRS = 1000
"""Of landmarks whose similarities are tried; more than there are of 45 landmarks."""

_ALIGNMENTS = 5
_REFINEMENTS = 3


class ShapeModel:
    """The mean shape of labelled images, and how far landmarks stray from it.

    Shapes are aligned by similarities (generalised Procrustes analysis; Gower, 1975).

    Args:
        points: (images, landmarks, 2) x and y in px, NaN where a landmark is missing.
        size: (height, width) of the images in px.
    """

    def __init__(self, points: Tensor, size: tuple[int, int]) -> None:
        shapes = torch.view_as_complex(points.detach().cpu().double().contiguous())
        known = torch.isfinite(points).all(-1).cpu()
        shapes = torch.where(known, shapes, 0)
        mean = shapes[int(known.sum(1).argmax())].clone()
        seen = known[int(known.sum(1).argmax())]
        for _ in range(_ALIGNMENTS):
            # Back to the frame of the mean, where all images count alike.
            a, b = _fitted(mean, shapes, (known & seen).double())
            aligned = (shapes - b[:, None]) / a[:, None]
            seen = known.any(0)
            mean = (aligned * known).sum(0) / known.sum(0).clamp_min(1)
        a, b = _fitted(mean, shapes, known.double())
        stray = (a[:, None] * mean + b[:, None] - shapes).abs().square() * known
        prior = PRIOR_SPREAD * math.sqrt(size[0] * size[1])
        freedom = (known.sum(0) - 1).clamp_min(0)
        variance = (stray.sum(0) + PRIOR_WEIGHT * prior**2) / (freedom + PRIOR_WEIGHT)
        self.mean: Tensor = mean
        """(landmarks) complex, px."""
        self.spread: Tensor = variance.sqrt().masked_fill(~seen, math.inf)
        """(landmarks) root mean square distance in px; infinite where no image has a landmark."""

    @property
    def says_something(self) -> bool:
        """Whether there are landmarks enough."""
        return int(torch.isfinite(self.spread).sum()) >= FEWEST

    def expect(self, points: Tensor, limit: float) -> Tensor:
        """Where the mean shape lies in images whose landmarks were found, some of them wrongly.

        Of the similarity that fits all landmarks and of those through two of them, the one counts
        that has the least sum of squared distances, each up to the limit (MSAC; Torr and
        Zisserman, 2000): far misses cannot spoil it, and most landmarks have to agree. Then it is
        fitted to all that lie within the limit.

        Args:
            points: (images, landmarks, 2) px, NaN where nothing was found.
            limit: In spreads.

        Returns:
            (images, landmarks, 2) px, NaN where too few landmarks were found.
        """
        found = torch.view_as_complex(points.double().contiguous())
        usable = torch.isfinite(points).all(-1) & torch.isfinite(self.spread)
        found = torch.where(usable, found, 0)
        a, b = self._candidates(found, usable)
        distances = self._distances(a[..., None] * self.mean + b[..., None], found[:, None])
        cost = (distances.clamp_max(limit).square() * usable[:, None]).sum(-1)
        best = cost.nan_to_num(math.inf).argmin(1, keepdim=True)
        a, b = a.gather(1, best)[:, 0], b.gather(1, best)[:, 0]
        for _ in range(_REFINEMENTS):
            inside = self._distances(a[:, None] * self.mean + b[:, None], found) <= limit
            refined = _fitted(self.mean, found, (inside & usable) / self.spread.square())
            enough = (inside & usable).sum(1) >= FEWEST
            a, b = torch.where(enough, refined[0], a), torch.where(enough, refined[1], b)
        places = torch.view_as_real(a[:, None] * self.mean + b[:, None])
        return places.masked_fill((usable.sum(1) < FEWEST)[:, None, None], math.nan)

    def _candidates(self, found: Tensor, usable: Tensor) -> tuple[Tensor, Tensor]:
        """Factors and shifts (images, candidates), NaN where a landmark of a pair is missing."""
        pairs = list(combinations(range(len(self.mean)), 2))
        one, other = torch.tensor(pairs[:: math.ceil(len(pairs) / MOST_PAIRS)]).T
        a = (found[:, other] - found[:, one]) / (self.mean[other] - self.mean[one])
        a = torch.where(usable[:, one] & usable[:, other], a, math.nan)
        whole = _fitted(self.mean, found, usable / self.spread.square())
        b = found[:, one] - a * self.mean[one]
        return torch.cat([whole[0][:, None], a], 1), torch.cat([whole[1][:, None], b], 1)

    def _distances(self, places: Tensor, found: Tensor) -> Tensor:
        return (places - found).abs() / self.spread


def _fitted(shape: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The similarities that bring a shape nearest to each target, by weighted least squares.

    Args:
        shape: (landmarks) complex.
        targets: (images, landmarks) complex.
        weights: (images, landmarks).

    Returns:
        (images) factors, which turn and scale, and (images) shifts.
    """
    total = weights.sum(1, keepdim=True).clamp_min(1e-12)
    centre = (weights * shape).sum(1, keepdim=True) / total
    middle = (weights * targets).sum(1, keepdim=True) / total
    centred = shape - centre
    size = (weights * centred.abs().square()).sum(1, keepdim=True)
    turned = (weights * centred.conj() * (targets - middle)).sum(1, keepdim=True)
    # A single landmark says nothing of size and turn, nor do several at one place.
    a = torch.where((size > 0) & (turned.abs() > 0), turned / size.clamp_min(1e-12), 1)
    return a[:, 0], (middle - a * centre)[:, 0]


def limited(maps: Tensor, centres: Tensor, radii: Tensor) -> Tensor:
    """Maps that are lowest outside of circles, so that no peak is found there.

    A map whose circle holds none of its pixels stays as it is.

    Args:
        maps: (images, landmarks, height, width).
        centres: (images, landmarks, 2) x and y in px.
        radii: (landmarks) px, of the circles.
    """
    height, width = maps.shape[-2:]
    rows = torch.arange(height, device=maps.device)[:, None] - centres[..., 1, None, None]
    columns = torch.arange(width, device=maps.device) - centres[..., 0, None, None]
    outside = rows.square() + columns.square() > radii[:, None, None].square()
    outside &= ~outside.all((-2, -1), keepdim=True)
    return torch.where(outside, maps.amin((-2, -1), keepdim=True), maps)
